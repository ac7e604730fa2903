"""Knowledge family: the date of a holiday, observance or anniversary, and a day near it.

Example: "Today is Bastille Day of 1937. What is the date tomorrow in MM/DD/YYYY?" General: moving
a date by some days. Special knowledge: the fixed month and day (Bastille Day is on July 14).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from random import Random
from typing import Any

from nesy.benchmarks import synth
from nesy.benchmarks.synth import Item
from nesy.benchmarks.synth.date_understanding import moved
from nesy.facts import Fact, table

BENCHMARK = "synth-bbh"
FACTS: str | None = "calendar_days"
_FORMS = (
    ("Today is {} of {}.", 0),
    ("It is {} of {} today.", 0),
    ("Jane is celebrating {} of {} today.", 0),
    ("Tomorrow is {} of {}.", -1),
    ("Yesterday was {} of {}.", 1),
)
_OFFSETS = {
    "today": 0,
    "tomorrow": 1,
    "yesterday": -1,
    "24 hours later": 1,
    "a week later": 7,
    "one week ago from today": -7,
    "10 days later": 10,
    "10 days ago": -10,
}


def make(rng: Random, facts: Sequence[Fact]) -> Item:
    """Draw a day of the table, a year, and one of a few offsets."""
    fact = rng.choice(facts)
    year = rng.randint(2016, 2059)
    form, ahead = rng.choice(_FORMS)
    words, offset = rng.choice(list(_OFFSETS.items()))
    value = [int(fact.fields["month"]), int(fact.fields["day"])]
    choices = _choices(rng, fact, lambda day: moved(date(year, *day), "days", ahead + offset))
    params = {"value": value, "year": year, "ahead": ahead, "offset": offset, "choices": choices}
    name = f"the {fact.subject}" if fact.fields.get("the") else fact.subject
    question = f"{form.format(name, year)} What is the date {words} in MM/DD/YYYY?"
    return Item(
        text=f"{question}\n{synth.options(choices)}",
        target=derive(params),
        kind="choice",
        params=params,
        choices=tuple(choices),
        facts=(fact.id,),
    )


def _choices(rng: Random, fact: Fact, shifted: Callable[[list[int]], date]) -> list[str]:
    """Return the right date among those of five other days, so that only knowledge tells."""
    alike = [other for other in table("calendar_days") if other.held_out == fact.held_out]

    def shown(some: Fact) -> str:
        found = shifted([int(some.fields["month"]), int(some.fields["day"])])
        return found.strftime("%m/%d/%Y")

    right = shown(fact)
    others = dict.fromkeys(shown(other) for other in rng.sample(alike, len(alike)))
    choices = [right, *[text for text in others if text != right][:5]]
    rng.shuffle(choices)
    return choices


def derive(params: Mapping[str, Any]) -> str:
    """Move from the day's date and find the result in the choices."""
    day = moved(date(params["year"], *params["value"]), "days", params["ahead"] + params["offset"])
    return synth.letter(list(params["choices"]).index(day.strftime("%m/%d/%Y")))
