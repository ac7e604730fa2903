"""Which group an animal belongs to.

Example: ``To which group of animals does the axolotl belong?`` with the options reptile,
fish, amphibian and mollusc; target ``(C)``. General: reading options. Special: the animals.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nesy.benchmarks.synth import PEOPLE, Item, beside, choosing, option_of
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = "animals"

_STEMS = (
    "To which group of animals does the {it} belong?",
    "{name} reads about the {it} in a {where}. Which kind of animal is the {it}?",
    "A {where} has a display about the {it}. Under which heading should the display be placed?",
    "A class sorts pictures of animals into groups. Into which group does the {it} go?",
    "How is the {it} classified?",
    "{name} wants to find the {it} in a field guide. Which chapter should {name} open?",
)
_WHERE = ("museum", "school", "library", "nature centre", "zoo", "college", "visitor centre")


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for the group of one animal, with three other groups of the table."""
    fact = rng.choice(facts)
    choices = beside(rng, fact, "group", FACTS)
    stem = rng.choice(_STEMS).format(
        it=fact.subject, where=rng.choice(_WHERE), name=rng.choice(PEOPLE)
    )
    return choosing(stem, choices, fact, {"value": fact.fields["group"], "choices": choices})


derive = option_of
