"""Which element a mineral is an ore of.

Example: ``Galena is an ore of which element?`` with the options zinc, lead, boron and
titanium; target ``(B)``. General: reading options. Special: the ores.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nesy.benchmarks.synth import PEOPLE, Item, beside, choosing, option_of
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = "minerals"

_STEMS = (
    "The mineral {it} is an ore of which element?",
    "A mine near a {where} digs out the mineral {it}. Which element is obtained from this ore?",
    "{name} adds a sample of the mineral {it} to a rock collection. "
    "Which element is this mineral an ore of?",
    "A geologist finds a large body of the mineral {it} below a {where}. "
    "Which element could be obtained by mining it?",
    "A factory buys the mineral {it} as an ore. Which of these does the factory obtain from it?",
)
_WHERE = ("village", "town", "river", "desert", "forest", "mountain pass", "harbour", "lake")


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for the element of one ore, with three others that the ore does not yield."""
    fact = rng.choice(facts)
    choices = beside(rng, fact, "element", FACTS)
    stem = rng.choice(_STEMS).format(
        it=fact.subject, where=rng.choice(_WHERE), name=rng.choice(PEOPLE)
    )
    return choosing(stem, choices, fact, {"value": fact.fields["element"], "choices": choices})


derive = option_of
