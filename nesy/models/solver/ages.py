"""Ages: from the one that is given to the next, then over the years."""

from __future__ import annotations

from nesy.models import amounts
from nesy.models.amounts import Step
from nesy.models.solver import Knowledge, Solution

_KNOWLEDGE = Knowledge(
    when="the ages of some people are compared, or added, or asked for another year",
    lesson="Start from the age that is given, go from one to the next, then count the years.",
    facts=(
        "In some years each person is that many years older.",
        "The difference between two ages stays the same.",
    ),
)
_WORDINGS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "{who} is {a} years old and {other} is twice as old. How old will {other} be in {b} years?",
        (
            Step("x", "2", "*", "a", "{other} is {calc} years old."),
            Step("y", "x", "+", "b", "In {b} years {other} will be {calc}."),
        ),
    ),
    (
        "{who} is {a} years old, which is {b} years older than {other}. "
        "How many years old are the two together?",
        (
            Step("x", "a", "-", "b", "{other} is {calc} years old."),
            Step("y", "x", "+", "a", "Together they are {calc} years old."),
        ),
    ),
    (
        "{who} is {b} years younger than {other}, and {other} is {k} times as old as {third}. "
        "{third} is {a}. How old is {who}?",
        (
            Step("x", "k", "*", "a", "{other} is {calc} years old."),
            Step("y", "x", "-", "b", "{who} is {calc} years old."),
        ),
    ),
    (
        "In {b} years {who} will be {m}. {other} is {a} years older than {who}. "
        "How old is {other} today?",
        (
            Step("x", "m", "-", "b", "{who} is {calc} years old."),
            Step("y", "x", "+", "a", "{other} is {calc} years old."),
        ),
    ),
    (
        "The ages of {who} and {other} add up to {m} years, and {who} is {a}. "
        "How old will {other} be {b} years from now?",
        (
            Step("x", "m", "-", "a", "{other} is {calc} years old."),
            Step("y", "x", "+", "b", "In {b} years {other} will be {calc}."),
        ),
    ),
    (
        "{other} was {a} years old when {who} was born. {who} is now {b}. "
        "What is the sum of their ages?",
        (
            Step("x", "a", "+", "b", "{other} is {calc} years old."),
            Step("y", "x", "+", "b", "Together they are {calc} years old."),
        ),
    ),
    (
        "{who} is half as old as {other}, who will be {m} in {b} years. How old is {who}?",
        (
            Step("x", "m", "-", "b", "{other} is {calc} years old."),
            Step("y", "x", "/", "2", "{who} is {calc} years old."),
        ),
    ),
    (
        "{who} is {a} years old, and the {old} is {k} times as old. "
        "In how many years will the {old} be {m} years old?",
        (
            Step("x", "k", "*", "a", "The {old} is {calc} years old."),
            Step("y", "m", "-", "x", "Until then there are {calc} years."),
        ),
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question of this wording, else return ``None``."""
    return amounts.solve_steps(question, _WORDINGS, _KNOWLEDGE)
