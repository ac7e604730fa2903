"""``nesy commonsense``: symbolic knowledge distillation, stage by stage or at once."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nesy import resources
from nesy.cli_kb import Group
from nesy.cli_kb.output import AsJson, emit
from nesy.errors import InputError

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Symbolic knowledge distillation: events and inferences, a critic, a small student.",
)

_DEFAULT = "embedded"
Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe", "--config", help="Recipe by name or path; by default the run's, else embedded."
    ),
]
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
    until: str,
    recipe: str | None,
    sets: list[str] | None,
    output: Path | None,
    quiet: bool,
    rounds: int,
) -> tuple[Path, Any]:
    from nesy.commonsense import distillation
    from nesy.commonsense import recipe as recipes
    from nesy.progress import Progress
    from nesy.runs import RECIPE

    if recipe is None and not sets and output is not None and (output / RECIPE).is_file():
        held = output / RECIPE
        resolved = recipes.parse(resources.read_text(held), resources.shown(held))
    else:
        resolved = recipes.load(recipe or _DEFAULT, sets or [])
    stem = Path(recipe or _DEFAULT).stem
    folder = output or Path("runs") / f"commonsense-{stem}-{resolved.sha[:8]}"
    stage = next(name for name in distillation.STAGES if name == until)
    return folder, distillation.distill(resolved, folder, Progress(quiet), stage, rounds)


@app.command()
def events(
    recipe: Recipe = None, sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Let the teacher think of new events."""
    folder, _ = _distil("events", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}/events.jsonl")


