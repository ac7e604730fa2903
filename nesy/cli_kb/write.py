"""The commands of ``nesy kb`` that write: add, edit, dedup, merge, import; and export."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nesy import resources
from nesy.cli_kb.output import AsJson, Folder, choice, emit, flat
from nesy.errors import EntryError, InputError
from nesy.kb import store
from nesy.kb.entry import Entry
from nesy.kb.pack import check_text, wrong_fields
from nesy.kb.splice import ORDER, change, new_pack
from nesy.kb.store import KnowledgeBase

if TYPE_CHECKING:
    from nesy.kb.documents import Refused

_DOCUMENT_TOKENS = 2048  # of what a teacher writes about a passage
_TAKES_LINE = ("vi", "vim", "nvim", "nano", "emacs", "micro", "kak")


def add(
    pack: Annotated[str, typer.Argument(help="Name of the pack; made if it is not there.")],
    id_: Annotated[str | None, typer.Option("--id", help="By default from --when.")] = None,
    when: Annotated[str | None, typer.Option(help="What the entry applies to.")] = None,
    lesson: Annotated[str | None, typer.Option(help="How to think about it.")] = None,
    fact: Annotated[list[str] | None, typer.Option(help="A true statement; repeatable.")] = None,
    example: Annotated[str | None, typer.Option(help="One worked case.")] = None,
    expression: Annotated[
        str | None, typer.Option("--check", help="An expression that is true, as 3 * 13 == 39.")
    ] = None,
    status: Annotated[str, typer.Option(help="draft or reviewed.")] = "draft",
    license_: Annotated[str, typer.Option("--license", help="Of a new pack.")] = "CC0-1.0",
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Add an entry; without --when it is written in $EDITOR. Nothing invalid is saved."""
    from nesy.kb.convert import new_id

    known = store.load_known(folder)
    fields: dict[str, Any] = {
        "when": when,
        "lesson": lesson,
        "facts": fact or None,
        "example": example,
        "check": expression,
        "status": status,
    }
    text = None
    if when is None:
        text, fields = _written(pack)
    given = {name: value for name, value in fields.items() if value is not None}
    given["id"] = id_ or given.get("id") or new_id(pack, given["when"], known.where)
    try:
        entry = _entry(given)
        if entry.id in known.where:
            raise EntryError(f"entry {entry.id}: id is used already at {known.where[entry.id]}")
        _true([entry])
    except EntryError as error:
        raise error if text is None else _kept(text, pack, str(error)) from error
    if pack in known.packs:
        _adopt(folder, known, pack)
    path = store.add(folder, pack, entry, license_)
    if as_json:
        return emit({"path": resources.shown(path), "entry": entry.id})
    typer.echo(f"{resources.shown(path)}: {entry.id}")


