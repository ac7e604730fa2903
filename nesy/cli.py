"""The command line: parse, call one function, print.

Results go to stdout (with ``--json`` as one JSON document), logs and progress to stderr.
Exit codes: 0 ok, 1 a check or gate failed, 2 usage or input, 3 budget reached, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from nesy import cli_commonsense, cli_kb, cli_models, cli_runs, resources
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
for _model_command in cli_models.COMMANDS:
    app.command()(_model_command)

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
    """Make a project folder: its own kb/ with the shipped packs, eval/ with an example, runs/."""
    for name in ("kb", "eval", "runs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    packs = [p for p in resources.builtin("kb").iterdir() if p.suffix in (".yaml", ".json")]
    copied = _copied(packs, folder / "kb")
    _copied(sorted(resources.EXAMPLE.iterdir()), folder / "eval")
    print_line(f"{folder}: kb/ ({copied} files copied), eval/ and runs/ are ready")
    print_line(f"your own questions: see {folder / 'eval' / 'example.yaml'}")


def _copied(sources: Iterable[Path], folder: Path) -> int:
    """Copy files that are not there yet, and count them."""
    missing = [source for source in sources if not (folder / source.name).exists()]
    for source in missing:
        shutil.copyfile(source, folder / source.name)
    return len(missing)


@app.command()
def distill(
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "--config",
            help="Recipe by name or path; or several: a,b,c. By default the benchmark's (bbh), "
            "else embedded.",
        ),
    ] = None,
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
    kb_budget: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of knowledge that a question is shown.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Rounds of new questions, of what the student fails.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address of the teacher's endpoint; else OPENAI_BASE_URL.")
    ] = None,
    max_concurrency: Annotated[
        int, typer.Option(min=1, help="Most requests under way at a time.")
    ] = 64,
    rpm: Annotated[int | None, typer.Option(min=1, help="Most requests a minute.")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, help="Most tokens a minute.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one request.")] = 300.0,
    batch_api: Annotated[
        bool, typer.Option("--batch-api", help="Ask through the provider's batch endpoint.")
    ] = False,
    max_usd: Annotated[
        float | None, typer.Option(min=0.0, help="Stop before the run has cost more (exit 3).")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again what failed before.")
    ] = False,
    ray: Annotated[
        str | None, typer.Option(help="Ray cluster that shall hold a teacher of local weights.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate calls, tokens and cost.")
    ] = False,
    sample: Annotated[
        int, typer.Option(min=0, help="With --dry-run: ask this many questions first, for good.")
    ] = 0,
    kb: KbOption = Path("kb"),
    output_dir: Annotated[Path | None, typer.Option(help="Run folder.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Distil a teacher into the student and the knowledge base."""
    from nesy import cli_distill
    from nesy import recipe as recipes

    overrides = list(sets or [])
    for key, value in (
        ("data.benchmark", benchmark),
        ("teacher.model", teacher),
        ("student.model", student),
        ("data.limit", limit),
        ("data.seed", seed),
        ("train.seed", seed),
        ("kb_budget", kb_budget),
        ("rounds.count", rounds),
    ):
        if value is not None:
            overrides.append(f"{key}={json.dumps(value)}")
    named = recipe or recipes.meant(benchmark)
    planned = cli_distill.planned(named.split(","), overrides, output_dir)
    if not kb.is_dir():
        raise InputError(f"{kb}/: no knowledge base here; `nesy init` makes one")

    from nesy.asking import Settings
    from nesy.models.flow import Terms

    terms = Terms(base_url, max_concurrency, rpm, tpm, timeout, batch_api)
    asking = Settings(terms, max_usd, retry_failed, ray)
    if dry_run:
        from nesy import tables

        resolved, folder = planned[0]
        stages = cli_distill.estimated(resolved, folder, asking, sample)
        if as_json:
            print_json(cli_distill.document(resolved, stages))
            return
        tables.console().print(cli_distill.table(stages))
        for line in cli_distill.remarks(resolved, stages):
            print_line(line)
        return
    from nesy import ranks, train, zero
    from nesy.progress import Progress

    # What can't train is refused before a teacher is paid.
    zero.stage()
    with ranks.joined() as first:
        if not first:
            train.follow()
            return
        made = cli_distill.distilled(planned, kb, Progress(quiet), asking)
    if as_json:
        print_json(made[0].to_json() if len(made) == 1 else [one.to_json() for one in made])
        return
    for one in made:
        print_line(f"run             {one.run}")
        print_line(f"adapter         {one.adapter}")
        if one.merge:
            print_line(
                f"knowledge base  {one.pack} ({one.entries} entries from {one.failures} failures)"
            )
        if one.failed:
            named = ", ".join(f"{count} {reason}" for reason, count in one.failed.items())
            print_line(f"failed          {named}; --retry-failed asks them again")
        if one.usd is None or one.usd > 0:
            spent = "price unknown" if one.usd is None else f"${one.usd:.4f}"
            print_line(f"spent           {spent}; {one.run}/spend.json")
    benchmark = planned[0][0].data.benchmark
    if len(made) == 1:
        print_line(f"next            nesy eval --benchmark {benchmark} --ablate")
    else:
        print_line(f"next            nesy eval --benchmark {benchmark} --run RUN, for each run;")
        print_line("                then nesy compare --by-recipe RUN RUN …")


