"""The table of methods: evaluations by recipe, over seeds, what each is worth and what it cost.

Recipes are paired question by question. Over several seeds the unit is still the question: its
difference is the sum over the seeds, so that asking it three times does not count as three.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from rich import box
from rich.table import Column, Table

from nesy import compare, evaluations, resources, stats, tables, train
from nesy import recipe as recipes
from nesy.errors import InputError
from nesy.recipe import Recipe
from nesy.runs import RECIPE
from nesy.stats import Rule
from nesy.types import Attempt

REFERENCE = "std-cot"
OURS = "nesycd"
"""A recipe whose name begins so is none of the baselines; ``nesycd-…`` is it with one switch on."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run of a recipe, measured.

    ``trained`` are the tokens that its trainings read, ``learned`` those of them that it learned
    to write, ``seconds`` what the trainings took; ``entries`` is the size of the knowledge base
    that it answered with, 0 without.
    """

    recipe: str
    seed: int
    benchmark: str
    attempts: tuple[Attempt, ...]
    trained: int
    learned: int
    seconds: float
    entries: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How a recipe differs from another one: points in [-1, 1], 95 % interval, p by Holm."""

    to: str
    difference: float
    interval: tuple[float, float]
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Row:
    """A recipe in the table; all figures are means over its seeds, ``sd`` of the accuracy."""

    recipe: str
    seeds: tuple[int, ...]
    questions: int
    accuracy: float
    sd: float | None
    tasks: Mapping[str, float]
    differences: tuple[Difference, ...]
    trained: float
    learned: float
    prompt_tokens: float
    written_tokens: float
    seconds: float
    entries: float


def read(where: str) -> Evaluation:
    """Read a distillation run by its latest evaluation, or an evaluation folder of one.

    Raises:
        InputError: there is none that has ended, or it is of no distillation run.
    """
    evaluation = evaluations.locate(Path(where))
    folder = evaluation.folder
    settings = json.loads(resources.read_text(folder / RECIPE))
    report = evaluation.read_json("report")
    if report is None or "cell" not in report["nesy"]:
        raise InputError(f"{resources.shown(folder)}: not finished; run `nesy eval` again")
    if settings.get("run") is None:
        raise InputError(f"{resources.shown(folder)}: evaluates no distillation run")
    run = evaluations.distilled(folder, settings["run"])
    recipe = recipes.parse(resources.read_text(run / RECIPE), resources.shown(run / RECIPE))
    trained = learned = 0
    seconds = 0.0
    for report_file in _trainings(recipe, run):
        made = json.loads(resources.read_text(report_file))
        counted = made["preflight"]
        trained += made["tokens"]
        learned += round(made["tokens"] * counted["target_tokens"] / counted["tokens"])
        seconds += made["seconds"]
    cell = report["nesy"]["cell"]
    attempts = compare.read(str(folder) if cell is None else f"{folder}:{cell}")
    return Evaluation(
        recipe=recipe.name or re.sub(r"-[0-9a-f]{8}$", "", run.resolve().name),
        seed=recipe.train.seed,
        benchmark=report["nesy"]["benchmark"],
        attempts=tuple(attempts),
        trained=trained,
        learned=learned,
        seconds=seconds,
        entries=report["nesy"].get("kb_entries", 0),
    )


def _trainings(recipe: Recipe, run: Path) -> list[Path]:
    """The reports of the trainings that made the student, one after the other."""
    names = ["stage1"] if recipe.train.init == "stage1" else []
    phases = sorted(path.parent.name for path in run.glob(f"phase*/{train.REPORT}"))
    rounds = sorted(path.parent.name for path in run.glob(f"round*/{train.REPORT}"))
    # The adapter is a copy of the best round.
    return [run / name / train.REPORT for name in (*names, *phases, *(rounds or ["adapter"]))]


def rows(made: Sequence[Evaluation], rule: Rule = "lenient") -> list[Row]:
    """Put recipes side by side, each tested against ``std-cot`` and the best of the baselines.

    A recipe ``nesycd-…`` is tested against ``nesycd`` too: what its switch is worth.

    Raises:
        InputError: a recipe is there twice with one seed, the recipes do not have the same
            seeds, or they have no question in common.
    """
    held: dict[str, dict[int, Evaluation]] = {}
    for one in made:
        if one.seed in held.setdefault(one.recipe, {}):
            raise InputError(f"{one.recipe} is there twice with seed {one.seed}")
        held[one.recipe][one.seed] = one
    seeds = sorted(next(iter(held.values())))
    for name, by_seed in held.items():
        if sorted(by_seed) != seeds:
            raise InputError(
                f"{name} has the seeds {_listed(sorted(by_seed))}, {next(iter(held))} has "
                f"{_listed(seeds)}; compare recipes with the same seeds"
            )
    shared = sorted(set.intersection(*({a.question for a in one.attempts} for one in made)))
    if not shared:
        raise InputError("the runs have no question in common; compare one benchmark and split")
    right = {name: _right(by_seed, shared, rule) for name, by_seed in held.items()}
    accuracy = {name: sum(counts) / len(counts) / len(seeds) for name, counts in right.items()}
    baselines = [name for name in held if not name.startswith(OURS)]
    references = [name for name in (REFERENCE,) if name in held]
    if baselines:
        best = max(baselines, key=lambda name: accuracy[name])
        references += [best] if best not in references else []
    tested = {to: _tested(right, to, len(seeds)) for to in references}
    switches = {name: counts for name, counts in right.items() if _switched(name)}
    if OURS in right and switches:
        tested[OURS] = _tested({OURS: right[OURS], **switches}, OURS, len(seeds))
    return [
        _row(held[name], right[name], shared, [d[name] for d in tested.values() if name in d], rule)
        for name in held
    ]


