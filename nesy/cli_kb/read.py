"""The commands of ``nesy kb`` that read: list, show, search, explain, check, diff, log, stats."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from nesy import resources
from nesy.cli_kb.measure import impact_document, measured_impact, print_impact
from nesy.cli_kb.output import AsJson, Folder, choice, document, emit, flat
from nesy.errors import EntryError, InputError
from nesy.kb import lock, merge, store
from nesy.kb.entry import Key, Status
from nesy.kb.store import KnowledgeBase

_LINK_SECONDS = 10.0
_REFUSALS = (401, 403, 405, 429)
RunFolder = Annotated[Path | None, typer.Option("--run", help="A run folder to count hits in.")]


def list_(
    pack: Annotated[str | None, typer.Option(help="Only this pack.")] = None,
    status: Annotated[str | None, typer.Option(help="draft, reviewed or retired.")] = None,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """List the entries: id, status, and what they apply to."""
    knowledge = store.load_known(folder)
    if pack is not None and pack not in knowledge.packs:
        raise InputError(f"no pack {pack}{resources.near(pack, knowledge.packs)}")
    if status is not None:
        choice(status, get_args(Status), "--status")
    chosen = [
        entry
        for id_, entry in sorted(knowledge.all.items())
        if pack in (None, knowledge.pack[id_]) and status in (None, entry.status)
    ]
    if as_json:
        return emit([document(knowledge, entry) for entry in chosen])
    for entry in chosen:
        typer.echo(f"{entry.id:<40} {entry.status:<9} {entry.when}")


def show(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Print one entry with its place."""
    knowledge = store.load_known(folder)
    entry = knowledge.get(id_)
    if as_json:
        return emit(document(knowledge, entry))
    typer.echo(f"# {knowledge.where[id_]}   sha {entry.sha[:12]}")
    for name, value in entry.plain().items():
        if isinstance(value, list):
            typer.echo(f"{name}:")
            for item in value:
                typer.echo(f"  - {item}")
        else:
            typer.echo(f"{name}: {flat(value)}")


def search(
    query: Annotated[str, typer.Argument(help="A question, or words of it.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many entries.")] = 5,
    mode: Annotated[str, typer.Option(help="dense, bm25 or hybrid.")] = "hybrid",
    key: Annotated[str, typer.Option(help="when, facts or all: what is compared.")] = "all",
    min_score: Annotated[
        float | None, typer.Option(help="Floor of the cosine; entries below are left out.")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Hub name or folder.")] = None,
    rerank: Annotated[
        str | None, typer.Option(help="Cross-encoder that orders the best; hub name or folder.")
    ] = None,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Print the entries that a question would be given, with the scores of both retrievers."""
    knowledge = store.load_known(folder)
    index = _index(knowledge, mode, key, encoder, min_score, rerank)
    found = index.search([query], k=k)[0]
    if as_json:
        return emit(
            [
                {
                    **asdict(one.hit),
                    "dense": one.dense,
                    "bm25": one.bm25,
                    "when": one.entry.when,
                    "facts": one.entry.facts,
                }
                for one in found
            ]
        )
    if not found:
        typer.echo("no entry found", err=True)
    for one in found:
        scores = f"{one.hit.score:.4f}  cosine {one.dense:.3f}  bm25 {one.bm25:6.2f}"
        typer.echo(f"{one.hit.rank:>2}  {scores}  {one.entry.id}: {one.entry.when}")


def explain(
    question: Annotated[str, typer.Argument(help="The text of the question.")],
    id_: Annotated[str, typer.Argument(metavar="ID")],
    encoder: Annotated[str | None, typer.Option(help="Hub name or folder.")] = None,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Say why a question is, or is not, given an entry."""
    from nesy.kb.bm25 import words_of
    from nesy.kb.index import MIN_SCORE

    knowledge = store.load_known(folder)
    entry = knowledge.get(id_)
    told: dict[str, Any] = {"entry": id_, "status": entry.status, "where": knowledge.where[id_]}
    told["shared_words"] = sorted(set(words_of(question)) & set(words_of(entry.key("all"))))
    if entry.scope is not None:
        told["scope"] = entry.scope.model_dump(mode="json")
    if entry.status != "retired":
        for mode in ("dense", "bm25", "hybrid"):
            index = _index(knowledge, mode, "all", encoder, None)
            found = index.search([question], k=len(index.entries))[0]
            rank = next((one for one in found if one.entry.id == id_), None)
            told[mode] = None if rank is None else {"rank": rank.hit.rank, "score": rank.hit.score}
            if mode == "hybrid" and rank is not None:
                told["cosine"] = rank.dense
        told["default_min_score"] = MIN_SCORE
        told["entries"] = len(knowledge.entries)
    if as_json:
        return emit(told)
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' '):<18} {flat(value)}")


