"""One self-contained HTML file over one or more runs; no network, light and dark, phone-sized."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from nesy import compare, evaluate, evaluations, resources, stats, tables
from nesy.compare import Comparison
from nesy.errors import InputError
from nesy.evaluate import Shown
from nesy.runs import RECIPE, Run, read_records
from nesy.stats import Ablation, Figures
from nesy.types import Attempt, Question

MOST_BYTES = 1_000_000
_FOR_PAGE = 120_000  # what the page itself takes beside the browsable attempts
_POINTS = 400  # of a learning curve
_TEMPLATE = Path(__file__).with_suffix(".html")


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting of one run: its name on the page and its attempts."""

    name: str
    attempts: list[Attempt]


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve: mean loss against step, as points of an SVG of 100 by 100."""

    name: str
    path: str
    steps: int
    highest: float
    last: float


@dataclass(frozen=True, slots=True)
class Step:
    """A line of ``loss.jsonl``, as far as the curve needs it."""

    loss: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens read and written, and what was paid where that is known."""

    name: str
    read: int
    written: int | None
    usd: float | None


def write(folders: Sequence[Path], path: Path) -> Path:
    """Write the report of runs to ``path`` and return it.

    Raises:
        InputError: a folder is no run, or no run holds attempts.
    """
    path.write_text(render(folders), "utf-8")
    return path


def render(folders: Sequence[Path]) -> str:
    """Return the report of runs as HTML, below one million bytes.

    A folder is an evaluation, or a distillation run, which stands for all its evaluations.
    Where the attempts do not all fit, those that are not correct come first and the page says
    how many are left out.

    Raises:
        InputError: a folder is no run, or no run holds attempts.
    """
    runs = [run for folder in folders for run in _evaluations(folder)]
    found = [cell for run in runs for cell in _cells(run, several=len(runs) > 1)]
    if not found:
        listed = ", ".join(resources.shown(folder) for folder in folders)
        raise InputError(f"{listed}: no attempts to report on; run `nesy eval` first")
    questions = {q.id: q for run in runs for q in run.read("questions", Question)}
    entries = {shown.id: shown for run in runs for shown in run.read("entries", Shown)}
    trainings = list(dict.fromkeys(folder for run in runs for folder in _trained_in(run)))
    page = _template().render(
        title=" and ".join(folder.resolve().name for folder in folders),
        runs=[{"name": run.folder.name, "recipe": _recipe(run)} for run in runs],
        cells=[
            {
                "name": cell.name,
                "outcomes": stats.figures(cell.attempts).outcomes,
                "n": len(cell.attempts),
            }
            for cell in found
        ],
        tasks=_tasks(found),
        totals=_rows(found),
        ablation=_ablation(found, list(questions.values())),
        comparisons=_comparisons(found),
        knowledge=_knowledge(found),
        leaks=[leaks for run in runs for leaks in _leaks(run)],
        curves=[curve for folder in trainings for curve in _curves(folder)],
        costs=_costs(found, trainings),
        notes=dict.fromkeys(note for run in runs for note in _notes(run)),
        outcomes=stats.OUTCOMES,
        percent=tables.percent,
        points=tables.points,
        p_value=tables.p_value,
        payload="@@PAYLOAD@@",
        left_out="@@LEFT_OUT@@",
    )
    payload, left_out = _payload(found, questions, entries, MOST_BYTES - _FOR_PAGE - len(page))
    return page.replace("@@PAYLOAD@@", payload).replace("@@LEFT_OUT@@", str(left_out))


def _evaluations(folder: Path) -> list[Run]:
    """The evaluations that a folder stands for: itself, or those of a distillation run."""
    run = Run.open(folder)
    below = [] if evaluations.conditions(run) else sorted(evaluations.below(folder))
    return [Run.open(path) for path in below] or [run]


def _trained_in(run: Run) -> list[Path]:
    """Where the adapters of an evaluation were trained: its own folder or a distillation run's."""
    above = run.folder.resolve().parent.parent
    is_below = run.folder.resolve().parent.name == "eval" and (above / RECIPE).is_file()
    return [above if is_below else run.folder]


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE.read_text("utf-8"))


def _cells(run: Run, several: bool) -> list[Cell]:
    made = []
    for cell in evaluate.cells(run):
        name = cell or ("attempts" if not several else "")
        prefix = f"{run.folder.name} " if several else ""
        made.append(Cell((prefix + name).strip(), evaluate.latest(run, cell)))
    return [cell for cell in made if cell.attempts]


def _recipe(run: Run) -> str:
    return (run.folder / RECIPE).read_text("utf-8")


def _tasks(found: Sequence[Cell]) -> dict[str, list[dict[str, Any]]]:
    by_cell = {cell.name: stats.by_task(cell.attempts) for cell in found}
    names = sorted({task for figures in by_cell.values() for task in figures})
    return {
        task: [
            _dot(index, name, figures[task])
            for index, (name, figures) in enumerate(by_cell.items())
            if task in figures
        ]
        for task in names
    }


def _dot(index: int, name: str, made: Figures) -> dict[str, Any]:
    low, high = made.interval
    return {
        "cell": index,
        "name": name,
        "n": made.questions,
        "at": round(100 * made.accuracy, 2),
        "low": round(100 * low, 2),
        "width": round(100 * (high - low), 2),
        "label": f"{tables.percent(made.accuracy)} ({tables.interval(made.interval)})",
    }


def _rows(found: Sequence[Cell]) -> list[dict[str, Any]]:
    rows = []
    for index, cell in enumerate(found):
        lenient, strict = (stats.figures(cell.attempts, rule) for rule in ("lenient", "strict"))
        tasks = stats.by_task(cell.attempts)
        macro = sum(figures.accuracy for figures in tasks.values()) / len(tasks)
        rows.append({**_dot(index, cell.name, lenient), "strict": strict.accuracy, "macro": macro})
    return rows