def _switched(name: str) -> bool:
    return name.startswith(f"{OURS}-")


def _right(by_seed: Mapping[int, Evaluation], shared: Sequence[str], rule: Rule) -> list[int]:
    """In how many seeds each of the shared questions is answered right."""
    outcomes = [
        {a.question: stats.outcome(a, rule) == "correct" for a in one.attempts}
        for one in by_seed.values()
    ]
    return [sum(one[question] for one in outcomes) for question in shared]


def _tested(right: Mapping[str, Sequence[int]], to: str, seeds: int) -> dict[str, Difference]:
    """Test each other recipe against one; the p values are corrected for their number."""
    found = {}
    for name, counts in right.items():
        if name != to:
            moved = [b - a for a, b in zip(right[to], counts, strict=True)]
            found[name] = (moved, stats.sign_flips(moved))
    adjusted = stats.holm([p for _, p in found.values()])
    return {
        name: Difference(
            to=to,
            difference=fmean(moved) / seeds,
            interval=stats.mean_interval([one / seeds for one in moved]),
            p=p,
            p_holm=holm,
        )
        for (name, (moved, p)), holm in zip(found.items(), adjusted, strict=True)
    }


def _row(
    by_seed: Mapping[int, Evaluation],
    right: Sequence[int],
    shared: Sequence[str],
    differences: Sequence[Difference],
    rule: Rule,
) -> Row:
    held = set(shared)
    runs = list(by_seed.values())
    some = [[a for a in one.attempts if a.question in held] for one in runs]
    each = [stats.figures(attempts, rule).accuracy for attempts in some]
    tasks = [stats.by_task(attempts, rule) for attempts in some]
    done = [attempt.completion for attempts in some for attempt in attempts]
    return Row(
        recipe=runs[0].recipe,
        seeds=tuple(sorted(by_seed)),
        questions=len(shared),
        accuracy=sum(right) / len(right) / len(runs),
        sd=stdev(each) if len(each) > 1 else None,
        tasks={task: fmean(one[task].accuracy for one in tasks) for task in tasks[0]},
        differences=tuple(differences),
        trained=fmean(one.trained for one in runs),
        learned=fmean(one.learned for one in runs),
        prompt_tokens=fmean(one.prompt_tokens for one in done),
        written_tokens=fmean(one.completion_tokens for one in done),
        seconds=fmean(one.seconds for one in runs),
        entries=fmean(one.entries for one in runs),
    )


def accuracies(made: Sequence[Row]) -> Table:
    """Return one row a recipe, the best first: accuracy, and differences to the others."""
    seeds = made[0].seeds
    title = f"{made[0].questions:,} questions, seeds {_listed(seeds)}"
    drawn = Table(
        Column("recipe", no_wrap=True), title=title, title_justify="left", box=box.SIMPLE_HEAD
    )
    references = list(dict.fromkeys(d.to for row in made for d in row.differences))
    for heading in ("accuracy", *(f"to {name} (p)" for name in references)):
        drawn.add_column(heading, justify="right")
    for row in _best_first(made):
        to = {one.to: one for one in row.differences}
        spread = "" if row.sd is None else f" ± {100 * row.sd:.1f}"
        drawn.add_row(
            row.recipe,
            f"{tables.percent(row.accuracy)}{spread}",
            *(
                f"{tables.points(to[name].difference)} ({tables.p_value(to[name].p_holm)})"
                if name in to
                else "·"
                for name in references
            ),
        )
    drawn.caption = (
        "p: exact sign-flip test over questions (one seed: McNemar), Holm by column"
        if references
        else None
    )
    return drawn


def costs(made: Sequence[Row]) -> Table:
    """Return one row a recipe, in the same order: tokens, seconds, size of the knowledge."""
    drawn = Table(Column("recipe", no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("trained", "learned", "prompt/q", "written/q", "train s", "KB"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for row in _best_first(made):
        drawn.add_row(
            row.recipe,
            f"{row.trained / 1000:,.0f}k",
            f"{row.learned / 1000:,.0f}k",
            f"{row.prompt_tokens:.0f}",
            f"{row.written_tokens:.0f}",
            f"{row.seconds:.0f}",
            f"{row.entries:.0f}" if row.entries else "·",
        )
    drawn.caption = (
        "trained: tokens read in training, learned: those with a loss; /q: a question; KB: entries"
    )
    return drawn


def _best_first(made: Sequence[Row]) -> list[Row]:
    return sorted(made, key=lambda row: -row.accuracy)


def by_task(made: Sequence[Row]) -> Table:
    """Return one row a task, one column a recipe: accuracy."""
    drawn = Table(Column("task", no_wrap=True), box=box.SIMPLE_HEAD)
    for row in made:
        drawn.add_column(row.recipe, justify="right")
    for task in sorted({task for row in made for task in row.tasks}):
        drawn.add_row(task, *(tables.percent(row.tasks[task]) for row in made))
    return drawn


def document(made: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain JSON values."""
    return [asdict(row) for row in made]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
