"""How a stored row becomes a question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nesy import resources
from nesy.benchmarks.definition import Columns, Definition
from nesy.benchmarks.local import Row
from nesy.errors import BenchmarkError
from nesy.types import AnswerKind, Question

_OPTION = re.compile(r"^[ \t]*\(([A-Z])\)[ \t]?(.*)$", re.MULTILINE)
_LABELLED = re.compile(r"\s*\(([A-Z])\)\s*(.*)", re.DOTALL)


def questions(
    known: Definition,
    split: str,
    rows: Iterable[tuple[str, Row]],
    tasks: Sequence[str],
) -> list[Question]:
    """Make the questions of a split from (task, row) pairs; ``tasks`` are those to keep, if any.

    A row's index counts the rows of its task as they are stored, kept or not.

    Raises:
        BenchmarkError: a row lacks a column or its target is none of its options.
    """
    seen: Counter[str] = Counter()
    made = []
    for task, (where, row) in rows:
        columns = _layout(known.layouts, row)
        if columns.task is not None:
            task = _slug(str(_cell(row, columns.task, where)))
        task = task or known.name
        index = seen[task]
        seen[task] += 1
        if tasks and task not in tasks:
            continue
        made.append(_question(known, split, task, index, row, columns, where))
    return made


def _layout(layouts: Sequence[Columns], row: Mapping[str, Any]) -> Columns:
    """Return the columns of a row: the first layout whose question it has, else the first."""
    fitting = (one for one in layouts if isinstance(_held(row, one.question), str))
    return next(fitting, layouts[0])


def _held(row: Mapping[str, Any], column: str) -> Any:
    """Return what a column holds, or ``None``; ``a.b`` is ``b`` inside ``a``."""
    held = row.get(column)
    head, dot, rest = column.partition(".")
    if held is None and dot and isinstance(row.get(head), Mapping):
        return _held(row[head], rest)
    return held


def _question(
    known: Definition,
    split: str,
    task: str,
    index: int,
    row: Mapping[str, Any],
    columns: Columns,
    where: str,
) -> Question:
    kind = (known.tasks[task].kind if task in known.tasks else None) or known.kind
    if kind is None:
        raise BenchmarkError(f"{where}: task {task} is not in the definition of {known.name}")
    text = str(_cell(row, columns.question, where))
    if columns.drop is not None:
        text = re.sub(columns.drop, "", text)
    text = text.strip()
    if columns.passage is not None and _held(row, columns.passage):
        text = f"{str(_held(row, columns.passage)).strip()}\n{text}"
    labels: Sequence[str] = ()
    choices: tuple[str, ...] = ()
    if columns.choices is not None:
        labels, choices = _choices(row, columns.choices, where)
        text = f"{text}\nOptions:\n" + "\n".join(
            f"({_label(i)}) {choice}" for i, choice in enumerate(choices)
        )
    elif kind == "choice":
        choices = tuple(match[1].strip() for match in _OPTION.findall(text))
    if not text:
        raise BenchmarkError(f"{where}: the question is empty")
    return Question(
        id=_id(known, split, task, index),
        benchmark=known.name,
        task=task,
        split=split,
        text=text,
        target=_target(row, columns, kind, labels, choices, where),
        kind=kind,
        choices=choices,
        rationale=_rationale(row, columns),
    )


def _rationale(row: Mapping[str, Any], columns: Columns) -> str | None:
    """What stands before the target in its column, if that is a text that leads up to it."""
    if columns.target_after is None:
        return None
    text = str(_held(row, columns.target)).rpartition(columns.target_after)[0]
    if columns.drop is not None:
        text = re.sub(columns.drop, "", text)
    return text.strip() or None


def _id(known: Definition, split: str, task: str, index: int) -> str:
    return f"{known.name}/{split}/{index if task == known.name else f'{task}/{index}'}"


def _cell(row: Mapping[str, Any], column: str, where: str) -> Any:
    held = _held(row, column)
    if held is None:
        raise BenchmarkError(f"{where}: no column {column}{resources.near(column, row)}")
    return held


def _label(index: int) -> str:
    return chr(ord("A") + index)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _choices(
    row: Mapping[str, Any], columns: str | tuple[str, ...], where: str
) -> tuple[list[str], tuple[str, ...]]:
    """Return the labels that targets use, and the option texts.

    Understands a list of texts, texts that carry their label (``(A)…``), ARC's mapping
    ``{text, label}`` of lists or list of such mappings, and BIG-bench's mapping of text to score.
    """
    if not isinstance(columns, str):
        texts = [str(_cell(row, column, where)).strip() for column in columns]
        return [_label(i) for i in range(len(texts))], tuple(texts)
    held = _cell(row, columns, where)
    if isinstance(held, Mapping) and set(held) == {"text", "label"}:
        return [str(label) for label in held["label"]], tuple(str(t).strip() for t in held["text"])
    if not isinstance(held, Mapping | Sequence) or isinstance(held, str):
        raise BenchmarkError(f"{where}: column {columns} holds no list of options")
    if all(isinstance(one, Mapping) and set(one) >= {"text", "label"} for one in held):
        return [str(one["label"]) for one in held], tuple(str(o["text"]).strip() for o in held)
    texts = [str(text).strip() for text in held]
    parts = [_LABELLED.fullmatch(text) for text in texts]
    if texts and all(p is not None and p[1] == _label(i) for i, p in enumerate(parts)):
        texts = [part[2].strip() for part in parts if part is not None]
    if len(texts) < 2:
        raise BenchmarkError(f"{where}: column {columns} holds fewer than two options")
    return [_label(i) for i in range(len(texts))], tuple(texts)


def _target(
    row: Mapping[str, Any],
    columns: Columns,
    kind: AnswerKind,
    labels: Sequence[str],
    choices: tuple[str, ...],
    where: str,
) -> str:
    held = _cell(row, columns.target, where)
    if kind == "choice" and labels:
        return f"({_label(_right(held, labels, choices, where))})"
    text = str(held)
    if columns.target_after is not None:
        before, found, text = text.rpartition(columns.target_after)
        if not found:
            raise BenchmarkError(f"{where}: no {columns.target_after!r} in {before or text!r:.60}")
    text = text.strip()
    if not text:
        raise BenchmarkError(f"{where}: the target is empty")
    return text


def _right(held: Any, labels: Sequence[str], choices: tuple[str, ...], where: str) -> int:
    """Return the index of the right option from a label, an index, its text or a score list."""
    if isinstance(held, Mapping):
        held = [held[choice] for choice in held]
    if isinstance(held, Sequence) and not isinstance(held, str):
        scores = list(held)
        if len(scores) == len(choices) > 1 and scores.count(max(scores)) == 1:
            return scores.index(max(scores))
        held = scores[0] if len(scores) == 1 else held
    if isinstance(held, int) and 0 <= held < len(choices):
        return held
    text = str(held).strip()
    bare = text.strip("()")
    if bare in labels:
        return labels.index(bare)
    if choices.count(text) == 1:
        return choices.index(text)
    raise BenchmarkError(f"{where}: the target {held!r} is none of the options {', '.join(labels)}")
