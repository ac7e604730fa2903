"""Speed, time and distance over one leg or two, and on the way back.

Example: "Otto has to drive 230 kilometers. After 2 hours at 70 kilometers an hour Otto slows down
to 30 kilometers an hour. How many hours does the rest of the way take?" (230 - 2 * 70) / 30 = 3.
General ability: work out each leg by itself, in the right order. No special knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import Item
from nesy.facts import Fact

BENCHMARK = "synth-gsm"
FACTS: str | None = None

_NAMES = ("Ada", "Boris", "Clara", "Emil", "Flora", "Greta", "Ivan", "Lara", "Otto", "Rita", "Theo")
_GOALS = ("coast", "harbor", "castle", "lake", "airport", "farm", "museum", "village", "stadium")
_TEXTS = {
    "legs": "{who} rides {a} miles an hour for {b} hours and then {c} miles an hour for {d} hours. "
    "How many miles does {who} ride?",
    "left": "It is {m} miles to the {goal}. {who} drives toward it at {a} miles an hour for {b} "
    "hours. How many miles must {who} still drive?",
    "rest": "{who} has to drive {m} kilometers. After {b} hours at {a} kilometers an hour {who} "
    "slows down to {c} kilometers an hour. How many hours does the rest of the way take?",
    "van": "The {goal} is {a} miles away, and a van of {who} goes there and back {k} times a "
    "day. How many miles does the van go in {n} days?",
    "return": "{who} cycles to the {goal} in {b} hours at {a} kilometers an hour and comes home "
    "the same way at {c} kilometers an hour. How many hours does the way home take?",
    "apart": "A bus and a truck leave the {goal} at noon in opposite directions, one at {a} and "
    "the other at {b} miles an hour. How many miles are between them after {c} hours?",
    "hours": "{who} hikes {m} miles at {a} miles an hour and then {n} miles at {b} miles an hour. "
    "How many hours is {who} on the way?",
    "same": "A train needs {b} hours for {m} kilometers. If its speed stays the same, "
    "how many kilometers does it go in {c} hours?",
}
_TARGETS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "legs": lambda p: p["a"] * p["b"] + p["c"] * p["d"],
    "left": lambda p: p["m"] - p["a"] * p["b"],
    "rest": lambda p: (p["m"] - p["a"] * p["b"]) // p["c"],
    "van": lambda p: 2 * p["a"] * p["k"] * p["n"],
    "return": lambda p: p["a"] * p["b"] // p["c"],
    "apart": lambda p: (p["a"] + p["b"]) * p["c"],
    "hours": lambda p: p["m"] // p["a"] + p["n"] // p["b"],
    "same": lambda p: p["m"] // p["b"] * p["c"],
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Make one item; ``facts`` is not used."""
    plan = rng.choice(list(_TEXTS))
    numbers = _draw(rng, plan)
    params = {"plan": plan, **numbers}
    text = _TEXTS[plan].format(who=rng.choice(_NAMES), goal=rng.choice(_GOALS), **numbers)
    return Item(text=text, target=derive(params), kind="number", params=params)


def derive(params: Mapping[str, Any]) -> str:
    """Return the target of the plan with its numbers."""
    return str(_TARGETS[params["plan"]](params))


def _draw(rng: Random, plan: str) -> dict[str, int]:
    a, c = rng.randint(20, 80), rng.randint(20, 80)
    b, d = rng.randint(2, 9), rng.randint(2, 9)
    if plan == "legs":
        return {"a": a // 4, "b": b, "c": c // 4, "d": d}
    if plan == "left":
        return {"a": a, "b": b, "m": a * b + rng.randint(2, 200)}
    if plan == "rest":
        a = c + rng.randint(2, 40)
        return {"m": a * b + c * d, "b": b, "a": a, "c": c}
    if plan == "van":
        return {"a": a, "k": rng.randint(2, 6), "n": b}
    if plan == "return":
        # Hours there, hours back and a step of the speeds, so that both take whole hours.
        b, back, step = *rng.sample(range(3, 10), 2), rng.randint(1, 3)
        return {"b": b, "a": back * step, "c": b * step}
    if plan == "apart":
        return {"a": a, "b": c, "c": b}
    if plan == "hours":
        fast, slow = rng.randint(2, 6), rng.randint(2, 6)
        return {"m": fast * b, "a": fast, "n": slow * d, "b": slow}
    return {"b": b, "m": a * b, "c": b + d}
