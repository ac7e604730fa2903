"""What an instrument measures.

Example: ``What does an anemometer measure?`` with the options wind speed, acidity, rainfall
and altitude; target ``(A)``. General: reading options and finding a stated property among
them. Special: the purpose of each instrument.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nesy.benchmarks.synth import PEOPLE, Item, beside, choosing, option_of
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = "instruments"

_STEMS = (
    "What does {it} measure?",
    "Which of these is measured with {it}?",
    "A {who} at a {where} takes a reading with {it}. Which quantity does the reading describe?",
    "{name} finds {it} in the science room. What can {name} measure with it?",
    "A class is planning an investigation and borrows {it}. What will the class measure with it?",
    "{name} has lost the label of {it}. Which of these should the new label say that it measures?",
)
_WHO = ("scientist", "technician", "student", "researcher", "trainee", "visitor", "volunteer")
_WHERE = ("field station", "laboratory", "college", "museum", "research ship", "science fair")


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask what one instrument measures, with three other quantities of the table."""
    fact = rng.choice(facts)
    choices = beside(rng, fact, "measures", FACTS)
    article = fact.statement.split()[0].lower()
    stem = rng.choice(_STEMS).format(
        it=f"{article} {fact.subject}",
        who=rng.choice(_WHO),
        where=rng.choice(_WHERE),
        name=rng.choice(PEOPLE),
    )
    return choosing(stem, choices, fact, {"value": fact.fields["measures"], "choices": choices})


derive = option_of
