"""Worked examples that are shown before a question."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nesy.answer import Examples
from nesy.errors import InputError
from nesy.types import Question

PROMPT = "student-fewshot"
SPLITS = ("dev", "train", "validation")
"""Splits that examples may come from, the first that a benchmark has."""


def examples(pool: Sequence[Question], count: int, seed: int) -> Examples:
    """Return a choice of ``count`` examples from ``pool`` for each question, fixed by ``seed``.

    They are of the question's own task where the pool has that task, else of any; the same for
    all questions of a task, except that a question is never its own example.

    Raises:
        InputError: when asked about a question for which the pool holds too few others.
    """
    ranked = sorted(pool, key=lambda q: hashlib.sha256(f"{seed}/{q.id}".encode()).hexdigest())
    by_task: dict[str, list[Question]] = {}
    for question in ranked:
        by_task.setdefault(question.task, []).append(question)

    def chosen(question: Question) -> Sequence[Question]:
        found: list[Question] = []
        seen = {_bare(question.text)}
        for other in by_task.get(question.task, ranked):
            if len(found) == count:
                break
            if _bare(other.text) not in seen:
                seen.add(_bare(other.text))
                found.append(other)
        if len(found) < count:
            raise InputError(
                f"question {question.id}: only {len(found)} other questions to choose examples "
                f"from, {count} were asked for; lower --num-fewshot"
            )
        return found

    return chosen


def _bare(text: str) -> str:
    return " ".join(text.split()).casefold()
