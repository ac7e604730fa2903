"""Compare runs on the same questions: how sure is it that one is better?

Runs are paired by question id. A difference is only called one when the exact McNemar test
says so; otherwise the comparison says whether the questions were enough to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.table import Column, Table

from nesy import resources, stats, tables
from nesy.errors import InputError
from nesy.runs import read_records
from nesy.stats import Pair, Rule
from nesy.types import Attempt

Verdict = Literal[
    "better", "worse", "no difference worth mentioning", "not enough questions to tell"
]
LEVEL = 0.05
MARGIN = 0.02
"""Accuracy difference below which two systems count as the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the second run differs from the first on some questions.

    ``accuracy`` holds both accuracies in [0, 1]; ``p`` is corrected (Holm) where several
    differences were tested together; ``verdict`` speaks of the second run.
    """

    accuracy: tuple[float, float]
    pair: Pair
    p: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side.

    ``wins`` and ``losses`` are the ids of the questions that only the second, or only the
    first, answers right; ``only_first`` and ``only_second`` count unpaired questions.
    """

    first: str
    second: str
    overall: Difference
    tasks: Mapping[str, Difference]
    wins: tuple[str, ...]
    losses: tuple[str, ...]
    only_first: int
    only_second: int

    @property
    def worse(self) -> bool:
        """Whether the second run is worse over all; what ``--fail-if-worse`` asks."""
        return self.overall.verdict == "worse"


def compare(
    first: Sequence[Attempt],
    second: Sequence[Attempt],
    names: tuple[str, str] = ("first", "second"),
    rule: Rule = "lenient",
    margin: float = MARGIN,
) -> Comparison:
    """Compare two runs, over all and by task.

    Raises:
        InputError: the runs have no question in common, or one holds a question twice.
    """
    left, right = _by_question(first, names[0]), _by_question(second, names[1])
    shared = sorted(set(left) & set(right))
    if not shared:
        raise InputError(
            f"{names[0]} and {names[1]} have no question in common; "
            "compare runs of the same benchmark and split"
        )
    correct = {
        question: tuple(stats.outcome(side[question], rule) == "correct" for side in (left, right))
        for question in shared
    }
    by_task: dict[str, list[str]] = {}
    for question in shared:
        by_task.setdefault(right[question].task, []).append(question)
    pairs = {
        task: stats.pair([correct[q][0] for q in some], [correct[q][1] for q in some])
        for task, some in sorted(by_task.items())
    }
    adjusted = stats.holm([pair.p for pair in pairs.values()])
    overall = stats.pair([correct[q][0] for q in shared], [correct[q][1] for q in shared])
    return Comparison(
        first=names[0],
        second=names[1],
        overall=_difference(overall, overall.p, margin),
        tasks={
            task: _difference(pair, p, margin)
            for (task, pair), p in zip(pairs.items(), adjusted, strict=True)
        },
        wins=tuple(q for q in shared if correct[q] == (False, True)),
        losses=tuple(q for q in shared if correct[q] == (True, False)),
        only_first=len(left) - len(shared),
        only_second=len(right) - len(shared),
    )


def compare_many(
    runs: Mapping[str, Sequence[Attempt]], rule: Rule = "lenient", margin: float = MARGIN
) -> list[Comparison]:
    """Compare each further run with the first one; p values are corrected for their number.

    Raises:
        InputError: fewer than two runs, or runs without a question in common.
    """
    names = list(runs)
    if len(names) < 2:
        raise InputError("a comparison needs at least two runs")
    made = [
        compare(runs[names[0]], runs[name], (names[0], name), rule, margin) for name in names[1:]
    ]
    adjusted = stats.holm([one.overall.pair.p for one in made])
    return [
        Comparison(
            one.first,
            one.second,
            _difference(one.overall.pair, p, margin),
            one.tasks,
            one.wins,
            one.losses,
            one.only_first,
            one.only_second,
        )
        for one, p in zip(made, adjusted, strict=True)
    ]


def read(where: str) -> list[Attempt]:
    """Read attempts from a run folder, ``folder:cell`` of an ablation, or a JSONL file.

    Raises:
        InputError: nothing there, or a folder of several cells and none was named.
    """
    held = read_records(_file(where), Attempt)
    return list({attempt.question: attempt for attempt in held}.values())


def lines(where: str) -> dict[str, str]:
    """Return ``file:line`` of each question's attempt, to look it up.

    Raises:
        InputError: as ``read``.
    """
    path = _file(where)
    held = enumerate(read_records(path, Attempt), 1)
    return {a.question: f"{resources.shown(path)}:{number}" for number, a in held}


def _file(where: str) -> Path:
    path, cell = Path(where), ""
    if not path.exists() and ":" in where:
        head, _, cell = where.rpartition(":")
        path = Path(head)
    if path.is_dir():
        files = sorted(path.glob("attempts*.jsonl"))
        known = [file.name.removeprefix("attempts").removesuffix(".jsonl")[1:] for file in files]
        if not files:
            raise InputError(
                f"{path}: no attempts here; is it the folder of a finished `nesy eval`?"
            )
        if cell not in known and not (cell == "" and len(known) == 1):
            raise InputError(
                f"{path}: name a cell, as {path}:{known[-1]}; it has {', '.join(known)}"
            )
        path = files[known.index(cell)] if cell in known else files[0]
    if not path.is_file():
        raise InputError(f"{where}: no such run or file")
    return path


def table(made: Comparison) -> Table:
    """Return one row a task and one for all: accuracies, gain with its interval, verdict."""
    drawn = Table(
        Column("task", overflow="fold"),
        title=f"{made.first} → {made.second}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="p: exact McNemar, by task corrected for their number and over all for that of the "
        "runs (Holm); shows: the smallest difference that so many questions show with 80 % power",
        caption_justify="left",
    )
    for heading in ("n", "first", "second", "gain", "95 %", "wins", "losses", "p", "shows"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("second is", overflow="fold", min_width=10)
    rows = {**made.tasks, "all": made.overall} if len(made.tasks) > 1 else {"all": made.overall}
    for name, one in rows.items():
        drawn.add_row(
            name,
            str(one.pair.questions),
            *(tables.percent(share) for share in one.accuracy),
            tables.points(one.pair.difference),
            f"{tables.points(one.pair.interval[0])} to {tables.points(one.pair.interval[1])}",
            str(one.pair.wins),
            str(one.pair.losses),
            tables.p_value(one.p),
            tables.percent(one.pair.smallest),
            one.verdict,
        )
    return drawn


def document(made: Sequence[Comparison], places: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return comparisons as plain JSON values, with where each win and loss can be read.

    ``places`` gives ``file:line`` by run and question, see ``lines``.
    """
    return {
        "comparisons": [
            {
                **asdict(one),
                "links": {
                    question: [places[one.first][question], places[one.second][question]]
                    for question in (*one.wins, *one.losses)
                },
            }
            for one in made
        ]
    }


def _by_question(attempts: Sequence[Attempt], name: str) -> dict[str, Attempt]:
    held = {attempt.question: attempt for attempt in attempts}
    if len(held) != len(attempts):
        raise InputError(f"{name}: a question is answered more than once, so it can't be paired")
    return held


def _difference(pair: Pair, p: float, margin: float) -> Difference:
    low, high = pair.interval
    verdict: Verdict
    if p < LEVEL:
        verdict = "better" if pair.difference > 0 else "worse"
    elif -margin <= low and high <= margin:
        verdict = "no difference worth mentioning"
    else:
        verdict = "not enough questions to tell"
    first = (pair.both + pair.losses) / pair.questions
    return Difference((first, first + pair.difference), pair, p, verdict)
