"""``nesy compare``, ``rescore``, ``report``: commands over stored attempts, without a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nesy import resources
from nesy.errors import InputError
from nesy.stats import Rule

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(help="Two or more: evaluation folder, folder:cell, or attempts file."),
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Grade by the strict rule.")] = False,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit 1 if a later run is worse.")
    ] = False,
    by_recipe: Annotated[
        bool, typer.Option("--by-recipe", help="One table: recipes over seeds, with their cost.")
    ] = False,
    by_task: Annotated[
        bool, typer.Option("--by-task", help="With --by-recipe: also the accuracy of each task.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare runs on the same questions: exact McNemar, intervals, and a verdict."""
    from nesy import compare as comparing
    from nesy import tables

    if by_recipe:
        if fail_if_worse:
            raise InputError("--fail-if-worse compares two runs: leave --by-recipe out")
        return _by_recipe(runs, "strict" if strict else "lenient", by_task, as_json)
    attempts = {name: comparing.read(name) for name in runs}
    made = comparing.compare_many(attempts, "strict" if strict else "lenient")
    places = {name: comparing.lines(name) for name in runs}
    if as_json:
        typer.echo(json.dumps(comparing.document(made, places), indent=2, ensure_ascii=False))
    else:
        for one in made:
            tables.console(160).print(comparing.table(one))
            for title, ids in (("wins", one.wins), ("losses", one.losses)):
                typer.echo(f"{title}: {len(ids) or 'none'}")
                for id_ in ids:
                    typer.echo(f"  {id_}  {places[one.first][id_]}  {places[one.second][id_]}")
            unpaired = one.only_first + one.only_second
            if unpaired:
                typer.echo(f"{unpaired} questions are in one of the two only and are left out")
    if fail_if_worse and any(one.worse for one in made):
        raise typer.Exit(1)


def _by_recipe(runs: list[str], rule: Rule, by_task: bool, as_json: bool) -> None:
    from nesy import methods, tables

    read = [methods.read(run) for run in runs]
    made = methods.rows(read, rule)
    if as_json:
        return typer.echo(json.dumps(methods.document(made), indent=2, ensure_ascii=False))
    tables.console().print(methods.accuracies(made), methods.costs(made))
    unpaired = max(len(one.attempts) for one in read) - made[0].questions
    if unpaired:
        typer.echo(f"{unpaired} questions are not in all of the runs and are left out")
    if by_task:
        tables.console().print(methods.by_task(made))


def rescore(
    folder: Annotated[Path, typer.Argument(help="Evaluation folder.")],
    as_json: Json = False,
) -> None:
    """Grade a run's stored completions again, after a rule of grading changed."""
    from nesy import evaluate

    changed = []
    for name, (before, after) in evaluate.rescore(folder).items():
        for old, new in zip(before, after, strict=True):
            if (old.outcome, old.outcome_strict) != (new.outcome, new.outcome_strict):
                changed.append(
                    {
                        "records": name,
                        "question": old.question,
                        "before": [old.outcome, old.outcome_strict],
                        "after": [new.outcome, new.outcome_strict],
                    }
                )
    if as_json:
        typer.echo(json.dumps({"changed": changed}, indent=2, ensure_ascii=False))
        return
    for one in changed:
        typer.echo(
            f"{one['records']} {one['question']}: {' / '.join(one['before'])} "
            f"→ {' / '.join(one['after'])}"
        )
    typer.echo(f"{resources.shown(folder)}: {len(changed)} verdicts changed")


def report(
    folders: Annotated[list[Path], typer.Argument(help="Evaluation folders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "report.html"
    ),
) -> None:
    """Write one self-contained HTML page on runs, with every attempt to browse."""
    from nesy.report import write

    typer.echo(str(write(folders, output)))
