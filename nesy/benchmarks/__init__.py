"""Where questions come from: the embedded families, local files, or the hub.

A benchmark is one file, ``eval/<name>.yaml``; the folder is the registry. Local files come
first (beside the definition, then in ``$NESY_DATA``), then the hub.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nesy import resources
from nesy.benchmarks import local, rows
from nesy.benchmarks.definition import Columns, Definition, read_definition
from nesy.errors import BenchmarkError
from nesy.types import Question

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Questions with what a report must say about them.

    Who reads passes ``partial`` on. ``source`` is where they were read, ``found`` and
    ``expected`` are the questions of the asked split and tasks at hand and in the full
    benchmark (``None``: not declared).
    """

    definition: Definition
    questions: list[Question]
    source: str
    found: int
    expected: int | None

    @property
    def partial(self) -> str | None:
        """What to say if this is not the full benchmark."""
        if self.expected is None or self.found == self.expected:
            return None
        return (
            f"{self.definition.name}: a partial copy, {self.found:,} of {self.expected:,} "
            f"questions ({self.source})"
        )


def names() -> list[str]:
    """Names of all benchmarks, sorted."""
    return resources.names("eval")


def definition(name: str) -> Definition:
    """Read a benchmark's definition.

    Raises:
        BenchmarkError: no such benchmark, or its file is wrong.
    """
    return read_definition(name)[0]


def load(
    name: str,
    split: str,
    *,
    limit: int | None = None,
    tasks: Sequence[str] | None = None,
    seed: int = 0,
    per_family: int | None = None,
    per_fact: int | None = None,
    strict_data: bool = False,
) -> list[Question]:
    """Return the questions of a split, and warn of a partial copy; see ``read``."""
    loaded = read(
        name,
        split,
        limit=limit,
        tasks=tasks,
        seed=seed,
        per_family=per_family,
        per_fact=per_fact,
        strict_data=strict_data,
    )
    if loaded.partial is not None:
        _LOG.warning(loaded.partial)
    return loaded.questions


def read(
    name: str,
    split: str,
    *,
    limit: int | None = None,
    tasks: Sequence[str] | None = None,
    seed: int = 0,
    per_family: int | None = None,
    per_fact: int | None = None,
    strict_data: bool = False,
) -> Loaded:
    """Read the questions of a split.

    ``limit`` takes that many in all, spread over the tasks; which ones depends on ``seed``
    alone, and a smaller limit takes a subset of a larger one's. ``seed`` also seeds the
    embedded families, of which each gives ``per_family`` questions, or with ``per_fact`` that
    many on each fact where its questions rest on facts.

    Raises:
        BenchmarkError: unknown benchmark, split or task; missing data; a malformed item; or,
            under ``strict_data``, a copy that is not the full benchmark.
    """
    known, path = read_definition(name)
    if split not in known.splits:
        listed = ", ".join(known.splits)
        raise BenchmarkError(
            f"{name} has no split {split}{resources.near(split, known.splits)}; it has {listed}"
        )
    if known.generated is not None:
        loaded = _generated(known, split, tasks, seed, (per_family, per_fact))
    else:
        loaded = _stored(known, path, split, _chosen(known, tasks))
    if strict_data and loaded.partial is not None:
        raise BenchmarkError(f"{loaded.partial}; get the full copy, or leave --strict-data out")
    if not loaded.questions:
        raise BenchmarkError(f"{name}: no questions in split {split} ({loaded.source})")
    kept = loaded.questions if limit is None else _sample(loaded.questions, limit, seed)
    return Loaded(known, kept, loaded.source, loaded.found, loaded.expected)


def _generated(
    known: Definition,
    split: str,
    tasks: Sequence[str] | None,
    seed: int,
    asked: tuple[int | None, int | None],
) -> Loaded:
    from nesy.benchmarks import synth

    count = asked[0] or dict(known.generated or {})[split]
    families = [f for f in synth.families().values() if known.name in ("synth", f.benchmark)]
    allowed = [family.name for family in families]
    _check_tasks(known.name, tasks, allowed)
    drawn = synth.questions(known.name, split, count, seed, asked[1])  # type: ignore[arg-type]
    made = [question for question in drawn if not tasks or question.task in tasks]
    return Loaded(known, made, "generated", len(made), None)


def _check_tasks(name: str, tasks: Sequence[str] | None, allowed: Iterable[str]) -> None:
    known = list(allowed)
    for task in tasks or ():
        if task not in known:
            raise BenchmarkError(f"{name} has no task {task}{resources.near(task, known)}")


def _chosen(known: Definition, tasks: Sequence[str] | None) -> list[str]:
    """Tasks to read, in the definition's order; one named as the benchmark if it has none."""
    columns = known.columns
    if known.tasks or columns is None or columns.task is None:
        listed = list(known.tasks) or [known.name]
        _check_tasks(known.name, tasks, listed)
        return [task for task in listed if not tasks or task in tasks]
    return list(tasks or ())


