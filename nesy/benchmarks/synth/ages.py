"""Ages of two or three people: now, some years on, and together.

Example: "Mabel is 14 years old and Silas is twice as old. How old will Silas be in 5 years?"
2 * 14 + 5 = 33. General ability: follow from one age to the next, then over the years. No special
knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import Item
from nesy.facts import Fact

BENCHMARK = "synth-gsm"
FACTS: str | None = None

_NAMES = ("Alma", "Bruno", "Edith", "Felix", "Hazel", "Jasper", "Mabel", "Owen", "Pearl", "Silas")
_OLD = ("oak", "house", "bridge", "tower", "mill", "chapel", "piano", "ship", "turtle", "statue")
_TEXTS = {
    "twice": "{who} is {a} years old and {other} is twice as old. "
    "How old will {other} be in {b} years?",
    "older": "{who} is {a} years old, which is {b} years older than {other}. "
    "How many years old are the two together?",
    "three": "{who} is {b} years younger than {other}, and {other} is {k} times as old as {third}. "
    "{third} is {a}. How old is {who}?",
    "later": "In {b} years {who} will be {m}. {other} is {a} years older than {who}. "
    "How old is {other} today?",
    "together": "The ages of {who} and {other} add up to {m} years, and {who} is {a}. "
    "How old will {other} be {b} years from now?",
    "born": "{other} was {a} years old when {who} was born. {who} is now {b}. "
    "What is the sum of their ages?",
    "half": "{who} is half as old as {other}, who will be {m} in {b} years. How old is {who}?",
    "until": "{who} is {a} years old, and the {old} is {k} times as old. "
    "In how many years will the {old} be {m} years old?",
}
_TARGETS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "twice": lambda p: 2 * p["a"] + p["b"],
    "older": lambda p: p["a"] - p["b"] + p["a"],
    "three": lambda p: p["k"] * p["a"] - p["b"],
    "later": lambda p: p["m"] - p["b"] + p["a"],
    "together": lambda p: p["m"] - p["a"] + p["b"],
    "born": lambda p: p["a"] + p["b"] + p["b"],
    "half": lambda p: (p["m"] - p["b"]) // 2,
    "until": lambda p: p["m"] - p["k"] * p["a"],
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Make one item; ``facts`` is not used."""
    who, other, third = rng.sample(_NAMES, 3)
    plan = rng.choice(list(_TEXTS))
    numbers = _draw(rng, plan)
    params = {"plan": plan, **numbers}
    text = _TEXTS[plan].format(who=who, other=other, third=third, old=rng.choice(_OLD), **numbers)
    return Item(text=text, target=derive(params), kind="number", params=params)


def derive(params: Mapping[str, Any]) -> str:
    """Return the target of the plan with its numbers."""
    return str(_TARGETS[params["plan"]](params))


def _draw(rng: Random, plan: str) -> dict[str, int]:
    a, b, k = rng.randint(5, 45), rng.randint(2, 30), rng.randint(3, 6)
    if plan == "twice":
        return {"a": a, "b": b}
    if plan == "older":
        return {"a": a + b, "b": b}
    if plan == "three":
        a = rng.randint(4, 18)
        return {"b": rng.randint(1, k * a - 2), "k": k, "a": a}
    if plan == "later":
        return {"b": b, "m": a + b, "a": rng.randint(2, 30)}
    if plan == "together":
        return {"m": a + rng.randint(3, 45), "a": a, "b": b}
    if plan == "born":
        return {"a": rng.randint(2, 40), "b": a}
    if plan == "half":
        return {"m": 2 * a + b, "b": b}
    return {"a": a, "k": k, "m": k * a + rng.randint(2, 90)}
