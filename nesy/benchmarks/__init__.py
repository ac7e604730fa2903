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
from nesy.benchmarks.definition import Definition, read_definition
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
        hint = "; `carve` in its definition makes one" if split == "train" else ""
        raise BenchmarkError(
            f"{name} has no split {split}{resources.near(split, known.splits)}; it has "
            f"{listed}{hint}"
        )
    if known.generated is not None:
        loaded = _generated(known, split, tasks, seed, (per_family, per_fact))
    else:
        loaded = _stored(known, path, split, _chosen(known, tasks))
    if strict_data and loaded.partial is not None:
        raise BenchmarkError(f"{loaded.partial}; get the full copy, or leave --strict-data out")
    if not loaded.questions:
        raise BenchmarkError(f"{name}: no questions in split {split} ({loaded.source})")
    kept = loaded.questions if limit is None else sample(loaded.questions, limit, seed)
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
    if known.tasks or all(columns.task is None for columns in known.layouts):
        listed = list(known.tasks) or [known.name]
        _check_tasks(known.name, tasks, listed)
        return [task for task in listed if not tasks or task in tasks]
    return list(tasks or ())


def _stored(known: Definition, path: Path, split: str, tasks: list[str]) -> Loaded:
    questions: list[Question] = []
    places: dict[str, None] = {}
    for source in known.stored(split):
        place, held = _rows(known, path, source, tasks)
        places[place] = None
        questions += rows.questions(known, source, held, tasks)
    if known.carve is not None:
        questions = _carved(questions, known.carve)
        if split != "all":
            questions = [question for question in questions if question.split == split]
    count = expected(known, split, tasks)
    return Loaded(known, questions, ", ".join(places), len(questions), count)


def _rows(
    known: Definition, path: Path, source: str, tasks: list[str]
) -> tuple[str, list[tuple[str, local.Row]]]:
    """Return (place, [(task, row)]) from local files, else from the hub."""
    patterns, hub = known.patterns(source), known.hub
    named = " ".join([*patterns, *((hub.path, hub.config or "") if hub is not None else ())])
    wanted = tasks if "{task}" in named else [""]
    found = {task: local.find(patterns, path, task) for task in wanted}
    missing = [task for task, files in found.items() if not files]
    if len(missing) < len(found):
        if missing:
            _LOG.warning("%s: no local file of %s", known.name, ", ".join(missing))
        return "local files", [
            (task, row)
            for task, files in found.items()
            for file in files
            for row in local.rows(file, known.rows)
        ]
    if hub is None or source not in hub.splits:
        raise _missing(known, source, path, "no hub copy is known")
    from nesy.benchmarks import hub as hubs

    try:
        rows = [(task, row) for task in wanted for row in hubs.rows(hub, source, task)]
    except BenchmarkError as error:
        raise _missing(known, source, path, str(error)) from error
    return f"hub {hub.path}", rows


def _missing(known: Definition, source: str, path: Path, hub: str) -> BenchmarkError:
    patterns = known.patterns(source)
    if not patterns:
        return BenchmarkError(f"{known.name}: {hub}; go online, or name local files in {path.name}")
    searched = " or ".join(resources.shown(folder) for folder in local.folders(path))
    return BenchmarkError(
        f"{known.name}: no {patterns[0]} in {searched}; {hub}. "
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
        test |= {index for _, index in sorted(entries)[: _test_size(share, len(entries))]}
    return [
        _moved(question, "test" if index in test else "train")
        for index, question in enumerate(questions)
    ]


def _moved(question: Question, split: str) -> Question:
    head, _, rest = question.id.partition("/all/")
    return replace(question, id=f"{head}/{split}/{rest}", split=split)


def expected(known: Definition, split: str, tasks: Sequence[str]) -> int | None:
    """Return the questions that the full copy has in some tasks of a split, if that is known."""
    stored = known.stored(split)
    counts: list[int | None]
    if known.tasks:
        whole = stored == known.sources  # counts by task are of all splits
        counts = [task.count if whole else None for n, task in known.tasks.items() if n in tasks]
    else:
        whole = not tasks or list(tasks) == [known.name]
        if whole and split in known.counts:
            return known.counts[split]
        counts = [known.counts.get(source) if whole else None for source in stored]
    full = [count for count in counts if count is not None]
    if not full or len(full) < len(counts):
        return None
    if known.carve is None or split == "all":
        return sum(full)
    test = sum(_test_size(known.carve, count) for count in full)
    return test if split == "test" else sum(full) - test


def _test_size(share: float, count: int) -> int:
    return math.ceil(round(share * count, 9))


def sample(questions: list[Question], limit: int, seed: int) -> list[Question]:
    """Take ``limit`` questions, the same number of each task as far as they go, by their hash."""
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
