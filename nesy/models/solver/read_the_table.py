"""Questions about a small table of measurements."""

from __future__ import annotations

import re

from nesy.models.solver import OPTION, Knowledge, Solution

_ROW = re.compile(r"^(?:\| )?([a-z][a-z ]*?)(?:: | \| )(\d+)(?: \|| [a-z]+)$", re.MULTILINE)
_EXTREME = re.compile(r"\bwhich [a-z]+ had the (greatest|largest|smallest|least) .+\?$", re.I)
_DIFFERENCE = re.compile(
    r"(?:How much greater was the .+ for|By how much did the .+ for) (.+) "
    r"(?:than for|exceed that for) (.+)\?$"
)
_ABOVE = re.compile(r"rows of the table .*(?:more than|above) (\d+) \w+\?$")
_KNOWLEDGE = Knowledge(
    when="a table of measurements is given and a row or a difference is asked for",
    lesson="Read only the rows that the question needs and compare their numbers one by one.",
    facts=(
        "The greatest row is the one whose number no other row exceeds.",
        "A difference is the larger number minus the smaller one.",
    ),
    example="Rows of 9 and 4 differ by 9 - 4 = 5.",
    check="9 - 4 == 5",
)


def solve(question: str) -> Solution | None:
    """Solve a question that gives a table, one row a line, and asks about its numbers."""
    body, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in OPTION.findall(tail)}
    rows = {name: int(value) for name, value in _ROW.findall(body)}
    stem = body.rpartition("\n")[2]
    if len(rows) < 2:
        return None
    if extreme := _EXTREME.search(stem):
        steps, right = _extreme(rows, most=extreme[1] in ("greatest", "largest"))
    elif difference := _DIFFERENCE.match(stem):
        a, b = difference.groups()
        if a not in rows or b not in rows:
            return None
        right = str(rows[a] - rows[b])
        steps = f"The row {a} has {rows[a]}. The row {b} has {rows[b]}. "
        steps += f"{rows[a]} - {rows[b]} = {right}."
    elif above := _ABOVE.search(stem):
        steps, right = _above(rows, int(above[1]))
    else:
        return None
    if right not in labels:
        return None
    answer = labels[right]
    return Solution(f"{steps} That is {right} {answer}.", answer, _KNOWLEDGE)


def _extreme(rows: dict[str, int], *, most: bool) -> tuple[str, str]:
    first, *rest = rows
    best = first
    steps = [f"Start with {first} at {rows[first]}."]
    for name in rest:
        relation = "more" if rows[name] > rows[best] else "less"
        if (relation == "more") == most:
            steps.append(f"{name} has {rows[name]}, {relation} than {rows[best]}, so take {name}.")
            best = name
        else:
            steps.append(f"{name} has {rows[name]}, {relation} than {rows[best]}, so keep {best}.")
    return " ".join(steps), best


def _above(rows: dict[str, int], limit: int) -> tuple[str, str]:
    count = 0
    steps = []
    for name, value in rows.items():
        if value > limit:
            count += 1
            steps.append(f"{name} has {value}, more than {limit}: {count}.")
        else:
            steps.append(f"{name} has {value}, not more than {limit}: {count}.")
    return " ".join(steps), str(count)
