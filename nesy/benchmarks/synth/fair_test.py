"""Telling apart what an experiment changes, keeps the same and measures.

Example: a described experiment, ``Which variable was measured?`` with four variables as
options. General: all of it, by finding the sentence that names the variable's part. Special:
nothing but the terms independent, dependent and controlled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from nesy.benchmarks.synth import PEOPLE, Item, letter, options
from nesy.facts import Fact

BENCHMARK = "synth-arc"
FACTS = None


@dataclass(frozen=True)
class _Setting:
    group: str
    """What is compared, in the singular."""
    inputs: tuple[str, ...]
    outcomes: tuple[str, ...]


_SETTINGS = (
    _Setting(
        "pot of bean plants",
        ("amount of water", "kind of soil", "amount of light", "kind of fertilizer", "pot size"),
        ("height of the stems", "number of leaves", "mass of the roots", "time until flowering"),
    ),
    _Setting(
        "toy car",
        ("mass of the car", "height of the ramp", "size of the wheels", "ramp surface"),
        ("distance rolled", "time to the bottom", "speed at the bottom"),
    ),
    _Setting(
        "cup of water",
        ("amount of salt", "amount of water", "starting temperature", "shape of the cup"),
        ("time until freezing", "time until boiling", "amount that evaporated"),
    ),
    _Setting(
        "pendulum",
        ("length of the string", "mass of the bob", "starting angle", "shape of the bob"),
        ("time for ten swings", "number of swings", "height of the last swing"),
    ),
    _Setting(
        "electromagnet",
        ("number of turns of wire", "thickness of the wire", "kind of core", "kind of battery"),
        ("number of clips lifted", "temperature of the wire", "greatest load held"),
    ),
    _Setting(
        "parachute",
        ("area of the sheet", "length of the strings", "mass of the load", "drop height"),
        ("time of the fall", "distance from the target", "speed on landing"),
    ),
    _Setting(
        "loaf of bread",
        ("amount of yeast", "kind of flour", "oven temperature", "rising time"),
        ("height of the loaf", "mass of the loaf", "time until mould appeared"),
    ),
    _Setting(
        "tank of fish",
        ("kind of food", "water temperature", "number of fish", "amount of light"),
        ("mass gained by the fish", "number of eggs", "amount of food eaten"),
    ),
    _Setting(
        "paper towel",
        ("brand of towel", "size of the sheet", "number of layers", "kind of liquid"),
        ("amount of liquid absorbed", "time until tearing", "mass after soaking"),
    ),
)
_AIMS = (
    "{name} did an experiment with {count} groups, each one {group}.",
    "A class compared {count} groups, each one {group}.",
    "{name} and {friend} prepared {count} groups for an investigation, each one {group}.",
)
_CHANGED = (
    "The {v} was different for each {group}.",
    "Each {group} had a different {v}.",
    "The {v} was changed from one {group} to the next.",
)
_KEPT = (
    "The {v} and the {w} were the same for each {group}.",
    "Each {group} had the same {v} and the same {w}.",
)
_MEASURED = (
    "The {v} was measured for each {group}.",
    "At the end the {v} of each {group} was recorded.",
    "Every day {name} wrote down the {v}.",
)
_ASKS = {
    "changed": (
        "Which variable was changed on purpose?",
        "Which is the independent variable in this investigation?",
    ),
    "kept": (
        "Which variable was kept the same?",
        "Which is a controlled variable in this investigation?",
    ),
    "measured": (
        "Which variable was measured?",
        "Which is the dependent variable in this investigation?",
    ),
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Ask for the changed, a kept or the measured variable of one described experiment."""
    setting = rng.choice(_SETTINGS)
    changed, first, second, unused = rng.sample(setting.inputs, 4)
    measured, unmeasured = rng.sample(setting.outcomes, 2)
    name, friend = rng.sample(PEOPLE, 2)
    words = {
        "group": setting.group,
        "name": name,
        "friend": friend,
        "count": rng.choice(("three", "four", "five", "six")),
    }
    sentences = [
        rng.choice(_CHANGED).format(v=changed, **words),
        rng.choice(_KEPT).format(v=first, w=second, **words),
    ]
    rng.shuffle(sentences)
    sentences.insert(0, rng.choice(_AIMS).format(**words))
    sentences.append(rng.choice(_MEASURED).format(v=measured, **words))
    ask = rng.choice(list(_ASKS))
    parts = {changed: "changed", first: "kept", second: "kept", measured: "measured"}
    choices = [changed, first, measured]
    choices.append(rng.choice((unused, unmeasured)) if ask == "kept" else second)
    rng.shuffle(choices)
    params = {"ask": ask, "parts": parts, "choices": choices}
    text = f"{' '.join(sentences)} {rng.choice(_ASKS[ask])}"
    return Item(
        text=f"{text}\n{options(choices)}",
        target=derive(params),
        kind="choice",
        params=params,
        choices=tuple(choices),
    )


def derive(params: Mapping[str, Any]) -> str:
    """Return the one option whose part in the experiment is the one asked for.

    Raises:
        ValueError: no option has that part.
    """
    found = [params["parts"].get(choice) for choice in params["choices"]]
    return letter(found.index(params["ask"]))
