"""Percent off, on top or of a price: what is paid, gained or saved.

Example: "The normal price of a tent is 80 dollars. Today it is 25% off. How many dollars does
Mona pay for it?" 80 - 80 * 25 / 100 = 60. General ability: take the percent of the right amount,
then add it or take it away. No special knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from nesy.benchmarks.synth import Item
from nesy.facts import Fact

BENCHMARK = "synth-gsm"
FACTS: str | None = None

_NAMES = ("Alan", "Carla", "Dina", "Erik", "Gwen", "Hal", "Iris", "Karl", "Mona", "Nils", "Ruth")
_GOODS = (
    ("tent", "tents"),
    ("lamp", "lamps"),
    ("jacket", "jackets"),
    ("camera", "cameras"),
    ("chair", "chairs"),
    ("clock", "clocks"),
    ("helmet", "helmets"),
    ("kettle", "kettles"),
    ("table", "tables"),
    ("guitar", "guitars"),
    ("carpet", "carpets"),
    ("mirror", "mirrors"),
)
_PERCENTS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 75)
_RISES = (5, 10, 15, 20, 25)
_TEXTS = {
    "off": "The normal price of a {good} is {a} dollars. Today it is {p}% off. "
    "How many dollars does {who} pay for it?",
    "both": "A {good} costs {a} dollars and a {other} costs {b} dollars. With a voucher {who} "
    "gets {p} percent off both. How many dollars does {who} save?",
    "bill": "{who} orders {k} {goods} at {a} dollars each. The store takes {p}% off the whole "
    "bill. How many dollars does {who} still have to pay?",
    "gain": "A trader buys {goods} for {a} dollars each and sells them for {p} percent more. "
    "How many dollars does the trader gain with {k} {goods}?",
    "tax": "A {good} costs {a} dollars before tax. The tax is {p}% of the price. "
    "How many dollars does {who} need to buy the {good}?",
    "club": "Members of a club pay {p}% less. {who} is a member and takes {k} {goods} that cost "
    "others {a} dollars each. How many dollars does {who} save?",
    "rent": "The rent for a room was {a} dollars a month and then went up by {p} percent. "
    "How many dollars does {who} now pay in {k} months?",
    "clearance": "In a clearance every {good} goes for {p} percent of its old price of {a} "
    "dollars. How many dollars do {k} {goods} cost?",
}
_TARGETS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "off": lambda p: p["a"] - p["a"] * p["p"] // 100,
    "both": lambda p: (p["a"] + p["b"]) * p["p"] // 100,
    "bill": lambda p: p["k"] * p["a"] * (100 - p["p"]) // 100,
    "gain": lambda p: p["a"] * p["p"] // 100 * p["k"],
    "tax": lambda p: p["a"] + p["a"] * p["p"] // 100,
    "club": lambda p: p["k"] * p["a"] * p["p"] // 100,
    "rent": lambda p: (p["a"] + p["a"] * p["p"] // 100) * p["k"],
    "clearance": lambda p: p["a"] * p["p"] // 100 * p["k"],
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Make one item; ``facts`` is not used."""
    (good, goods), (other, _) = rng.sample(_GOODS, 2)
    plan = rng.choice(list(_TEXTS))
    numbers = _draw(rng, plan)
    params = {"plan": plan, **numbers}
    text = _TEXTS[plan].format(
        who=rng.choice(_NAMES), good=good, goods=goods, other=other, **numbers
    )
    return Item(text=text, target=derive(params), kind="number", params=params)


def derive(params: Mapping[str, Any]) -> str:
    """Return the target of the plan with its numbers."""
    return str(_TARGETS[params["plan"]](params))


def _draw(rng: Random, plan: str) -> dict[str, int]:
    p = rng.choice(_RISES if plan in ("tax", "rent") else _PERCENTS)
    k = rng.randint(2, 9)
    if plan in ("bill", "club"):
        return {"k": k, "a": _price(rng, p, k), "p": p}
    a = _price(rng, p)
    if plan == "both":
        b = rng.randint(4, a - 4)
        return {"a": a - b, "b": b, "p": p}
    return {"a": a, "p": p} if plan in ("off", "tax") else {"a": a, "p": p, "k": k}


def _price(rng: Random, percent: int, count: int = 1) -> int:
    """A price whose percent is a whole number; ``count`` times both has four digits at most."""
    prices = range(10, min(600, 9999 // (percent * count)) + 1)
    return rng.choice([price for price in prices if price * percent % 100 == 0])