def check(
    run: RunFolder = None,
    against: Annotated[
        str | None, typer.Option(help="Benchmark whose test questions must not be in an entry.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of that benchmark.")] = "test",
    links: Annotated[
        bool, typer.Option("--links", help="Ask each source.url whether it is there.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail the check too.")] = False,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Check format, ids, sums, near-duplicates, contradictions and licenses; exit 1 on problems.

    With --links also dead links, with --run entries that no question was given, and with
    --against leaked questions.
    """
    from nesy.kb import checks

    try:
        knowledge = store.load_known(folder)
    except EntryError as error:
        lines = str(error).splitlines()
        if as_json:
            emit({"ok": False, "problems": [_format_problem(m) for m in lines]})
        else:
            typer.echo("\n".join(lines))
        raise typer.Exit(1) from error
    problems = checks.run(knowledge.all, _unreachable if links else None)
    problems += checks.licenses(knowledge.packs)
    problems += [
        checks.Problem(c.entry, "conflict", "warning", f"{c.field}: settle it with nesy kb merge")
        for c in store.conflicts(folder)
    ]
    if run is not None:
        problems += checks.unused(knowledge.entries.values(), _retrieved(run))
    if against is not None:
        from nesy import benchmarks

        asked = {q.id: q.text for q in benchmarks.load(against, split)}
        problems += checks.overlaps(knowledge.all.values(), asked)
    failed = any(problem.severity == "error" or strict for problem in problems)
    if as_json:
        listed = [{**asdict(p), "where": knowledge.where.get(p.entry)} for p in problems]
        emit({"ok": not failed, "entries": len(knowledge.all), "problems": listed})
    else:
        for problem in problems:
            where = knowledge.where.get(problem.entry, f"pack {problem.entry}")
            typer.echo(
                f"{where}: {problem.severity}: {problem.check}: {problem.entry} {problem.message}"
            )
        count = f"{len(knowledge.all)} entries in {len(knowledge.packs)} packs"
        typer.echo(f"{count}: {len(problems) or 'no'} problems", err=True)
    if failed:
        raise typer.Exit(1)


def _format_problem(line: str) -> dict[str, str | None]:
    where, _, message = line.partition(": ")
    return {
        **{"entry": None, "check": "format", "severity": "error"},
        **{"message": message, "where": where},
    }


def diff(
    old: Annotated[
        str | None,
        typer.Argument(
            help="A folder or a git revision; by default what was generated or shipped last."
        ),
    ] = None,
    impact: Annotated[
        Path | None,
        typer.Option(help="Run or evaluation folder: answer again what the changes touch."),
    ] = None,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Print what changed in the folder, entry by entry and field by field.

    With --impact also which questions of a run are affected, and what became of their answers.
    """
    now = {id_: entry.plain() for id_, entry in store.load(folder).all.items()}
    if old is None:
        before = store.generated(folder)
        now = {i: {n: v for n, v in f.items() if n != "id"} for i, f in now.items()}
    elif Path(old).is_dir():
        before = {id_: entry.plain() for id_, entry in store.load(Path(old)).all.items()}
    else:
        before = {id_: entry.plain() for id_, entry in _at_revision(folder, old).all.items()}
    changes = merge.changes(before, now)
    made = None if impact is None else measured_impact(impact, folder)
    if as_json:
        listed = [asdict(change) for change in changes]
        return emit(
            listed if made is None else {"changes": listed, "impact": impact_document(made)}
        )
    for change in changes:
        if change.kind == "changed":
            typer.echo(f"~ {change.entry} {change.field}:")
            typer.echo(f"    - {flat(change.before)}\n    + {flat(change.after)}")
        else:
            what = change.after if change.kind == "added" else change.before
            typer.echo(
                f"{'+' if change.kind == 'added' else '-'} {change.entry}  {what.get('when', '')}"
            )
    if not changes:
        typer.echo("no difference", err=True)
    if made is not None:
        print_impact(made)


def log(folder: Folder = store.OWN, as_json: AsJson = False) -> None:
    """Print what nesy changed in the folder, and when (UTC)."""
    events = lock.read(folder / lock.NAME).log
    if as_json:
        return emit([asdict(event) for event in events])
    for event in events:
        groups = ", ".join(f"{len(ids)} {name}" for name, ids in event.entries.items())
        typer.echo(f"{event.time}  {event.action:<12} {event.pack:<16} {groups or 'nothing new'}")


def stats(run: RunFolder = None, folder: Folder = store.OWN, as_json: AsJson = False) -> None:
    """Count entries, facts and checks by pack; with --run also how often they were given."""
    knowledge = store.load_known(folder)
    hits = _retrieved(run) if run is not None else None
    rows = []
    for name, pack in sorted(knowledge.packs.items()):
        counts = Counter(entry.status for entry in pack.entries)
        row: dict[str, Any] = {
            "pack": name,
            "entries": len(pack.entries),
            **{status: counts[status] for status in ("draft", "reviewed", "retired")},
            "facts": sum(len(entry.facts) for entry in pack.entries),
            "checks": sum(entry.check is not None for entry in pack.entries),
        }
        if hits is not None:
            row["given"] = sum(hits[entry.id] for entry in pack.entries)
        rows.append(row)
    if as_json:
        return emit({"sha": knowledge.sha, "packs": rows, "hits": hits})
    names = list(rows[0]) if rows else ["pack"]
    typer.echo("".join(f"{name:<20}" if name == "pack" else f"{name:>10}" for name in names))
    total = {name: sum(row[name] for row in rows) for name in names if name != "pack"}
    for row in [*rows, {"pack": "all", **total}]:
        typer.echo("".join(f"{row[n]:<20}" if n == "pack" else f"{row[n]:>10}" for n in names))


def _index(
    knowledge: KnowledgeBase,
    mode: str,
    key: str,
    encoder: str | None,
    min_score: float | None,
    rerank: str | None = None,
) -> Any:
    from nesy.kb.encoder import DEFAULT, load_encoder
    from nesy.kb.index import Index, Mode
    from nesy.kb.rerank import load_reranker

    checked: Any = choice(mode, get_args(Mode), "--mode")
    by: Any = choice(key, (name for name in get_args(Key) if name != "question"), "--key")
    loaded = None if mode == "bm25" else load_encoder(encoder or DEFAULT)
    reranker = None if rerank is None else load_reranker(rerank)
    return Index(
        knowledge.entries, loaded, key=by, mode=checked, min_score=min_score, reranker=reranker
    )


def _unreachable(url: str) -> str | None:
    """Return why an address can't be reached, ``None`` if it can."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, method="HEAD"), timeout=_LINK_SECONDS):  # noqa: S310
            return None
    except HTTPError as error:  # what refuses a program may be there for a person
        return None if error.code in _REFUSALS else f"{error.code} {error.reason}"
    except URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)


def _retrieved(run: Path) -> Counter[str]:
    """Count, by entry, the attempts that were given it: of a run, or of its last evaluation."""
    from nesy import evaluate, evaluations

    evaluation = evaluations.locate(run)
    return Counter(
        hit.entry
        for cell in evaluate.cells(evaluation)
        for attempt in evaluate.latest(evaluation, cell)
        for hit in attempt.hits
    )


def _at_revision(folder: Path, revision: str) -> KnowledgeBase:
    """Read the packs of a folder as they were at a git revision."""
    if revision.startswith("-"):
        raise InputError(f"{revision}: not a git revision")
    listing = _git(folder, "ls-tree", "--name-only", revision, "./")
    with tempfile.TemporaryDirectory() as temporary:
        for name in listing.splitlines():
            if name.endswith(".yaml"):
                text = _git(folder, "show", f"{revision}:./{Path(name).name}")
                (Path(temporary) / Path(name).name).write_text(text, "utf-8")
        return store.load(Path(temporary))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise InputError("git is not installed; name a folder to compare with") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"neither a folder nor a git revision: {said}") from error
    return done.stdout.decode("utf-8")
