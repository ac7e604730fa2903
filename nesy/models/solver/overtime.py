"""Pay at more than one rate: what is paid at each, then the sum or the difference."""

from __future__ import annotations

from nesy.models import amounts
from nesy.models.amounts import Step
from nesy.models.solver import Knowledge, Solution

_KNOWLEDGE = Knowledge(
    when="work is paid at more than one rate, with a bonus or with tips, or has costs",
    lesson="Work out what is paid at each rate by itself, then put the parts together.",
    facts=(
        "Extra hours are all hours minus the hours at the usual rate.",
        "What remains of the pay is what comes in minus all costs.",
    ),
)
_WORDINGS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "{who} gets {a} dollars an hour for the first {b} hours of a week and {c} dollars an "
        "hour after that. How many dollars does {who} get for {n} hours?",
        (
            Step("x", "b", "*", "a", "The first {b} hours bring {calc} dollars."),
            Step("y", "n", "-", "b", "The hours after that are {calc}."),
            Step("z", "y", "*", "c", "They bring {calc} dollars."),
            Step("r", "x", "+", "z", "All in all {who} gets {calc} dollars."),
        ),
    ),
    (
        "A {job} is paid {a} dollars an hour, and {c} dollars more for each hour at night. "
        "How many dollars does the {job} get for {b} hours at night?",
        (
            Step("x", "a", "+", "c", "An hour at night brings {calc} dollars."),
            Step("y", "x", "*", "b", "{b} hours at night bring {calc} dollars."),
        ),
    ),
    (
        "On holidays a {job} is paid twice the usual {a} dollars an hour. "
        "How many dollars does the {job} get for {b} hours on each of {k} holidays?",
        (
            Step("x", "2", "*", "a", "On holidays an hour brings {calc} dollars."),
            Step("y", "x", "*", "b", "One holiday brings {calc} dollars."),
            Step("z", "y", "*", "k", "{k} holidays bring {calc} dollars."),
        ),
    ),
    (
        "{who} waits tables for {b} hours at {a} dollars an hour. The guests leave tips of {m} "
        "dollars, and {who} keeps half of the tips. How many dollars does {who} take home?",
        (
            Step("x", "b", "*", "a", "The hours bring {calc} dollars."),
            Step("y", "m", "/", "2", "Half of the tips is {calc} dollars."),
            Step("z", "x", "+", "y", "All in all {who} gets {calc} dollars."),
        ),
    ),
    (
        "A {job} takes in {a} dollars a day and pays a helper {b} dollars of it. The rent is "
        "{c} dollars a week. How many dollars remain of a week with {k} days?",
        (
            Step("x", "a", "-", "b", "One day brings {calc} dollars."),
            Step("y", "x", "*", "k", "{k} days bring {calc} dollars."),
            Step("z", "y", "-", "c", "After the rent {calc} dollars remain."),
        ),
    ),
    (
        "For {b} usual hours and {d} extra hours {who} gets {m} dollars. A usual hour pays "
        "{a} dollars. How many dollars does an extra hour pay?",
        (
            Step("x", "b", "*", "a", "The usual hours bring {calc} dollars."),
            Step("y", "m", "-", "x", "The extra hours bring {calc} dollars."),
            Step("z", "y", "/", "d", "One extra hour brings {calc} dollars."),
        ),
    ),
    (
        "{who} gets {a} dollars for each parcel and a bonus of {c} dollars for every {d} "
        "parcels. How many dollars does {who} get for {n} parcels?",
        (
            Step("x", "n", "*", "a", "The parcels bring {calc} dollars."),
            Step("y", "n", "/", "d", "The number of bonuses is {calc}."),
            Step("z", "y", "*", "c", "They bring {calc} dollars."),
            Step("r", "x", "+", "z", "All in all {who} gets {calc} dollars."),
        ),
    ),
    (
        "{who} works {b} hours a week and is paid {a} dollars an hour. After a raise it is "
        "{c} dollars an hour. How many dollars does the raise bring in {k} weeks?",
        (
            Step("x", "c", "-", "a", "One hour brings {calc} dollars more."),
            Step("y", "x", "*", "b", "One week brings {calc} dollars more."),
            Step("z", "y", "*", "k", "{k} weeks bring {calc} dollars more."),
        ),
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question of this wording, else return ``None``."""
    return amounts.solve_steps(question, _WORDINGS, _KNOWLEDGE)