@app.command()
def infer(
    recipe: Recipe = None, sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Let the teacher say what follows from the events: the corpus."""
    folder, _ = _distil("infer", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}/triples.jsonl")


@app.command("filter")
def filter_(
    recipe: Recipe = None, sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Let the critic score the corpus."""
    folder, _ = _distil("filter", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}")


@app.command()
def train(
    recipe: Recipe = None, sets: Sets = None, output: Output = None, quiet: Quiet = False
) -> None:
    """Train a student on what each level of the filter keeps."""
    folder, _ = _distil("train", recipe, sets, output, quiet, 0)
    typer.echo(f"{resources.shown(folder)}")


@app.command()
def run(
    recipe: Recipe = None,
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


@app.command()
def critic(
    recipe: Recipe = None,
    sets: Sets = None,
    output: Output = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled pairs (JSONL) instead of a run's triples; half is tested on."),
    ] = None,
    fields: Annotated[
        str, typer.Option(help="With --data: names of context, claim, label and group.")
    ] = "question,solution,is_correct,question",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train the critic on the labels of a run, or on labelled pairs of your own."""
    from nesy import tables
    from nesy.commonsense import output as shown

    if data is not None:
        measured = _on_pairs(data, fields, recipe, sets, output, quiet)
        if as_json:
            return emit(asdict(measured))
        for table in shown.pairs(measured):
            tables.console().print(table)
        return
    from nesy.critic import read_report

    folder, _ = _distil("critic", recipe, sets, output, quiet, 0)
    report = read_report(folder / "critic")
    if as_json:
        return emit(asdict(report))
    tables.console().print(shown.thresholds(report))
    typer.echo(f"picture         {resources.shown(folder)}/critic/precision-recall.svg")


@app.command()
def score(
    folder: Annotated[Path, typer.Option("--critic", help="Folder of a trained critic.")],
    data: Annotated[Path | None, typer.Option(help="Pairs to score (JSONL).")] = None,
    fields: Annotated[
        str, typer.Option(help="With --data: names of context and claim.")
    ] = "question,solution",
    kb: Annotated[Path | None, typer.Option(help="Entries to score: a folder of packs.")] = None,
    recall: Annotated[
        float | None, typer.Option(help="Only what the threshold of this recall keeps.")
    ] = None,
) -> None:
    """Score pairs, or the entries of a knowledge base, by a critic: JSON lines, the worst first."""
    from nesy.commonsense import pairs
    from nesy.critic import Critic

    if (data is None) == (kb is None):
        raise InputError("give --data or --kb: pairs to score, or a knowledge base")
    judge = Critic(folder)
    least = -1.0 if recall is None else judge.threshold(recall)
    if data is not None:
        named = pairs.unlabelled(data, *_names(fields, 2))
    else:
        named = pairs.of_entries(kb or Path("kb"))
    scored = zip(judge.score(list(named.values())), named.items(), strict=True)
    for valid, (name, pair) in sorted(scored, key=lambda one: one[0]):
        if valid >= least:
            row = {"id": name, "valid": round(valid, 4), "claim": pair.claim}
            typer.echo(json.dumps(row, ensure_ascii=False))


def _names(fields: str, count: int) -> list[str]:
    names = [name.strip() for name in fields.split(",")]
    if len(names) != count or not all(names):
        raise InputError(f"--fields {fields}: name {count} fields, separated by commas")
    return names


def _on_pairs(
    data: Path,
    fields: str,
    recipe: str | None,
    sets: list[str] | None,
    output: Path | None,
    quiet: bool,
) -> Any:
    from nesy.commonsense import distillation, pairs
    from nesy.commonsense import recipe as recipes
    from nesy.progress import Progress

    labels = pairs.read(data, pairs.Fields(*_names(fields, 4)))
    settings = distillation.critic_settings(recipes.load(recipe or _DEFAULT, sets or []))
    folder = output or Path("runs") / f"critic-{data.stem}"
    progress = Progress(quiet)
    with progress.stage("critic", len(labels) * settings.epochs, "pairs") as advance:
        return pairs.measure(labels, settings, folder, advance)


@app.command()
def label(
    run: Found = None,
    labeller: Annotated[
        str, typer.Option(envvar=["NESY_LABELLER", "USER"], help="Who labels.")
    ] = "me",
    csv_out: Annotated[Path | None, typer.Option(help="Write a table to fill in.")] = None,
    csv_in: Annotated[Path | None, typer.Option(help="Read a filled table.")] = None,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Print Cohen's kappa of every two labellers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Label triples by single keys, or through a CSV file; every verdict is saved at once."""
    from rich.console import Console

    from nesy.commonsense import asking, labels, page, triples
    from nesy.runs import RECIPE, Run

    folder = _found(run)
    resolved = asking.recipe_of(folder)
    with Run.create(folder, resources.read_text(folder / RECIPE)) as opened:
        corpus = triples.kept(opened.read("triples", triples.Triple))
        if not corpus:
            raise InputError(
                f"{resources.shown(folder)}: no triples yet; run `nesy commonsense infer --run "
                f"{resources.shown(folder)}` first"
            )
        chosen = labels.sample(resolved.labels, corpus)
        if csv_in is not None:
            made = labels.from_csv(csv_in, {t.id: t for t in corpus}, labeller)
            opened.append("labels", made)
            typer.echo(f"{len(made)} labels read", err=True)
        said = opened.read("labels", labels.Label)
        if csv_out is not None:
            try:
                csv_out.write_text(labels.to_csv(chosen, said, labeller), "utf-8")
            except OSError as error:
                raise InputError(f"{csv_out}: {error.strerror}") from error
            typer.echo(f"{csv_out}: {len(chosen)} triples", err=True)
        if agreement:
            found = labels.agreements(said)
            if as_json:
                return emit([asdict(one) for one in found])
            for one in found:
                typer.echo(
                    f"{one.first} and {one.second}: {one.triples} triples, "
                    f"{one.agreed:.1%} alike, kappa {one.kappa:.3f}"
                )
            if not found:
                typer.echo("no two labellers judged the same triple")
        if csv_in is not None or csv_out is not None or agreement:
            return
        session = labels.Session(opened, chosen, labeller)
        with page.keys() as key:
            page.label(session, key, Console(stderr=True), labeller)
        counts = dict(session.counts)
        if as_json:
            return emit({"run": str(folder), "total": session.total, **counts})
        typer.echo(f"{sum(counts.values())} of {session.total} labelled by {labeller}")
        if session.next is None:
            typer.echo(f"next            nesy commonsense critic --run {resources.shown(folder)}")


@app.command()
def ask(
    event: Annotated[str, typer.Argument(help='As "PersonX lends the ladder to PersonY".')],
    relation: Annotated[str, typer.Argument(help="As xWant; one that the run was made for.")],
    run: Found = None,
    level: Annotated[str, typer.Option(help="Student of this filter: none | low | high.")] = "high",
    beams: Annotated[int, typer.Option(min=1, help="Number of tails.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Complete an event by the student, the likeliest tails first, with the critic's view."""
    from nesy.commonsense import asking

    answered = asking.ask(_found(run), event, relation, level, beams)
    if as_json:
        return emit([asdict(one) for one in answered])
    for one in answered:
        typer.echo(f"{one.valid:6.1%}  {one.tail}")
    typer.echo("per cent: the critic's probability that it is valid", err=True)


@app.command()
def entries(
    run: Found = None,
    pack: Annotated[str, typer.Option(help="Pack that the drafts go to.")] = "commonsense",
    level: Annotated[str, typer.Option(help="Filter: none | low | high.")] = "high",
    kb: Annotated[Path, typer.Option(help="Folder of knowledge packs.")] = Path("kb"),
    as_json: AsJson = False,
) -> None:
    """Merge what the filter keeps into the knowledge base, as draft entries."""
    from nesy.commonsense import asking
    from nesy.commonsense import entries as drafts

    if not kb.is_dir():
        raise InputError(f"{kb}/: no knowledge base here; `nesy init` makes one")
    done = drafts.write(asking.kept(_found(run), level), kb, pack)
    names = ("added", "updated", "kept", "unchanged", "deleted", "conflicts")
    counts = {name: len(getattr(done, name)) for name in names}
    if as_json:
        return emit({"path": resources.shown(done.path), **counts})
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    typer.echo(f"{resources.shown(done.path)}: {told or 'no entries'}")


@app.command()
def rules(
    run: Found = None,
    file: Annotated[
        Path | None, typer.Option("--rules", help="YAML with rules; by default the shipped ones.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Things asked for by each rule.")] = 40,
    rare: Annotated[
        float, typer.Option(min=0, max=1, help="Share that stays, the rarest things.")
    ] = 0.5,
    as_json: AsJson = False,
) -> None:
    """Fill rules with a variable, verify by the critic, keep the rare: the long tail."""
    from nesy import tables
    from nesy.commonsense import asking
    from nesy.commonsense import output as shown
    from nesy.commonsense import rules as filling
    from nesy.runs import RECIPE, Run

    folder = _found(run)
    resolved = asking.recipe_of(folder)
    with Run.create(folder, resources.read_text(folder / RECIPE)) as opened:
        known = filling.read(file or filling.SHIPPED)
        applied = filling.apply(resolved, opened, known, samples, rare)
    if as_json:
        return emit(asdict(applied))
    tables.console().print(shown.applied(applied))
    typer.echo(f"{resources.shown(folder)}/rules.jsonl")


@app.command()
def stats(run: Found = None, as_json: AsJson = False) -> None:
    """Print what a run holds: its corpus, and the measures once it has ended."""
    from nesy import tables
    from nesy.commonsense import asking
    from nesy.commonsense import output as shown

    folder = _found(run)
    held, made = asking.corpus(folder), asking.report(folder)
    if as_json:
        return emit({"corpus": asdict(held), "report": None if made is None else asdict(made)})
    tables.console().print(shown.corpus(held))
    for table in shown.tables(made) if made is not None else ():
        tables.console().print(table)


def _found(run: Path | None) -> Path:
    """The run that was asked for, or the latest one in ./runs/ that has a corpus."""
    if run is not None:
        return run
    made = sorted(Path("runs").glob("*/triples.jsonl"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise InputError(
            "./runs/ holds no run with a corpus; run `nesy commonsense run` or `infer` first, or "
            "give --run"
        )
    return made[-1].parent
