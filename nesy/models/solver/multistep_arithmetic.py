"""BIG-Bench Hard ``multistep_arithmetic_two``: one operation at a time, the rest restated."""

from __future__ import annotations

import re

from nesy.models.solver import Knowledge, Solution

_BRACKET = r"\(-?\d{1,9}(?: [-+*] -?\d{1,9})*\)"
_EXPRESSION = re.compile(rf"\(({_BRACKET}) ([-+*]) ({_BRACKET})\) =")
_KNOWLEDGE = Knowledge(
    when="an expression of numbers with brackets, plus, minus and times has to be evaluated",
    lesson="Work out each bracket on its own, one operation at a time, and combine them last.",
    facts=(
        "Inside a bracket, products come before sums and differences.",
        "Sums and differences are worked out from left to right.",
        "Minus a negative number adds; the product of two negative numbers is positive.",
    ),
    example="In 11 + 12 * 13 the product comes first: 11 + 156 = 167.",
    check="11 + 12 * 13 == 167",
)


def solve(question: str) -> Solution | None:
    """Solve one question of this wording."""
    match = _EXPRESSION.fullmatch(question.strip())
    if match is None:
        return None
    left, first = _bracket(match[1][1:-1].split())
    right, second = _bracket(match[3][1:-1].split())
    value = _compute(left, match[2], right)
    # The sign between the brackets is carried along with the first result: it is far away by the
    # time that it is needed.
    rationale = (
        f"{match[1]} {match[2]}: {first} That leaves {left} {match[2]}. "
        f"{match[3]}: {second} Together: {left} {match[2]} {right} = {value}."
    )
    return Solution(rationale, str(value), _KNOWLEDGE)


def _bracket(symbols: list[str]) -> tuple[int, str]:
    """Work out a bracket; each later step states what is left before it computes an operation."""
    steps = [f"{' '.join(symbols)}."] if len(symbols) == 1 else []
    while len(symbols) > 1:
        i = symbols.index("*") if "*" in symbols else 1
        value = _compute(int(symbols[i - 1]), symbols[i], int(symbols[i + 1]))
        operation = f"{' '.join(symbols[i - 1 : i + 2])} = {value}."
        restated = steps and len(symbols) > 3
        steps.append(f"{' '.join(symbols)}: {operation}" if restated else operation)
        symbols = [*symbols[: i - 1], str(value), *symbols[i + 2 :]]
    return int(symbols[0]), " ".join(steps)


def _compute(left: int, operator: str, right: int) -> int:
    if operator == "*":
        return left * right
    return left + right if operator == "+" else left - right
