"""Reading a small table of measurements.

Example: four plants with their heights, ``Which plant had the greatest height?`` with the
plants as options, or ``How much greater …`` with numbers as options. General: all of it, by
comparing row after row or by one subtraction. Special: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from nesy.benchmarks.synth import PEOPLE, Item, letter, options
from nesy.errors import BenchmarkError
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = None


@dataclass(frozen=True)
class _Study:
    intro: str
    row: str
    quantity: str
    unit: str
    names: tuple[str, ...]


_STUDIES = (
    _Study(
        "{name} grew plants on a window sill and recorded the height of each after {n} days.",
        "plant",
        "height",
        "cm",
        ("basil", "mint", "thyme", "sage", "parsley", "dill", "chives", "oregano"),
    ),
    _Study(
        "{name} put an ice cube on each of several materials and recorded the melting time.",
        "material",
        "melting time",
        "minutes",
        ("steel", "wood", "glass", "wool", "cork", "copper", "plastic", "felt"),
    ),
    _Study(
        "Each of {n} toy cars rolled down a ramp. {name} recorded the distance for the best ones.",
        "car",
        "distance",
        "cm",
        ("red car", "blue car", "green car", "white car", "black car", "silver car"),
    ),
    _Study(
        "Soil from several places was dried. {name} recorded the mass of water that it had held.",
        "soil",
        "mass of water",
        "grams",
        ("sand", "clay", "loam", "peat", "gravel", "silt", "compost"),
    ),
    _Study(
        "For {n} days {name} counted the birds of each kind that came to a pond.",
        "bird",
        "number",
        "birds",
        ("ducks", "swans", "herons", "coots", "geese", "gulls", "grebes"),
    ),
    _Study(
        "{name} dissolved several substances in equal cups of water and recorded the amount.",
        "substance",
        "amount",
        "grams",
        ("salt", "sugar", "baking soda", "alum", "borax", "citric acid", "washing soda"),
    ),
    _Study(
        "A class heated several liquids for {n} minutes. {name} recorded the temperature of each.",
        "liquid",
        "temperature",
        "degrees",
        ("water", "milk", "olive oil", "vinegar", "syrup", "apple juice", "brine"),
    ),
)
_ASKS = {
    "most": (
        "Which {row} had the greatest {quantity}?",
        "According to the table, which {row} had the largest {quantity}?",
    ),
    "least": (
        "Which {row} had the smallest {quantity}?",
        "According to the table, which {row} had the least {quantity}?",
    ),
    "difference": (
        "How much greater was the {quantity} for {a} than for {b}?",
        "By how much did the {quantity} for {a} exceed that for {b}?",
    ),
    "above": (
        "In how many rows of the table is the {quantity} more than {limit} {unit}?",
        "How many rows of the table are above {limit} {unit}?",
    ),
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for the largest, the smallest, a difference or a count of one table."""
    study = rng.choice(_STUDIES)
    rows = dict(zip(rng.sample(study.names, 4), rng.sample(range(3, 99), 4), strict=True))
    ask = rng.choice(list(_ASKS))
    a, b = sorted(rng.sample(list(rows), 2), key=lambda name: -rows[name])
    limit = rng.randrange(min(rows.values()) - 1, max(rows.values()))
    choices = list(rows)
    if ask == "difference":
        right = rows[a] - rows[b]
        near = {right + step for step in range(-5, 6)} | {rows[a], rows[b], rows[a] + rows[b]}
        below = sorted(n for n in near if 0 < n < right)
        above = sorted(n for n in near if n > right)
        smaller = rng.randint(0, min(3, len(below)))
        wrong = rng.sample(below, smaller) + rng.sample(above, 3 - smaller)
        choices = [str(n) for n in sorted([right, *wrong])]
    elif ask == "above":
        choices = [str(n) for n in range(1, 5)]
    rng.shuffle(choices)
    intro = study.intro.format(name=rng.choice(PEOPLE), n=rng.randint(4, 30))
    stem = rng.choice(_ASKS[ask]).format(
        row=study.row, quantity=study.quantity, unit=study.unit, a=a, b=b, limit=limit
    )
    table = _table(study, rows, piped=rng.random() < 0.5)
    params = {"rows": rows, "ask": ask, "a": a, "b": b, "limit": limit, "choices": choices}
    return Item(
        text=f"{intro}\n{table}\n{stem}\n{options(choices)}",
        target=derive(params),
        kind="choice",
        params=params,
        choices=tuple(choices),
    )


def derive(params: Mapping[str, Any]) -> str:
    """Return the option that the rows give.

    Raises:
        ValueError: no option does.
    """
    rows = params["rows"]
    match params["ask"]:
        case "most":
            right = max(rows, key=rows.get)
        case "least":
            right = min(rows, key=rows.get)
        case "difference":
            right = str(rows[params["a"]] - rows[params["b"]])
        case "above":
            right = str(sum(value > params["limit"] for value in rows.values()))
        case ask:
            raise BenchmarkError(f"read_the_table: unknown ask {ask}; known: {', '.join(_ASKS)}")
    return letter(params["choices"].index(right))


def _table(study: _Study, rows: Mapping[str, int], *, piped: bool) -> str:
    if piped:
        head = f"| {study.row} | {study.quantity} ({study.unit}) |"
        return "\n".join([head, *(f"| {name} | {value} |" for name, value in rows.items())])
    return "\n".join(f"{name}: {value} {study.unit}" for name, value in rows.items())