def _stored(known: Definition, path: Path, split: str, tasks: list[str]) -> Loaded:
    sources = known.sources if split == "all" or known.carve is not None else (split,)
    questions: list[Question] = []
    places: dict[str, None] = {}
    for source in sources:
        place, held, columns = _rows(known, path, source, tasks)
        places[place] = None
        questions += rows.questions(known, source, held, columns, tasks)
    if known.carve is not None:
        questions = _carved(questions, known.carve)
        if split != "all":
            questions = [question for question in questions if question.split == split]
    count = expected(known, split, tasks)
    return Loaded(known, questions, ", ".join(places), len(questions), count)


def _rows(
    known: Definition, path: Path, source: str, tasks: list[str]
) -> tuple[str, list[tuple[str, local.Row]], Columns]:
    """Return (place, [(task, row)], columns) from local files, else from the hub."""
    if known.columns is None:
        raise BenchmarkError(f"{resources.shown(path)}: no columns")
    pattern = known.files.get(source)
    by_task = "{task}" in (pattern or "") or "{task}" in ((known.hub and known.hub.config) or "")
    wanted = tasks if by_task else [""]
    if pattern is not None:
        found = {task: local.find(pattern, path, task) for task in wanted}
        held = [
            (task, row)
            for task, file in found.items()
            if file is not None
            for row in local.rows(file, known.rows)
        ]
        missing = [task for task, file in found.items() if file is None]
        if len(missing) < len(found):
            if missing:
                _LOG.warning("%s: no local file of %s", known.name, ", ".join(missing))
            return "local files", held, known.columns
    if known.hub is not None and source in known.hub.splits:
        from nesy.benchmarks import hub

        columns = known.hub.columns or known.columns
        try:
            held = [(task, row) for task in wanted for row in hub.rows(known.hub, source, task)]
        except BenchmarkError as error:
            raise _missing(known, pattern, path, str(error)) from error
        return f"hub {known.hub.path}", held, columns
    raise _missing(known, pattern, path, "no hub copy is known")


def _missing(known: Definition, pattern: str | None, path: Path, hub: str) -> BenchmarkError:
    if pattern is None:
        return BenchmarkError(f"{known.name}: {hub}; go online, or name local files in {path.name}")
    searched = " or ".join(resources.shown(folder) for folder in local.folders(path))
    return BenchmarkError(
        f"{known.name}: no {pattern} in {searched}; {hub}. "
        "Put the file there, set NESY_DATA to the folder that holds it, or go online"
    )


def _carved(questions: list[Question], share: float) -> list[Question]:
    """Give each task's ``ceil(share * n)`` lowest-hashed questions to ``test``."""
    ranked: dict[str, list[tuple[str, int]]] = {}
    for index, question in enumerate(questions):
        digest = hashlib.sha256(question.text.encode()).hexdigest()
        ranked.setdefault(question.task, []).append((digest, index))
    test = set()
    for entries in ranked.values():
        count = math.ceil(round(share * len(entries), 9))
        test |= {index for _, index in sorted(entries)[:count]}
    return [
        _moved(question, "test" if index in test else "train")
        for index, question in enumerate(questions)
    ]


def _moved(question: Question, split: str) -> Question:
    head, _, rest = question.id.partition("/all/")
    return replace(question, id=f"{head}/{split}/{rest}", split=split)


def expected(known: Definition, split: str, tasks: Sequence[str]) -> int | None:
    """Return the questions that the full copy has in some tasks of a split, if that is known."""
    counts = {name: task.count for name, task in known.tasks.items() if name in tasks}
    if known.tasks and None not in counts.values():
        full = [count for count in counts.values() if count is not None]
        if split == "all" or known.carve is None:
            return sum(full)
        test = sum(math.ceil(round(known.carve * count, 9)) for count in full)
        return test if split == "test" else sum(full) - test
    if split == "all" and all(source in known.counts for source in known.sources):
        return sum(known.counts[source] for source in known.sources)
    return None if tasks and list(tasks) != [known.name] else known.counts.get(split)


def _sample(questions: list[Question], limit: int, seed: int) -> list[Question]:
    """Take ``limit`` questions, the same number of each task as far as they go."""
    by_task: dict[str, list[tuple[str, int]]] = {}
    for index, question in enumerate(questions):
        digest = hashlib.sha256(f"{seed}/{question.id}".encode()).hexdigest()
        by_task.setdefault(question.task, []).append((digest, index))
    ranked = [
        (rank, task, index)
        for task, entries in by_task.items()
        for rank, (_, index) in enumerate(sorted(entries))
    ]
    kept = sorted(index for _, _, index in sorted(ranked)[:limit])
    return [questions[index] for index in kept]