def edit(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Instead of $EDITOR; VALUE is YAML."),
    ] = None,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Open the entry's pack in $EDITOR, or set fields; nothing invalid is saved.

    What is changed must also hold its checks.
    """
    knowledge = store.load_known(folder)
    knowledge.get(id_)
    name = knowledge.pack[id_]
    path = resources.shown(folder / f"{name}.yaml")
    if set_:
        fields = dict(_assignment(item) for item in set_)
        _true([_entry({**knowledge.get(id_).plain(), **fields})])
        _adopt(folder, knowledge, name)
        store.edit(folder, {id_: fields})
    else:
        line = int(knowledge.where[id_].rpartition(":")[2])
        known = knowledge.all
        before = resources.read_text(knowledge.files[name])
        after = _edited(before, knowledge.files[name], line)
        if after == before:
            typer.echo("nothing changed", err=True)
            return emit({"path": path, "entry": id_, "changed": False}) if as_json else None
        try:
            read = check_text(after, knowledge.files[name])
            if read.pack is None:
                raise EntryError("\n".join(read.problems))
            _true([entry for entry in read.pack.entries if entry != known.get(entry.id)])
            _adopt(folder, knowledge, name)
            store.replace(folder, name, before, after)
        except EntryError as error:
            raise _kept(after, name, str(error)) from error
    if as_json:
        return emit({"path": path, "entry": id_, "changed": True})
    typer.echo(f"{path}: {id_}")


def dedup(
    threshold: Annotated[float, typer.Option(min=0.3, max=1, help="Similarity of words.")] = 0.85,
    retire: Annotated[bool, typer.Option("--retire", help="Retire the second of each.")] = False,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """List entries that say nearly the same; --retire sets the second aside, drafts first."""
    from nesy.kb import checks

    knowledge = store.load_known(folder)
    reviewed_first = sorted(knowledge.entries.values(), key=lambda entry: entry.status == "draft")
    pairs = checks.duplicates(reviewed_first, threshold)
    if retire and pairs:
        later = {second for _, second, _ in pairs}
        for name in sorted({knowledge.pack[id_] for id_ in later}):
            _adopt(folder, knowledge, name)
        store.edit(folder, {id_: {"status": "retired"} for id_ in sorted(later)}, "retired")
    if as_json:
        return emit([{"first": a, "second": b, "similarity": s} for a, b, s in pairs])
    if not pairs:
        typer.echo("no entries that say nearly the same", err=True)
    for first, second, score in pairs:
        typer.echo(f"{score:.2f}  {first}  {second}{'  retired' if retire else ''}")


def merge(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only this entry.")] = None,
    field: Annotated[str | None, typer.Option(help="Only this field.")] = None,
    take: Annotated[
        str | None, typer.Option(help="ours keeps what the YAML says, theirs takes the new one.")
    ] = None,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """List what a person and a new extraction both changed, or settle it with --take."""
    chosen = [
        found
        for found in store.conflicts(folder)
        if id_ in (None, found.entry) and field in (None, found.field)
    ]
    if take is not None:
        choice(take, ("ours", "theirs"), "--take")
        if not chosen:
            raise InputError("no such conflict; `nesy kb merge` lists them")
        store.settle(folder, chosen, take)
    if as_json:
        return emit([asdict(found) for found in chosen])
    for found in chosen:
        typer.echo(f"{found.entry} {found.field}:")
        for name in ("base", "ours", "theirs"):
            typer.echo(f"    {name:<7} {flat(getattr(found, name))}")
    done = f"settled with {take}" if take is not None else "to settle with --take ours|theirs"
    typer.echo(f"{len(chosen)} conflicts {done}" if chosen else "no conflicts", err=True)


def import_(
    file: Annotated[
        Path, typer.Argument(help="A .md, .csv or .jsonl file; with --teacher any document.")
    ],
    pack: Annotated[str, typer.Argument(help="Name of the pack that the drafts go to.")],
    teacher: Annotated[
        str | None, typer.Option(help="Model that reads a document and writes its statements.")
    ] = None,
    license_: Annotated[str, typer.Option("--license", help="Of a new pack.")] = "CC0-1.0",
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Turn a file into draft entries; importing it again keeps what people changed since.

    Markdown: a heading says when an entry applies, list items are its facts, other text its lesson.
    CSV and JSONL: columns or keys id, when, lesson, facts, example and check; in a CSV facts are
    separated by " | ". With --teacher the statements of any text become facts, each checked against
    its passage.
    """
    from nesy.kb.convert import read_entries

    entries, refused = (
        (read_entries(file, pack), []) if teacher is None else _by_teacher(file, pack, teacher)
    )
    for one in refused:
        typer.echo(f"{one.place}: refused: {one.reason}: {flat(one.text)[:200]}", err=True)
    if not entries:
        raise InputError(f"{resources.shown(file)}: it gives no entry, so nothing was written")
    done = store.write_drafts(folder, pack, entries, license_=license_, action="imported")
    groups = {
        name: getattr(done, name) for name in ("added", "updated", "kept", "unchanged", "deleted")
    }
    if as_json:
        conflicts = [asdict(found) for found in done.conflicts]
        told = {"conflicts": conflicts, "refused": [asdict(one) for one in refused]}
        return emit({"path": resources.shown(done.path), **groups, **told})
    counts = ", ".join(f"{len(ids)} {name}" for name, ids in groups.items() if ids)
    typer.echo(f"{resources.shown(done.path)}: {counts or 'no entries'}")
    if done.conflicts:
        typer.echo(f"{len(done.conflicts)} conflicts: see nesy kb merge", err=True)


def _by_teacher(file: Path, pack: str, teacher: str) -> tuple[list[Entry], list[Refused]]:
    from nesy import models, prompts
    from nesy.completions import CachedLM, Completions
    from nesy.kb import documents
    from nesy.types import Sampling

    lm = CachedLM(models.load(teacher), Completions())
    sampling = Sampling(max_tokens=_DOCUMENT_TOKENS)
    return documents.read(file, pack, lm, prompts.load(documents.PROMPT), sampling)


