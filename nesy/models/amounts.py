"""Work out a word problem step by step, in the form of GSM8K's rationales.

Each step is one operation, annotated as ``4 * 9 = <<4*9=36>>36``. The number wordings of the
embedded teacher share this: ``solve_counted`` for those that give a quantity in a thing of a
fact table, ``solve_steps`` for the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from nesy import facts
from nesy.facts import Fact
from nesy.models.solver import Knowledge, Solution

_NUMBERS = frozenset("abcdknmp")


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: ``result = left op right``, and the sentence that states it.

    ``left`` and ``right`` name numbers known so far, or are a number that the wording says in a
    word (the 2 of "twice"). ``{calc}`` of the sentence becomes the annotated operation; other
    names in braces are the numbers and words known so far.
    """

    result: str
    left: str
    op: str
    right: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Counting:
    """How one table's quantities are spoken of.

    ``verb`` joins a thing to its number ("4 firkins *are* 36 gallons"), ``measure`` is what a
    price is counted in; ``when`` is filled with ``{plural}`` and ``{units}``.
    """

    table: str
    verb: str
    when: str
    lesson: str
    measure: str = "euros"


_COUNT = Step("all", "n", "*", "value", "{n} {plural} {verb} {calc} {units}.")
_ADD = Step("sum", "all", "+", "m", "With {m} more that is {calc} {units}.")
_PRICE = Step("cost", "all", "*", "p", "At {p} each that is {calc} {measure}.")
_TIMES = Step("total", "all", "*", "p", "{p} times that is {calc} {units}.")
_PLANS: dict[str, tuple[Step, ...]] = {
    "plus": (_COUNT, _ADD),
    "minus": (_COUNT, Step("rest", "all", "-", "m", "Without {m} that is {calc} {units}.")),
    "times": (_COUNT, _TIMES),
    "price": (_COUNT, _PRICE),
    "price plus": (
        _COUNT,
        _PRICE,
        Step("sum", "cost", "+", "m", "With {m} more that is {calc} {measure}."),
    ),
    "times plus": (
        _COUNT,
        _TIMES,
        Step("sum", "total", "+", "m", "With {m} more that is {calc} {units}."),
    ),
    "plus times": (
        _COUNT,
        _ADD,
        Step("total", "sum", "*", "p", "{p} times that is {calc} {units}."),
    ),
    "both": (
        Step("both", "n", "+", "k", "Together there are {calc} {plural}."),
        Step("all", "both", "*", "value", "{both} {plural} {verb} {calc} {units}."),
    ),
    "more": (
        Step("more", "n", "-", "k", "The difference is {calc} {plural}."),
        Step("all", "more", "*", "value", "{more} {plural} {verb} {calc} {units}."),
    ),
    "share": (_COUNT, Step("each", "all", "/", "k", "One of {k} equal shares is {calc} {units}.")),
}


def solve_counted(
    question: str, counting: Counting, wordings: Sequence[tuple[str, str]]
) -> Solution | None:
    """Solve a question that gives a quantity in a thing of the fact table.

    ``wordings`` are pairs (text as for ``match``, plan). Returns ``None`` when no text
    matches, the thing is not in the table, or it is not counted in the units asked about.
    """
    for text, plan in wordings:
        found = match(text, question)
        if found is None:
            continue
        numbers, words = found
        fact = _by_plural(counting.table).get(words["plural"])
        if fact is None:
            continue
        columns = {name: str(fact.fields[name]) for name in ("plural", "unit", "units")}
        if any(words.get(name, word) != word for name, word in columns.items()):
            continue
        words |= {"verb": counting.verb, "measure": counting.measure, **columns}
        worked = _work(numbers | {"value": fact.fields["value"]}, words, _PLANS[plan])
        if worked is None:
            return None
        sentences, answer = worked
        return Solution(
            rationale=" ".join([fact.statement, *sentences]),
            answer=str(answer),
            knowledge=_knowledge(fact, counting, {*numbers.values(), answer}),
        )
    return None


def solve_steps(
    question: str, wordings: Sequence[tuple[str, tuple[Step, ...]]], knowledge: Knowledge
) -> Solution | None:
    """Solve a question worded as one of ``wordings``, pairs (text as for ``match``, steps)."""
    for text, steps in wordings:
        found = match(text, question)
        worked = None if found is None else _work(*found, steps)
        if worked is not None:
            sentences, answer = worked
            return Solution(" ".join(sentences), str(answer), knowledge)
    return None


def match(text: str, question: str) -> tuple[dict[str, int], dict[str, str]] | None:
    """Return the numbers and the words that stand for the names in braces of ``text``.

    The names ``a b c d k n m p`` stand for whole numbers, all others for words; a name that
    occurs twice stands for the same both times. ``None`` if the question is worded otherwise.
    """
    found = _pattern(text).fullmatch(question.strip())
    if found is None:
        return None
    groups = found.groupdict()
    numbers = {name: int(group) for name, group in groups.items() if name in _NUMBERS}
    return numbers, {name: group for name, group in groups.items() if name not in _NUMBERS}


def annotated(left: int, op: str, right: int, result: int) -> str:
    """Write an operation as GSM8K does: ``4 * 9 = <<4*9=36>>36``."""
    return f"{left} {op} {right} = <<{left}{op}{right}={result}>>{result}"


def _work(
    numbers: Mapping[str, int], words: Mapping[str, str], steps: Sequence[Step]
) -> tuple[list[str], int] | None:
    """Return the sentences and the last result, or ``None`` if it is no natural number."""
    known = dict(numbers)
    sentences: list[str] = []
    for step in steps:
        left, right = _value(known, step.left), _value(known, step.right)
        result = _compute(left, step.op, right)
        if result is None:
            return None
        known[step.result] = result
        calc = annotated(left, step.op, right, result)
        sentences.append(step.sentence.format(calc=calc, **known, **words))
    return sentences, known[steps[-1].result]


def _value(known: Mapping[str, int], operand: str) -> int:
    return int(operand) if operand.isdigit() else known[operand]


def _compute(left: int, op: str, right: int) -> int | None:
    if op == "+":
        return left + right
    if op == "*":
        return left * right
    if op == "-":
        return left - right if left >= right else None
    return left // right if right and left % right == 0 else None


def _knowledge(fact: Fact, counting: Counting, taken: set[int]) -> Knowledge:
    value: int = fact.fields["value"]
    count = next(n for n in range(2, 100) if not {n, n * value} & taken)
    plural, units = fact.fields["plural"], fact.fields["units"]
    product = f"{count} * {value}"
    return Knowledge(
        when=counting.when.format(plural=plural, units=units),
        lesson=counting.lesson,
        facts=(fact.statement,),
        example=f"{count} {plural} {counting.verb} {product} = {count * value} {units}.",
        check=f"{product} == {count * value}",
    )


@cache
def _by_plural(table: str) -> dict[str, Fact]:
    return {fact.fields["plural"]: fact for fact in facts.table(table)}


@cache
def _pattern(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts: list[str] = []
    for piece in re.split(r"(\{\w+\})", text):
        name = piece[1:-1]
        if not piece.startswith("{"):
            parts.append(re.escape(piece))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(rf"(?P<{name}>\d+)" if name in _NUMBERS else rf"(?P<{name}>[^.?]+?)")
    return re.compile("".join(parts))
