"""Journeys: each leg by itself, by distance = speed times time."""

from __future__ import annotations

from nesy.models import amounts
from nesy.models.amounts import Step
from nesy.models.solver import Knowledge, Solution

_KNOWLEDGE = Knowledge(
    when="someone travels at some speed, and a distance or a time is asked",
    lesson="Work out each leg of the journey by itself, then put the legs together.",
    facts=(
        "The distance is the speed times the time.",
        "The time is the distance divided by the speed.",
    ),
)
_WORDINGS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "{who} rides {a} miles an hour for {b} hours and then {c} miles an hour for {d} hours. "
        "How many miles does {who} ride?",
        (
            Step("x", "a", "*", "b", "The first leg is {calc} miles."),
            Step("y", "c", "*", "d", "The second leg is {calc} miles."),
            Step("z", "x", "+", "y", "Both legs are {calc} miles."),
        ),
    ),
    (
        "It is {m} miles to the {goal}. {who} drives toward it at {a} miles an hour for {b} "
        "hours. How many miles must {who} still drive?",
        (
            Step("x", "a", "*", "b", "{who} drives {calc} miles."),
            Step("y", "m", "-", "x", "Still to drive are {calc} miles."),
        ),
    ),
    (
        "{who} has to drive {m} kilometers. After {b} hours at {a} kilometers an hour {who} "
        "slows down to {c} kilometers an hour. How many hours does the rest of the way take?",
        (
            Step("x", "a", "*", "b", "The first leg is {calc} kilometers."),
            Step("y", "m", "-", "x", "Still to drive are {calc} kilometers."),
            Step("z", "y", "/", "c", "They take {calc} hours."),
        ),
    ),
    (
        "The {goal} is {a} miles away, and a van of {who} goes there and back {k} times a "
        "day. How many miles does the van go in {n} days?",
        (
            Step("x", "2", "*", "a", "There and back is {calc} miles."),
            Step("y", "x", "*", "k", "In one day the van goes {calc} miles."),
            Step("z", "y", "*", "n", "In {n} days the van goes {calc} miles."),
        ),
    ),
    (
        "{who} cycles to the {goal} in {b} hours at {a} kilometers an hour and comes home "
        "the same way at {c} kilometers an hour. How many hours does the way home take?",
        (
            Step("x", "a", "*", "b", "The way to the {goal} is {calc} kilometers."),
            Step("y", "x", "/", "c", "The way home takes {calc} hours."),
        ),
    ),
    (
        "A bus and a truck leave the {goal} at noon in opposite directions, one at {a} and "
        "the other at {b} miles an hour. How many miles are between them after {c} hours?",
        (
            Step("x", "a", "+", "b", "In one hour they get {calc} miles apart."),
            Step("y", "x", "*", "c", "In {c} hours they get {calc} miles apart."),
        ),
    ),
    (
        "{who} hikes {m} miles at {a} miles an hour and then {n} miles at {b} miles an hour. "
        "How many hours is {who} on the way?",
        (
            Step("x", "m", "/", "a", "The first leg takes {calc} hours."),
            Step("y", "n", "/", "b", "The second leg takes {calc} hours."),
            Step("z", "x", "+", "y", "Both legs take {calc} hours."),
        ),
    ),
    (
        "A train needs {b} hours for {m} kilometers. If its speed stays the same, "
        "how many kilometers does it go in {c} hours?",
        (
            Step("x", "m", "/", "b", "In one hour the train goes {calc} kilometers."),
            Step("y", "x", "*", "c", "In {c} hours the train goes {calc} kilometers."),
        ),
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question of this wording, else return ``None``."""
    return amounts.solve_steps(question, _WORDINGS, _KNOWLEDGE)
