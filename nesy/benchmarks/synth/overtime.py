"""Pay at more than one rate: a higher rate past a limit, a bonus, tips, costs.

Example: "Edwin gets 12 dollars an hour for the first 30 hours of a week and 18 dollars an hour
after that. How many dollars does Edwin get for 34 hours?" 30 * 12 + (34 - 30) * 18 = 432. General
ability: tell apart what is paid at which rate. No special knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import Item
from nesy.facts import Fact

BENCHMARK = "synth-gsm"
FACTS: str | None = None

_NAMES = ("Aisha", "Calvin", "Edwin", "Fiona", "Helen", "Ines", "Keith", "Linus", "Maud", "Perry")
_JOBS = (
    "baker",
    "painter",
    "barber",
    "tailor",
    "cook",
    "gardener",
    "potter",
    "plumber",
    "mechanic",
)
_TEXTS = {
    "limit": "{who} gets {a} dollars an hour for the first {b} hours of a week and {c} dollars an "
    "hour after that. How many dollars does {who} get for {n} hours?",
    "night": "A {job} is paid {a} dollars an hour, and {c} dollars more for each hour at night. "
    "How many dollars does the {job} get for {b} hours at night?",
    "double": "On holidays a {job} is paid twice the usual {a} dollars an hour. "
    "How many dollars does the {job} get for {b} hours on each of {k} holidays?",
    "tips": "{who} waits tables for {b} hours at {a} dollars an hour. The guests leave tips of {m} "
    "dollars, and {who} keeps half of the tips. How many dollars does {who} take home?",
    "costs": "A {job} takes in {a} dollars a day and pays a helper {b} dollars of it. The rent is "
    "{c} dollars a week. How many dollars remain of a week with {k} days?",
    "extra": "For {b} usual hours and {d} extra hours {who} gets {m} dollars. A usual hour pays "
    "{a} dollars. How many dollars does an extra hour pay?",
    "bonus": "{who} gets {a} dollars for each parcel and a bonus of {c} dollars for every {d} "
    "parcels. How many dollars does {who} get for {n} parcels?",
    "raise": "{who} works {b} hours a week and is paid {a} dollars an hour. After a raise it is "
    "{c} dollars an hour. How many dollars does the raise bring in {k} weeks?",
}
_TARGETS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "limit": lambda p: p["b"] * p["a"] + (p["n"] - p["b"]) * p["c"],
    "night": lambda p: (p["a"] + p["c"]) * p["b"],
    "double": lambda p: 2 * p["a"] * p["b"] * p["k"],
    "tips": lambda p: p["b"] * p["a"] + p["m"] // 2,
    "costs": lambda p: (p["a"] - p["b"]) * p["k"] - p["c"],
    "extra": lambda p: (p["m"] - p["b"] * p["a"]) // p["d"],
    "bonus": lambda p: p["n"] * p["a"] + p["n"] // p["d"] * p["c"],
    "raise": lambda p: (p["c"] - p["a"]) * p["b"] * p["k"],
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Make one item; ``facts`` is not used."""
    plan = rng.choice(list(_TEXTS))
    numbers = _draw(rng, plan)
    params = {"plan": plan, **numbers}
    text = _TEXTS[plan].format(who=rng.choice(_NAMES), job=rng.choice(_JOBS), **numbers)
    return Item(text=text, target=derive(params), kind="number", params=params)


def derive(params: Mapping[str, Any]) -> str:
    """Return the target of the plan with its numbers."""
    return str(_TARGETS[params["plan"]](params))


def _draw(rng: Random, plan: str) -> dict[str, int]:
    a, b, k = rng.randint(8, 30), rng.randint(20, 40), rng.randint(2, 6)
    extra, hours = rng.randint(2, 15), rng.randint(2, 12)
    if plan == "limit":
        return {"a": a, "b": b, "c": a + extra, "n": b + hours}
    if plan == "night":
        return {"a": a, "c": extra, "b": hours}
    if plan == "double":
        return {"a": a, "b": hours, "k": k}
    if plan == "tips":
        return {"b": hours, "a": a, "m": 2 * rng.randint(5, 90)}
    if plan == "costs":
        a, b = rng.randint(120, 400), rng.randint(30, 90)
        return {"a": a, "b": b, "c": rng.randint(10, (a - b) * k - 1), "k": k}
    if plan == "extra":
        return {"b": b, "d": hours, "m": b * a + hours * (a + extra), "a": a}
    if plan == "bonus":
        a, d = rng.randint(2, 9), rng.randint(5, 20)
        return {"a": a, "c": extra, "d": d, "n": d * hours}
    return {"b": b, "a": a, "c": a + rng.randint(2, 6), "k": k}