def _ablation(found: Sequence[Cell], questions: Sequence[Question]) -> Ablation | None:
    if len(found) < 2:
        return None
    try:
        return stats.ablation(
            {cell.name: cell.attempts for cell in found}, evaluate.groups(questions)
        )
    except InputError:  # runs of different benchmarks stand side by side without a test
        return None


def _comparisons(found: Sequence[Cell]) -> list[Comparison]:
    """Compare each cell with the one before it, where they answered the same questions."""
    made = []
    for first, second in itertools.pairwise(found):
        if {a.question for a in first.attempts} & {a.question for a in second.attempts}:
            names = (first.name, second.name)
            made.append(compare.compare(first.attempts, second.attempts, names))
    return made


def _knowledge(found: Sequence[Cell]) -> list[dict[str, Any]]:
    rows = []
    for cell in found:
        used = evaluate.retrieval(cell.attempts)
        if not used["with_entries"]:
            continue
        helped = [attempt for attempt in cell.attempts if attempt.hits]
        bare = [attempt for attempt in cell.attempts if not attempt.hits]
        rows.append(
            {
                "name": cell.name,
                "n": len(cell.attempts),
                "with": stats.figures(helped),
                "without": stats.figures(bare),
                "most": list(used["most_shown"].items())[:10],
                "entries": used["entries"],
            }
        )
    return rows


def _leaks(run: Run) -> list[dict[str, Any]]:
    """Test questions that were found in knowledge or rationales, as the report has them."""
    leaks = ((run.read_json("report") or {}).get("nesy") or {}).get("contamination")
    return [{**leaks, "name": run.folder.name}] if leaks and leaks["questions"] else []


def _curves(folder: Path) -> list[Curve]:
    """Read the loss curves that trainings left below a folder, each as one SVG path."""
    made = []
    order = list(Run.open(folder).read_json("stages") or {})
    files = sorted(folder.glob("*/loss.jsonl"))
    files.sort(key=lambda f: order.index(f.parent.name) if f.parent.name in order else len(order))
    for file in files:
        losses = [step.loss for step in read_records(file, Step)]
        if not losses:
            continue
        width = max(1, len(losses) // _POINTS)
        means = [
            sum(losses[i : i + width]) / len(losses[i : i + width])
            for i in range(0, len(losses), width)
        ]
        highest = max(means) or 1.0
        last = max(1, len(means) - 1)
        points = [
            f"{100 * i / last:.2f},{100 - 100 * y / highest:.2f}" for i, y in enumerate(means)
        ]
        made.append(
            Curve(file.parent.name, "M" + "L".join(points), len(losses), highest, means[-1])
        )
    return made


def _costs(found: Sequence[Cell], trainings: Sequence[Path]) -> list[Cost]:
    """What was read, written and paid: by the teacher, in training, in each cell."""
    costs = []
    for folder in trainings:
        run = Run.open(folder)
        for stage, spent in ((run.read_json("spend") or {}).get("stages") or {}).items():
            read, written = spent["prompt_tokens"], spent["completion_tokens"]
            costs.append(Cost(f"teacher, {stage}", read, written, spent.get("usd")))
        for stage, figures in (run.read_json("stages") or {}).items():
            if "tokens" in figures:
                costs.append(Cost(f"training {stage}", figures["tokens"], None, None))
    for cell in found:
        done = [attempt.completion for attempt in cell.attempts]
        read, written = (sum(c.prompt_tokens for c in done), sum(c.completion_tokens for c in done))
        costs.append(Cost(cell.name, read, written, None))
    return costs


def _notes(run: Run) -> list[str]:
    report = run.read_json("report") or {}
    return [str(note) for note in (report.get("nesy") or {}).get("notes") or []]


def _payload(
    found: Sequence[Cell],
    questions: Mapping[str, Question],
    entries: Mapping[str, Shown],
    room: int,
) -> tuple[str, int]:
    """Return as many attempts as fit into ``room`` bytes, gzipped, and how many do not."""
    order = {id_: number for number, id_ in enumerate(questions)}
    ranked = sorted(
        ((cell, attempt) for cell in range(len(found)) for attempt in found[cell].attempts),
        key=lambda pair: (
            pair[1].outcome == "correct",
            order.get(pair[1].question, len(order)),
            pair[0],
        ),
    )
    kept = len(ranked)
    while True:
        packed = _packed([cell.name for cell in found], ranked[:kept], questions, entries)
        if len(packed) <= room or kept == 0:
            return packed, len(ranked) - kept
        kept = min(kept - 1, int(kept * 0.95 * room / len(packed)))


def _packed(
    names: Sequence[str],
    ranked: Sequence[tuple[int, Attempt]],
    questions: Mapping[str, Question],
    entries: Mapping[str, Shown],
) -> str:
    shown = {attempt.question for _, attempt in ranked}
    hits = {hit.entry for _, attempt in ranked for hit in attempt.hits}
    document = {
        "cells": names,
        "questions": {
            id_: [q.task, q.text, q.target] for id_, q in questions.items() if id_ in shown
        },
        "entries": {
            id_: "\n".join([*([e.lesson] if e.lesson else []), *e.facts])
            for id_, e in entries.items()
            if id_ in hits
        },
        "attempts": [
            [
                cell,
                a.question,
                a.outcome,
                a.outcome_strict,
                a.answer,
                a.rule,
                a.completion.text,
                [[hit.entry, round(hit.score, 4)] for hit in a.hits],
            ]
            for cell, a in ranked
        ],
    }
    plain = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(plain, 9, mtime=0)).decode()
