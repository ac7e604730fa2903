"""Fractions of an amount taken one after the other, and what is left.

Example: "Ralph bakes 36 muffins. The guests eat a third of them, and then Sadie takes half of the
rest. How many muffins does Ralph have then?" 36 - 36 / 3 = 24, 24 / 2 = 12. General ability: take
each fraction of what is there at that moment. No special knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import Item
from nesy.facts import Fact

BENCHMARK = "synth-gsm"
FACTS: str | None = None

_NAMES = ("Anton", "Celia", "Derek", "Ella", "Frida", "Jana", "Milo", "Nell", "Ralph", "Sadie")
_THINGS = ("muffins", "eggs", "lemons", "peaches", "pies", "rolls", "pears", "dumplings", "figs")
_GOODS = ("coat", "drum", "bed", "phone", "kayak", "rug", "watch", "stove", "ladder", "robot")
_TEXTS = {
    "half third": "{who} picks {m} {things}, sells half of them and then gives a third of the "
    "others to {other}. How many {things} does {who} keep?",
    "eaten": "{who} bakes {m} {things}. The guests eat a third of them, and then {other} takes "
    "half of the rest. How many {things} does {who} have then?",
    "refill": "A kitchen has {m} {things} and uses up 1/{a} of them. Then {who} buys another {b}. "
    "How many {things} are in the kitchen now?",
    "budget": "{who} has {m} dollars and spends 1/{a} of the money on a {good}. 1/{b} of what "
    "remains goes to {other}. How many dollars does {who} still have?",
    "seats": "A theater has {m} seats. A quarter of them are for children and {b} are broken. "
    "How many seats are there for others?",
    "puzzle": "{who} has finished {a}/{b} of a puzzle with {m} pieces. "
    "How many pieces are still missing?",
    "at first": "{who} spends half of some money on a {good} and {a} dollars on food. "
    "After that {b} dollars are left. How many dollars did {who} have at first?",
    "day": "Half of the {m} {things} in a store are sold in the morning and {a} of the others in "
    "the evening. How many {things} are not sold?",
}
_TARGETS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "half third": lambda p: p["m"] // 2 - p["m"] // 2 // 3,
    "eaten": lambda p: (p["m"] - p["m"] // 3) // 2,
    "refill": lambda p: p["m"] - p["m"] // p["a"] + p["b"],
    "budget": lambda p: p["m"] * (p["a"] - 1) // p["a"] * (p["b"] - 1) // p["b"],
    "seats": lambda p: p["m"] - p["m"] // 4 - p["b"],
    "puzzle": lambda p: p["m"] - p["m"] // p["b"] * p["a"],
    "at first": lambda p: 2 * (p["a"] + p["b"]),
    "day": lambda p: p["m"] // 2 - p["a"],
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Make one item; ``facts`` is not used."""
    who, other = rng.sample(_NAMES, 2)
    plan = rng.choice(list(_TEXTS))
    numbers = _draw(rng, plan)
    params = {"plan": plan, **numbers}
    things, good = rng.choice(_THINGS), rng.choice(_GOODS)
    text = _TEXTS[plan].format(who=who, other=other, things=things, good=good, **numbers)
    return Item(text=text, target=derive(params), kind="number", params=params)


def derive(params: Mapping[str, Any]) -> str:
    """Return the target of the plan with its numbers."""
    return str(_TARGETS[params["plan"]](params))


def _draw(rng: Random, plan: str) -> dict[str, int]:
    a, b, part = rng.randint(3, 9), rng.randint(3, 9), rng.randint(2, 60)
    if plan == "half third":
        return {"m": 6 * part}
    if plan == "eaten":
        return {"m": 3 * part}
    if plan == "refill":
        return {"m": a * part, "a": a, "b": rng.randint(2, 60)}
    if plan == "budget":
        return {"m": a * b * rng.randint(2, 20), "a": a, "b": b}
    if plan == "seats":
        part = rng.randint(8, 200)
        return {"m": 4 * part, "b": rng.randint(2, 20)}
    if plan == "puzzle":
        return {"a": rng.randint(2, b - 1), "b": b, "m": b * part}
    if plan == "at first":
        return {"a": rng.randint(2, 90), "b": part}
    part += 3
    return {"m": 2 * part, "a": rng.randint(2, part - 1)}
