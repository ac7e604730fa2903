"""Averages: from the total to the mean, and from the mean to the total."""

from __future__ import annotations

from nesy.models import amounts
from nesy.models.amounts import Step
from nesy.models.solver import Knowledge, Solution

_KNOWLEDGE = Knowledge(
    when="an average of several numbers is given, wanted or asked",
    lesson="Work with the total: an average stands for equal parts of it.",
    facts=(
        "An average is the total divided by how many numbers there are.",
        "The total is the average times how many numbers there are.",
    ),
)
_WORDINGS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "{who} scores {a}, {b} and {c} points in 3 games. "
        "What is the average number of points in a game?",
        (
            Step("x", "a", "+", "b", "The first two games bring {calc} points."),
            Step("y", "x", "+", "c", "All games bring {calc} points."),
            Step("z", "y", "/", "3", "The average is {calc} points."),
        ),
    ),
    (
        "{who} sells {a}, {b}, {c} and {d} {things} in 4 weeks. "
        "How many {things} a week is that on average?",
        (
            Step("x", "a", "+", "b", "Two weeks bring {calc} {things}."),
            Step("y", "x", "+", "c", "Three weeks bring {calc} {things}."),
            Step("z", "y", "+", "d", "All weeks bring {calc} {things}."),
            Step("r", "z", "/", "4", "The average is {calc} {things}."),
        ),
    ),
    (
        "{who} has {a} and {b} points in two tests and wants an average of {m} points over "
        "3 tests. How many points does {who} need in the last one?",
        (
            Step("x", "3", "*", "m", "In all {who} needs {calc} points."),
            Step("y", "a", "+", "b", "{who} has {calc} points."),
            Step("z", "x", "-", "y", "The last test must bring {calc} points."),
        ),
    ),
    (
        "In one team {k} workers make {a} {things} each on average. In another team {n} "
        "workers make {b} each on average. How many {things} do both teams make?",
        (
            Step("x", "k", "*", "a", "One team makes {calc} {things}."),
            Step("y", "n", "*", "b", "The other team makes {calc} {things}."),
            Step("z", "x", "+", "y", "Both teams make {calc} {things}."),
        ),
    ),
    (
        "{k} trucks carry {m} {things} each on average. All but the largest truck carry {n} "
        "{things} together. How many {things} does the largest truck carry?",
        (
            Step("x", "k", "*", "m", "All trucks carry {calc} {things}."),
            Step("y", "x", "-", "n", "The largest truck carries {calc} {things}."),
        ),
    ),
    (
        "{who} has {k} days to pack {m} {things} and packs {a} on each of the first {b} days. "
        "How many {things} a day must {who} pack on average after that?",
        (
            Step("x", "a", "*", "b", "{who} has packed {calc} {things}."),
            Step("y", "m", "-", "x", "Still to pack are {calc} {things}."),
            Step("z", "k", "-", "b", "The days left are {calc}."),
            Step("r", "y", "/", "z", "{who} must pack {calc} {things} a day."),
        ),
    ),
    (
        "In 3 days a stall sells {a}, {b} and {c} {things}. If the average stays the "
        "same, how many {things} does it sell in {k} days?",
        (
            Step("x", "a", "+", "b", "In two days it sells {calc} {things}."),
            Step("y", "x", "+", "c", "In three days it sells {calc} {things}."),
            Step("z", "y", "/", "3", "The average is {calc} {things}."),
            Step("r", "z", "*", "k", "{k} such days bring {calc} {things}."),
        ),
    ),
    (
        "Two friends, {who} and {other}, own {m} {things} each on average. {who} owns {a} of them. "
        "How many {things} does {other} own?",
        (
            Step("x", "2", "*", "m", "In all they own {calc} {things}."),
            Step("y", "x", "-", "a", "{other} owns {calc} {things}."),
        ),
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question of this wording, else return ``None``."""
    return amounts.solve_steps(question, _WORDINGS, _KNOWLEDGE)