@app.command("eval")
def evaluate(
    context: typer.Context,
    benchmark: Annotated[str, typer.Option(help="Benchmark by name; any name in eval/.")],
    run: RunOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="Any model instead of a run's: tiny, a hub name or folder, openai:<m>."),
    ] = None,
    adapter: Annotated[Path | None, typer.Option(help="LoRA adapter for --model.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", "--base_url", help="Endpoint of --model openai:<model>."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="train | test | all | …")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may repeat.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions of each split.")] = None,
    num_fewshot: Annotated[
        int,
        typer.Option(
            "--num-fewshot", "--num_fewshot", min=0, help="Examples of the train split to show."
        ),
    ] = 0,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Base and distilled, with and without knowledge.")
    ] = False,
    no_kb: Annotated[bool, typer.Option("--no-kb", help="Show the model no knowledge.")] = False,
    gate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Retrieve only at or below this confidence (kb gate)."),
    ] = None,
    kb_budget: Annotated[
        str | None,
        typer.Option(help="Most tokens of knowledge shown; several, 8,16,32, are compared."),
    ] = None,
    calculator: Annotated[
        str | None, typer.Option(help="off | plain | annotated; by default the recipe's.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", "--max_gen_toks", min=1, help="Tokens of an answer."),
    ] = None,
    batch_size: Annotated[
        str,
        typer.Option("--batch-size", "--batch_size", help="auto, or questions decoded at a time."),
    ] = "auto",
    ray: Annotated[
        str | None, typer.Option(help="Ray cluster that shall hold the model: auto, host:port …")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto | cpu | cuda | cuda:<n>")] = None,
    dtype: Annotated[str | None, typer.Option(help="auto | float32 | bfloat16 | float16")] = None,
    show: Annotated[
        str | None, typer.Option(help="Print the whole path of this question id.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of examples and of generated or sampled questions.")
    ] = 0,
    responses: Annotated[
        Path | None, typer.Option(help="Grade these stored completions (JSONL); no model runs.")
    ] = None,
    strict_data: Annotated[
        bool, typer.Option("--strict-data", help="Refuse a partial copy of the benchmark.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with what is stored, or anew.")
    ] = True,
    kb: Annotated[
        Path | None, typer.Option("--kb", help="Folder of knowledge packs; ./kb for a run.")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "--output_path", help="Folder of the results.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a distilled student, or any model, on a benchmark."""
    from nesy import tables
    from nesy.cli_eval import Asked, grade_stored, measure, shown_path
    from nesy.progress import Progress

    if responses is not None:
        _refuse_all_but(
            context,
            *("responses", "benchmark", "split", "task", "limit", "seed", "strict_data"),
            *("output_dir", "as_json", "quiet"),
            why="--responses grades what was answered elsewhere",
        )
    if model is not None and run is not None:
        raise InputError("--run measures a run's student, --model any model; give one of them")
    if model is None and (adapter is not None or base_url is not None):
        raise InputError("--adapter and --base-url belong to --model")
    if ablate or (model is None and not no_kb):
        kb = kb or Path("kb")
    asked = Asked(
        benchmark=benchmark,
        run=found_run(run) if model is None and responses is None else None,
        model=model,
        adapter=adapter,
        base_url=base_url,
        split=split,
        tasks=tuple(task or ()),
        limit=limit,
        fewshot=num_fewshot,
        ablate=ablate,
        kb=None if no_kb and not ablate else kb,
        calculator=calculator,
        gate=gate,
        kb_budgets=_numbers("--kb-budget", kb_budget),
        max_tokens=max_tokens,
        device=device,
        dtype=dtype,
        batch_size=int(batch_size) if batch_size.isdecimal() else batch_size,
        ray=ray,
        seed=seed,
        strict_data=strict_data,
        resume=resume,
        output_dir=output_dir,
    )
    if show is not None:
        print_line(shown_path(asked, show))
        return
    measured = (
        measure(asked, Progress(quiet)) if responses is None else grade_stored(responses, asked)
    )
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
    if responses is not None:
        return
    print_line(f"records         {measured.folder}")
    print_line(f"one question    {_same_command()} --show {measured.example}")


def _refuse_all_but(context: typer.Context, *names: str, why: str) -> None:
    """Refuse an option that was given and has no meaning beside the others."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name not in names and source is not None and source.name == "COMMANDLINE":
            off = not context.params[option.name or ""]
            shown = [*(option.secondary_opts if off else ()), *option.opts][0]
            raise InputError(f"{why}: leave {shown} out")


def _numbers(option: str, given: str | None) -> tuple[int, ...]:
    """Whole numbers above 0, separated by commas."""
    parts = [] if given is None else given.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"{option} {given}: give whole numbers above 0, separated by commas")
    return tuple(map(int, parts))


def _same_command() -> str:
    """The command that is running, as a person would type it again, without what is secret."""
    bare = re.compile(r"((?:--base[-_]url=)?\w+://)(?:[^/]*@)?([^?]*)(?:\?.*)?")
    words = (bare.sub(r"\1\2", word) for word in sys.argv[1:] if word != "--no-resume")
    return shlex.join(["nesy", *words])


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