def export(
    triples: Annotated[
        bool, typer.Option("--triples", help="Tab-separated triples instead of JSONL.")
    ] = False,
    pack: Annotated[str | None, typer.Option(help="Only this pack.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--output", help="A file.")] = None,
    folder: Folder = store.OWN,
) -> None:
    """Write the entries that may be retrieved as JSONL or as triples.

    A fact that `nesy commonsense entries` made of a triple, or that a person worded so, is written
    as head, relation and tail again.
    """
    from nesy.commonsense.entries import inferences
    from nesy.kb.convert import to_jsonl, to_triples

    knowledge = store.load_known(folder)
    if pack is not None:
        choice(pack, knowledge.packs, "--pack")
    chosen = [
        entry
        for id_, entry in sorted(knowledge.entries.items())
        if pack in (None, knowledge.pack[id_])
    ]
    lines: Iterable[str] = (
        to_triples(chosen, inferences) if triples else to_jsonl(chosen, knowledge.pack)
    )
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from error


def _entry(fields: Mapping[str, Any]) -> Entry:
    """Check the fields of one entry through the text that would be written.

    Raises:
        EntryError: all problems, one a line.
    """
    set_ = {name: fields[name] for name in ORDER if fields.get(name) is not None}
    for name in fields:
        if name not in ORDER:
            raise EntryError(f"unknown field {name}{resources.near(name, ORDER)}")
    try:
        return Entry.model_validate(set_)
    except ValidationError as error:
        lines = [f"entry {set_['id']}: {what}" for what in wrong_fields(error)]
        raise EntryError("\n".join(lines)) from error


def _true(entries: Sequence[Entry]) -> None:
    """Recompute the checks of what a person wrote.

    Raises:
        EntryError: a check is not true, one a line.
    """
    from nesy.kb.checks import wrong_checks

    wrong = wrong_checks(entries)
    if wrong:
        raise EntryError("\n".join(f"entry {one.entry}: {one.message}" for one in wrong))


def _assignment(item: str) -> tuple[str, Any]:
    name, separator, value = item.partition("=")
    name = name.strip()
    if not separator or name not in ORDER[1:]:
        hint = resources.near(name, ORDER[1:])
        raise InputError(
            f"--set {item}: write FIELD=VALUE; fields are {', '.join(ORDER[1:])}{hint}"
        )
    if name in ("facts", "source", "scope"):
        try:
            return name, YAML(typ="safe", pure=True).load(value)
        except YAMLError as error:
            raise InputError(f"--set {item}: the value is not YAML") from error
    return name, value or None


def _adopt(folder: Path, knowledge: KnowledgeBase, name: str) -> None:
    if store.adopt(folder, knowledge, name):
        path = resources.shown(folder / f"{name}.yaml")
        typer.echo(f"{path}: copied from the built-in pack, which it now replaces", err=True)


def _written(pack: str) -> tuple[str, dict[str, Any]]:
    """Let a person write one entry in $EDITOR; return the text as well."""
    unnamed = f"{pack}.new"
    draft = {"id": unnamed, "when": "what it applies to", "facts": ["What is true."]}
    start = change(new_pack(pack, "CC0-1.0"), Path(f"{pack}.yaml"), {}, [draft])
    text = _edited(start, Path(f"{pack}.yaml"), start.count("\n"))
    if text == start:
        raise InputError("nothing written, so nothing added")
    read = check_text(text, Path(f"{pack}.yaml"))
    if read.pack is None:
        raise _kept(text, pack, "\n".join(read.problems))
    if len(read.pack.entries) != 1:
        raise _kept(text, pack, "write one entry")
    fields = read.pack.entries[0].plain()
    return text, {name: value for name, value in fields.items() if value != unnamed}


def _edited(text: str, path: Path, line: int) -> str:
    """Return a text as $EDITOR left it; problems are shown and it is opened again."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(text.encode("utf-8"))
        while True:
            place = [f"+{line}"] if Path(command[0]).name in _TAKES_LINE else []
            try:
                subprocess.run([*command, *place, str(copy)], check=True)  # noqa: S603
            except OSError as error:
                what = f"{error.strerror}; set EDITOR to one that is there"
                raise InputError(f"editor {shlex.join(command)}: {what}") from error
            except subprocess.CalledProcessError as error:
                what = f"it ended with {error.returncode}, so nothing was saved"
                raise InputError(f"editor {shlex.join(command)}: {what}") from error
            after = resources.read_text(copy)
            problems = check_text(after, path).problems
            if not problems or not sys.stdin.isatty():
                return after
            typer.echo("\n".join(problems), err=True)
            if not typer.confirm("edit again?", default=True, err=True):
                return after


def _kept(text: str, name: str, why: str) -> EntryError:
    """Keep a text that can't be saved, and say where."""
    with tempfile.NamedTemporaryFile(
        "wb", prefix=f"{name}.", suffix=".rejected.yaml", delete=False
    ) as stream:
        stream.write(text.encode("utf-8"))
    return EntryError(f"{why}\nnot saved; your text is in {stream.name}")
