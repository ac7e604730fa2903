"""Which body a moon orbits, or on which body a named feature is found.

Example: ``Which body does the moon Umbriel orbit?`` with the options Saturn, Uranus, Mars and
Neptune; target ``(B)``. General: reading options. Special: the moons and features.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nesy.benchmarks.synth import PEOPLE, Item, beside, choosing, option_of
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = "solar_system"

_STEMS = {
    "moon": (
        "Which body does the moon {it} orbit?",
        "A probe is sent to photograph the moon {it}. Which body does this moon orbit?",
        "{name} sees the moon {it} through the telescope of a {where}. "
        "Around which body does it move?",
        "A model in a {where} shows the moon {it} moving around a larger body. Which body is it?",
        "{name} is labelling a chart of the solar system. Beside which body belongs the moon {it}?",
    ),
    "feature": (
        "On which body of the solar system is {it} found?",
        "A probe is sent to photograph {it}. Where must it go?",
        "{name} sees a picture of {it} in a {where}. On which body was the picture taken?",
        "A poster in a {where} shows a map of {it}. Which body does the map belong to?",
    ),
}
_WHERE = ("museum", "school", "planetarium", "college", "library", "science centre", "university")


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for the body of one moon or feature, with three other bodies of the table."""
    fact = rng.choice(facts)
    choices = beside(rng, fact, "body", FACTS)
    article = "the " if fact.statement.startswith(f"The {fact.subject}") else ""
    stem = rng.choice(_STEMS[fact.fields["kind"]]).format(
        it=article + fact.subject, where=rng.choice(_WHERE), name=rng.choice(PEOPLE)
    )
    return choosing(stem, choices, fact, {"value": fact.fields["body"], "choices": choices})


derive = option_of
