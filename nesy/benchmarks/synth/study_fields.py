"""What a field of study is about.

Example: ``What does mycology study?`` with the options fungi, ferns, rivers and coins;
target ``(A)``. General: reading options. Special: the names of the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nesy.benchmarks.synth import PEOPLE, Item, beside, choosing, option_of
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = "sciences"

_STEMS = (
    "What does {it} study?",
    "{name} takes a course in {it} at a {where}. What is the course about?",
    "A {where} opens a department of {it}. What do the people who work there study?",
    "A book about {it} arrives at a {where}. Which subject is the book about?",
    "Which of these is the subject of {it}?",
    "{name} wants to become an expert in {it}. What will {name} have to learn about?",
)
_WHERE = ("university", "museum", "college", "library", "research institute", "summer school")


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for the subject of one field, with three other subjects of the table."""
    fact = rng.choice(facts)
    choices = beside(rng, fact, "studies", FACTS)
    stem = rng.choice(_STEMS).format(
        it=fact.subject, where=rng.choice(_WHERE), name=rng.choice(PEOPLE)
    )
    return choosing(stem, choices, fact, {"value": fact.fields["studies"], "choices": choices})


derive = option_of
