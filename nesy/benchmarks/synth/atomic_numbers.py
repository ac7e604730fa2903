"""Counting the particles of an atom from its element's atomic number.

Example: ``An atom of yttrium has a mass number of 89. How many neutrons does it have?`` with
numbers as options; target the option ``50``. General: protons, electrons and neutrons follow
from the atomic number in one step. Special: the atomic numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import PEOPLE, Item, letter, options
from nesy.errors import BenchmarkError
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = "elements"

_STEMS = {
    "protons": (
        "How many protons are in the nucleus of an atom of {it}?",
        "{name} builds a model of an atom of {it}. How many protons does the model need?",
    ),
    "electrons": ("How many electrons does a neutral atom of {it} have?",),
    "neutrons": (
        "An atom of {it} has a mass number of {other}. How many neutrons does it have?",
        "{name} draws the nucleus of an atom of {it} with a mass number of {other}. "
        "How many neutrons belong in the drawing?",
    ),
    "lost": ("A neutral atom of {it} loses {other} electrons. How many electrons are left?",),
    "gained": ("A neutral atom of {it} gains {other} electrons. How many electrons has it now?",),
    "more": (
        "A nucleus has {other} protons. How many more protons has the nucleus of an atom of {it}?",
    ),
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for a number of particles, with three near numbers as wrong options."""
    fact = rng.choice(facts)
    value = fact.fields["number"]
    ask = rng.choice([kind for kind, stems in _STEMS.items() for _ in stems])
    other = 0
    if ask == "neutrons":
        other = fact.fields["mass"] + rng.choice((0, 0, 1, 2))
    elif ask == "more":
        other = rng.randint(1, value - 1)
    elif ask in ("lost", "gained"):
        other = rng.choice((1, 2) if value < 4 else (1, 2, 3))
    right = _count(ask, value, other)
    near = {right + step for step in range(-4, 5)} | {value, other, value + other}
    below = sorted(n for n in near if 0 < n < right)
    above = sorted(n for n in near if n > right)
    smaller = rng.randint(0, min(3, len(below)))
    wrong = rng.sample(below, smaller) + rng.sample(above, 3 - smaller)
    choices = [str(n) for n in sorted([right, *wrong])]
    stem = rng.choice(_STEMS[ask]).format(it=fact.subject, other=other, name=rng.choice(PEOPLE))
    if other == 1:
        stem = stem.replace(" 1 electrons", " 1 electron").replace(" 1 protons", " 1 proton")
    params = {"value": value, "ask": ask, "other": other, "choices": choices}
    return Item(
        text=f"{stem}\n{options(choices)}",
        target=derive(params),
        kind="choice",
        params=params,
        choices=tuple(choices),
        facts=(fact.id,),
    )


def derive(params: Mapping[str, Any]) -> str:
    """Return the option that holds the count which follows from the atomic number ``value``.

    Raises:
        ValueError: no option does.
    """
    count = _count(params["ask"], params["value"], params["other"])
    return letter(params["choices"].index(str(count)))


def _count(ask: str, value: int, other: int) -> int:
    match ask:
        case "protons" | "electrons":
            return value
        case "neutrons":
            return other - value
        case "lost" | "more":
            return value - other
        case "gained":
            return value + other
    raise BenchmarkError(f"atomic_numbers: unknown quantity {ask}; known: {', '.join(_STEMS)}")
