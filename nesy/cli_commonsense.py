"""``nesy commonsense``: symbolic knowledge distillation, stage by stage or at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nesy import resources
from nesy.cli_kb import Group
from nesy.cli_kb.output import AsJson, emit

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Symbolic knowledge distillation: events and inferences, a critic, a small student.",
)

Recipe = Annotated[str, typer.Option("--recipe", "--config", help="Recipe by name or path.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")
]
Output = Annotated[
    Path | None, typer.Option("--output-dir", "--run", help="Run folder; by default by recipe.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")]
Found = Annotated[
    Path | None,
    typer.Option("--run", help="Run folder; by default the latest in ./runs/ with a corpus."),
]


def _distil(
    until: str, recipe: str, sets: list[str] | None, output: Path | None, quiet: bool, rounds: int
) -> tuple[Path, Any]:
    from nesy.commonsense import distillation
    from nesy.commonsense import recipe as recipes
    from nesy.progress import Progress

    resolved = recipes.load(recipe, sets or [])
    folder = output or Path("runs") / f"commonsense-{Path(recipe).stem}-{resolved.sha[:8]}"
    stage = next(name for name in distillation.STAGES if name == until)
    return folder, distillation.distill(resolved, folder, Progress(quiet), stage, rounds)


@app.command()
def events(
    recipe: Recipe = "embedded", sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Let the teacher think of new events."""
    folder, _ = _distil("events", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}/events.jsonl")


@app.command()
def infer(
    recipe: Recipe = "embedded", sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Let the teacher say what follows from the events: the corpus."""
    folder, _ = _distil("infer", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}/triples.jsonl")


@app.command("filter")
def filter_(
    recipe: Recipe = "embedded", sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Let the critic score the corpus."""
    folder, _ = _distil("filter", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}")


@app.command()
def train(
    recipe: Recipe = "embedded", sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Train a student on what each level of the filter keeps."""
    folder, _ = _distil("train", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}")


@app.command()
def run(
    recipe: Recipe = "embedded",
    sets: Sets = None,
    output: Output = None,
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of self-imitation.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run all stages, and print quantity, diversity and validity by level of the filter."""
    from nesy import tables
    from nesy.commonsense import output as shown

    folder, made = _distil("stats", recipe, sets, output, quiet, rounds)
    if as_json:
        return emit(asdict(made))
    for table in shown.tables(made):
        tables.console().print(table)
    typer.echo(f"run             {resources.shown(folder)}")
    typer.echo('ask             nesy commonsense ask "PersonX …" xWant')
