"""Averages: the mean, a total from a mean, and what is missing for a wanted mean.

Example: "Cleo has 14 and 19 points in two tests and wants an average of 18 points over 3 tests.
How many points does Cleo need in the last one?" 3 * 18 - (14 + 19) = 21. General ability: go
from the mean to the total and back. No special knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import Item
from nesy.facts import Fact

BENCHMARK = "synth-gsm"
FACTS: str | None = None

_NAMES = ("Amos", "Bea", "Cleo", "Drew", "Elsa", "Gus", "Hope", "Jonas", "Kira", "Liam", "Nora")
_THINGS = ("plants", "candles", "jars", "loaves", "posters", "kites", "toys", "scarves", "radios")
_TEXTS = {
    "mean": "{who} scores {a}, {b} and {c} points in 3 games. "
    "What is the average number of points in a game?",
    "four": "{who} sells {a}, {b}, {c} and {d} {things} in 4 weeks. "
    "How many {things} a week is that on average?",
    "wanted": "{who} has {a} and {b} points in two tests and wants an average of {m} points over "
    "3 tests. How many points does {who} need in the last one?",
    "total": "In one team {k} workers make {a} {things} each on average. In another team {n} "
    "workers make {b} each on average. How many {things} do both teams make?",
    "largest": "{k} trucks carry {m} {things} each on average. All but the largest truck carry {n} "
    "{things} together. How many {things} does the largest truck carry?",
    "pace": "{who} has {k} days to pack {m} {things} and packs {a} on each of the first {b} days. "
    "How many {things} a day must {who} pack on average after that?",
    "forecast": "In 3 days a stall sells {a}, {b} and {c} {things}. If the average stays the "
    "same, how many {things} does it sell in {k} days?",
    "pair": "Two friends, {who} and {other}, own {m} {things} each on average. {who} owns {a} of "
    "them. How many {things} does {other} own?",
}
_TARGETS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "mean": lambda p: (p["a"] + p["b"] + p["c"]) // 3,
    "four": lambda p: (p["a"] + p["b"] + p["c"] + p["d"]) // 4,
    "wanted": lambda p: 3 * p["m"] - p["a"] - p["b"],
    "total": lambda p: p["k"] * p["a"] + p["n"] * p["b"],
    "largest": lambda p: p["k"] * p["m"] - p["n"],
    "pace": lambda p: (p["m"] - p["a"] * p["b"]) // (p["k"] - p["b"]),
    "forecast": lambda p: (p["a"] + p["b"] + p["c"]) // 3 * p["k"],
    "pair": lambda p: 2 * p["m"] - p["a"],
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Make one item; ``facts`` is not used."""
    who, other = rng.sample(_NAMES, 2)
    plan = rng.choice(list(_TEXTS))
    numbers = _draw(rng, plan)
    params = {"plan": plan, **numbers}
    text = _TEXTS[plan].format(who=who, other=other, things=rng.choice(_THINGS), **numbers)
    return Item(text=text, target=derive(params), kind="number", params=params)


def derive(params: Mapping[str, Any]) -> str:
    """Return the target of the plan with its numbers."""
    return str(_TARGETS[params["plan"]](params))


def _draw(rng: Random, plan: str) -> dict[str, int]:
    k, n, mean = rng.randint(3, 12), rng.randint(3, 12), rng.randint(8, 60)
    if plan in ("mean", "forecast"):
        a, b, c = _around(rng, mean, 3)
        return {"a": a, "b": b, "c": c, **({"k": k + 2} if plan == "forecast" else {})}
    if plan == "four":
        a, b, c, d = _around(rng, mean, 4)
        return {"a": a, "b": b, "c": c, "d": d}
    if plan == "wanted":
        a, b, _ = _around(rng, mean, 3)
        return {"a": a, "b": b, "m": mean}
    if plan == "total":
        return {"k": k, "a": rng.randint(3, 40), "n": n, "b": rng.randint(3, 40)}
    if plan == "largest":
        return {"k": k, "m": mean, "n": (k - 1) * mean - rng.randint(1, mean)}
    if plan == "pace":
        a, b = rng.randint(3, 40), rng.randint(2, 9)
        return {"k": b + k, "m": a * b + k * mean, "a": a, "b": b}
    return {"m": mean, "a": rng.randint(2, 2 * mean - 2)}


def _around(rng: Random, mean: int, count: int) -> list[int]:
    """That many numbers from 2 with the given mean."""
    while True:
        numbers = [rng.randint(2, 2 * mean - 2) for _ in range(count - 1)]
        last = count * mean - sum(numbers)
        if 2 <= last <= 2 * mean:
            return [*numbers, last]
