"""Grade completions that were stored elsewhere: no model, no torch."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nesy import resources
from nesy.errors import InputError
from nesy.scoring import grade
from nesy.types import Attempt, Completion, Question


@dataclass(frozen=True, slots=True)
class Stored:
    """Graded rows of a file; ``unknown`` are the lines whose question is not in the benchmark."""

    attempts: list[Attempt]
    unknown: list[int]


def grade_file(path: Path, questions: Sequence[Question]) -> Stored:
    """Grade JSONL rows with ``response`` and either ``task`` and ``index``, or ``question``.

    ``index`` counts a task's questions as the benchmark stores them, from 0. ``question`` may
    leave out the options, if no other question of the benchmark reads the same. An optional
    ``finish`` of ``length`` says that the completion was cut off.

    Raises:
        InputError: unreadable, a row lacks a key, a question is answered twice, a row's
            question and index disagree, or no row's question is known.
    """
    by_text = _by_text(questions)
    by_index = {
        (question.task, int(question.id.rpartition("/")[2])): question for question in questions
    }
    lines: dict[str, int] = {}
    attempts, unknown = [], []
    where = resources.shown(path)
    for number, line in enumerate(resources.read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        row = _row(line, f"{where}:{number}")
        text = row.get("question")
        question = by_index.get((row["task"], row["index"])) if "index" in row else None
        if question is None and isinstance(text, str):
            question = by_text.get(_bare(text))
        if question is None:
            unknown.append(number)
            continue
        if isinstance(text, str) and _bare(text) not in _bare(question.text):
            raise InputError(
                f"{where}:{number}: index {row['index']} of task {row['task']} is another question "
                f"than the row's, {question.id}; leave `index` out to match by text"
            )
        if question.id in lines:
            raise InputError(
                f"{where}:{number}: question {question.id} was answered in line "
                f"{lines[question.id]} already; give one file for each model"
            )
        lines[question.id] = number
        attempts.append(_attempt(question, row))
    if not attempts:
        raise InputError(
            f"{where}: no row answers a question of this benchmark and split; a row has `response` "
            "and either `task` and `index`, or `question`"
        )
    return Stored(attempts, unknown)


def _by_text(questions: Sequence[Question]) -> dict[str, Question]:
    """Return the questions by their text, and by what stands before the options."""
    stems = [_bare(question.text.partition("\nOptions:\n")[0]) for question in questions]
    often = Counter(stems)
    found = {stem: q for stem, q in zip(stems, questions, strict=True) if often[stem] == 1}
    return found | {_bare(question.text): question for question in questions}


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error.msg}") from error
    if not isinstance(row, dict) or not isinstance(row.get("response"), str):
        raise InputError(f"{where}: a row needs `response` as text")
    if "index" in row and not (isinstance(row["index"], int) and isinstance(row.get("task"), str)):
        raise InputError(f"{where}: `index` is a whole number and needs `task` beside it")
    if "index" not in row and not isinstance(row.get("question"), str):
        raise InputError(f"{where}: a row needs `task` and `index`, or `question`")
    return row


def _attempt(question: Question, row: dict[str, Any]) -> Attempt:
    text = row["response"]
    cut_off = row.get("finish") == "length"
    completion = Completion(text, "length" if cut_off else "stop", 0, len(text.split()))
    graded = grade(completion, question)
    return Attempt(
        question=question.id,
        task=question.task,
        hits=(),
        prompt_sha=hashlib.sha256(question.text.encode()).hexdigest(),
        completion=completion,
        answer=graded.answer,
        rule=graded.rule,
        outcome=graded.outcome,
        outcome_strict=graded.outcome_strict,
    )


def _bare(text: str) -> str:
    return " ".join(text.split())
