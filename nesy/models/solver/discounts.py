"""Percent off, on top or of a price: the percentage of the right amount, then what is asked."""

from __future__ import annotations

from nesy.models import amounts
from nesy.models.amounts import Step
from nesy.models.solver import Knowledge, Solution

_KNOWLEDGE = Knowledge(
    when="a price is cut or raised by some percent, or a tax of some percent is added",
    lesson="Work out the percent of the amount that it is taken of, then add it or take it away.",
    facts=(
        "Some percent of an amount is the amount times the percent, divided by 100.",
        "A discount is taken away from the price; a rise or a tax is added to it.",
    ),
)
_WORDINGS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "The normal price of a {good} is {a} dollars. Today it is {p}% off. "
        "How many dollars does {who} pay for it?",
        (
            Step("x", "a", "*", "p", "{p}% of {a} dollars is {calc} hundredths."),
            Step("y", "x", "/", "100", "So {calc} dollars come off."),
            Step("z", "a", "-", "y", "{who} pays {calc} dollars."),
        ),
    ),
    (
        "A {good} costs {a} dollars and a {other} costs {b} dollars. With a voucher {who} "
        "gets {p} percent off both. How many dollars does {who} save?",
        (
            Step("x", "a", "+", "b", "Together they cost {calc} dollars."),
            Step("y", "x", "*", "p", "{p} percent of {x} dollars is {calc} hundredths."),
            Step("z", "y", "/", "100", "{who} saves {calc} dollars."),
        ),
    ),
    (
        "{who} orders {k} {goods} at {a} dollars each. The store takes {p}% off the whole "
        "bill. How many dollars does {who} still have to pay?",
        (
            Step("x", "k", "*", "a", "The {goods} cost {calc} dollars."),
            Step("y", "x", "*", "p", "{p}% of {x} dollars is {calc} hundredths."),
            Step("z", "y", "/", "100", "So {calc} dollars come off."),
            Step("r", "x", "-", "z", "{who} pays {calc} dollars."),
        ),
    ),
    (
        "A trader buys {goods} for {a} dollars each and sells them for {p} percent more. "
        "How many dollars does the trader gain with {k} {goods}?",
        (
            Step("x", "a", "*", "p", "{p} percent of {a} dollars is {calc} hundredths."),
            Step("y", "x", "/", "100", "With one of them the trader gains {calc} dollars."),
            Step("z", "y", "*", "k", "{k} {goods} bring {calc} dollars."),
        ),
    ),
    (
        "A {good} costs {a} dollars before tax. The tax is {p}% of the price. "
        "How many dollars does {who} need to buy the {good}?",
        (
            Step("x", "a", "*", "p", "{p}% of {a} dollars is {calc} hundredths."),
            Step("y", "x", "/", "100", "The tax is {calc} dollars."),
            Step("z", "a", "+", "y", "With the tax {who} pays {calc} dollars."),
        ),
    ),
    (
        "Members of a club pay {p}% less. {who} is a member and takes {k} {goods} that cost "
        "others {a} dollars each. How many dollars does {who} save?",
        (
            Step("x", "k", "*", "a", "Others pay {calc} dollars."),
            Step("y", "x", "*", "p", "{p}% of {x} dollars is {calc} hundredths."),
            Step("z", "y", "/", "100", "{who} saves {calc} dollars."),
        ),
    ),
    (
        "The rent for a room was {a} dollars a month and then went up by {p} percent. "
        "How many dollars does {who} now pay in {k} months?",
        (
            Step("x", "a", "*", "p", "{p} percent of {a} dollars is {calc} hundredths."),
            Step("y", "x", "/", "100", "The rent went up by {calc} dollars."),
            Step("z", "a", "+", "y", "Now it is {calc} dollars a month."),
            Step("r", "z", "*", "k", "For {k} months {who} pays {calc} dollars."),
        ),
    ),
    (
        "In a clearance every {good} goes for {p} percent of its old price of {a} "
        "dollars. How many dollars do {k} {goods} cost?",
        (
            Step("x", "a", "*", "p", "{p} percent of {a} dollars is {calc} hundredths."),
            Step("y", "x", "/", "100", "One {good} costs {calc} dollars."),
            Step("z", "y", "*", "k", "{k} {goods} cost {calc} dollars."),
        ),
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question of this wording, else return ``None``."""
    return amounts.solve_steps(question, _WORDINGS, _KNOWLEDGE)
