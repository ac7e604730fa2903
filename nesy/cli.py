"""The command line: parse, call one function, print.

Results go to stdout (with ``--json`` as one JSON document), logs and progress to stderr.
Exit codes: 0 ok, 1 a check or gate failed, 2 usage or input, 3 budget reached, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nesy import cli_commonsense, cli_kb, cli_runs, resources
from nesy.errors import InputError, NesyError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Distil a teacher into a small model and a knowledge base that people can correct.",
)

app.add_typer(cli_kb.app, name="kb")
app.add_typer(cli_commonsense.app, name="commonsense")
for _command in (cli_runs.compare, cli_runs.rescore, cli_runs.report):
    app.command()(_command)

RunOption = Annotated[
    Path | None, typer.Option("--run", help="Run folder; by default the latest in ./runs/.")
]
KbOption = Annotated[Path, typer.Option("--kb", help="Folder of knowledge packs.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Project folder to make.")] = Path(),
) -> None:
    """Make a project folder: its own kb/ with the shipped packs, eval/ and runs/."""
    for name in ("kb", "eval", "runs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    copied = 0
    for source in sorted(resources.builtin("kb").iterdir()):
        target = folder / "kb" / source.name
        if source.suffix in (".yaml", ".json") and not target.exists():
            shutil.copyfile(source, target)
            copied += 1
    print_line(f"{folder}: kb/ ({copied} files copied), eval/ and runs/ are ready")


@app.command()
def distill(
    recipe: Annotated[
        str, typer.Option("--recipe", "--config", help="Recipe by name or path.")
    ] = "embedded",
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="Questions to distil on; any name in eval/.")
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="Teacher model.")] = None,
    student: Annotated[str | None, typer.Option(help="Student model.")] = None,
    limit: Annotated[int | None, typer.Option(help="Training questions in all.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of data and training.")] = None,
    kb: KbOption = Path("kb"),
    output_dir: Annotated[Path | None, typer.Option(help="Run folder.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Distil a teacher into the student and the knowledge base."""
    from nesy import recipe as recipes

    overrides = list(sets or [])
    for key, value in (
        ("data.benchmark", benchmark),
        ("teacher.model", teacher),
        ("student.model", student),
        ("data.limit", limit),
        ("data.seed", seed),
        ("train.seed", seed),
    ):
        if value is not None:
            overrides.append(f"{key}={json.dumps(value)}")
    resolved = recipes.load(recipe, overrides)
    if not kb.is_dir():
        raise InputError(f"{kb}/: no knowledge base here; `nesy init` makes one")
    folder = output_dir or Path("runs") / f"{Path(recipe).stem}-{resolved.sha[:8]}"

    from nesy.distill import distill as run_distillation
    from nesy.progress import Progress

    made = run_distillation(resolved, folder, kb, Progress(quiet))
    if as_json:
        print_json(made.to_json())
        return
    print_line(f"run             {made.run}")
    print_line(f"adapter         {made.adapter}")
    print_line(
        f"knowledge base  {made.pack} ({made.entries} entries from {made.failures} failures)"
    )
    print_line(f"next            nesy eval --benchmark {resolved.data.benchmark} --ablate")


@app.command("eval")
def evaluate(
    benchmark: Annotated[str, typer.Option(help="Benchmark by name; any name in eval/.")],
    run: RunOption = None,
    split: Annotated[str | None, typer.Option(help="train | test | all | …")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may repeat.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions of each split.")] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Base and distilled, with and without knowledge.")
    ] = False,
    no_kb: Annotated[bool, typer.Option("--no-kb", help="Show the model no knowledge.")] = False,
    calculator: Annotated[
        str | None, typer.Option(help="off | plain | annotated; by default the recipe's.")
    ] = None,
    show: Annotated[
        str | None, typer.Option(help="Print the whole path of this question id.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of generated or sampled questions.")] = 0,
    responses: Annotated[
        Path | None, typer.Option(help="Grade these stored completions (JSONL); no model runs.")
    ] = None,
    strict_data: Annotated[
        bool, typer.Option("--strict-data", help="Refuse a partial copy of the benchmark.")
    ] = False,
    kb: KbOption = Path("kb"),
    output_dir: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a distilled student on a benchmark."""
    from nesy import tables
    from nesy.cli_eval import Asked, grade_stored, measure, shown_path
    from nesy.progress import Progress

    if responses is not None:
        graded = grade_stored(responses, benchmark, split, tuple(task or ()), strict_data)
        if as_json:
            print_json(graded.report)
            return
        tables.console().print(tables.by_task(graded.attempts))
        for line in graded.remarks:
            print_line(line)
        return
    asked = Asked(
        run=found_run(run),
        benchmark=benchmark,
        split=split,
        tasks=tuple(task or ()),
        limit=limit,
        ablate=ablate,
        knowledge=not no_kb,
        calculator=calculator,
        seed=seed,
        strict_data=strict_data,
        kb=kb,
        output_dir=output_dir,
    )
    if show is not None:
        print_line(shown_path(asked, show))
        return
    measured = measure(asked, Progress(quiet))
    if as_json:
        print_json(measured.report)
        return
    out = tables.console()
    if measured.ablation is not None:
        out.print(tables.cells(measured.ablation))
        out.print(tables.tests(measured.ablation))
    else:
        out.print(tables.by_task(measured.attempts))
    for line in measured.remarks:
        print_line(line)
    print_line(f"records         {measured.folder}")
    print_line(f"one question    nesy eval --benchmark {benchmark} --show {measured.example}")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, with option lines if any.")],
    run: RunOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Entries, prompt, steps, and the answer without.")
    ] = False,
    kb: KbOption = Path("kb"),
    as_json: JsonOption = False,
) -> None:
    """Answer one question with student and knowledge base."""
    from nesy.cli_ask import ask as answer_one

    answered = answer_one(question, found_run(run), kb, explain)
    if as_json:
        print_json(answered.to_json())
        return
    if explain:
        print_line(answered.explained())
    print_line(answered.answer if answered.answer is not None else "no answer")


def found_run(run: Path | None) -> Path:
    """The run that was asked for, or the latest one in ./runs/ that has ended."""
    if run is not None:
        return run
    ended = sorted(Path("runs").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not ended:
        raise InputError("./runs/ holds no finished run; run `nesy distill` first, or give --run")
    return ended[-1].parent


def print_line(line: str) -> None:
    """Print a line of a result on stdout."""
    typer.echo(line)


def print_json(document: Any) -> None:
    """Print a result as one JSON document on stdout."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def main() -> None:
    """Run the command line; errors that a user can mend come without a traceback."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        app()
    except NesyError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted; what was done is kept, run the same command again", err=True)
        sys.exit(130)
