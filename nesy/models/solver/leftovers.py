"""Fractions one after the other: each of what is there at that moment."""

from __future__ import annotations

from nesy.models import amounts
from nesy.models.amounts import Step
from nesy.models.solver import Knowledge, Solution

_KNOWLEDGE = Knowledge(
    when="a fraction of an amount is used, and perhaps a fraction of the rest after that",
    lesson="Take each fraction of what is there at that moment, and then see what is left.",
    facts=(
        "Half of an amount is the amount divided by 2, a third is the amount divided by 3.",
        "A fraction of the rest is taken of what is left, not of what was there at first.",
    ),
)
_WORDINGS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "{who} picks {m} {things}, sells half of them and then gives a third of the "
        "others to {other}. How many {things} does {who} keep?",
        (
            Step("x", "m", "/", "2", "After the sale there are {calc} {things}."),
            Step("y", "x", "/", "3", "{other} gets {calc} {things}."),
            Step("z", "x", "-", "y", "{who} keeps {calc} {things}."),
        ),
    ),
    (
        "{who} bakes {m} {things}. The guests eat a third of them, and then {other} takes "
        "half of the rest. How many {things} does {who} have then?",
        (
            Step("x", "m", "/", "3", "The guests eat {calc} {things}."),
            Step("y", "m", "-", "x", "That leaves {calc} {things}."),
            Step("z", "y", "/", "2", "{who} has half of that, {calc} {things}."),
        ),
    ),
    (
        "A kitchen has {m} {things} and uses up 1/{a} of them. Then {who} buys another {b}. "
        "How many {things} are in the kitchen now?",
        (
            Step("x", "m", "/", "a", "The kitchen uses up {calc} {things}."),
            Step("y", "m", "-", "x", "That leaves {calc} {things}."),
            Step("z", "y", "+", "b", "After buying {b} the kitchen has {calc} {things}."),
        ),
    ),
    (
        "{who} has {m} dollars and spends 1/{a} of the money on a {good}. 1/{b} of what "
        "remains goes to {other}. How many dollars does {who} still have?",
        (
            Step("x", "m", "/", "a", "The {good} costs {calc} dollars."),
            Step("y", "m", "-", "x", "That leaves {calc} dollars."),
            Step("z", "y", "/", "b", "{other} gets {calc} dollars."),
            Step("r", "y", "-", "z", "{who} still has {calc} dollars."),
        ),
    ),
    (
        "A theater has {m} seats. A quarter of them are for children and {b} are broken. "
        "How many seats are there for others?",
        (
            Step("x", "m", "/", "4", "For children there are {calc} seats."),
            Step("y", "m", "-", "x", "That leaves {calc} seats."),
            Step("z", "y", "-", "b", "Without the broken ones there are {calc} seats."),
        ),
    ),
    (
        "{who} has finished {a}/{b} of a puzzle with {m} pieces. "
        "How many pieces are still missing?",
        (
            Step("x", "m", "/", "b", "1/{b} of the puzzle is {calc} pieces."),
            Step("y", "x", "*", "a", "{who} has placed {calc} pieces."),
            Step("z", "m", "-", "y", "Still missing are {calc} pieces."),
        ),
    ),
    (
        "{who} spends half of some money on a {good} and {a} dollars on food. "
        "After that {b} dollars are left. How many dollars did {who} have at first?",
        (
            Step("x", "a", "+", "b", "After buying the {good} there were {calc} dollars."),
            Step("y", "2", "*", "x", "That is half, so at first there were {calc} dollars."),
        ),
    ),
    (
        "Half of the {m} {things} in a store are sold in the morning and {a} of the others in "
        "the evening. How many {things} are not sold?",
        (
            Step("x", "m", "/", "2", "After the morning there are {calc} {things}."),
            Step("y", "x", "-", "a", "Not sold are {calc} {things}."),
        ),
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question of this wording, else return ``None``."""
    return amounts.solve_steps(question, _WORDINGS, _KNOWLEDGE)
