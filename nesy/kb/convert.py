"""Entries from Markdown, CSV and JSONL, and out to JSONL and triples.

Markdown: a heading says when it applies, the list under it holds the facts, a line of text the
lesson, ``Example:`` and ``Check:`` lines the rest. CSV: columns named like the fields, facts
in one cell separated by `` | ``; rows with the same ``when`` are one entry. JSONL: one entry
a line, the id may be left out.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nesy import resources
from nesy.errors import InputError
from nesy.kb.entry import Entry
from nesy.kb.pack import wrong_fields

_FIELDS = ("id", "when", "lesson", "facts", "example", "check", "scope", "source")
_SLUG_WORDS = 8
Triple = tuple[str, str, str]
_LABELLED = re.compile(r"^(example|check|lesson):\s*(.*)$", re.IGNORECASE)


def read_entries(path: Path, pack: str) -> list[Entry]:
    """Read a file into draft entries whose ids start with the name of ``pack``.

    Raises:
        InputError: the kind of file is unknown, it is not what its name says (the first place
            is named), or lines are no entries (all are named).
    """
    readers = {".md": _markdown, ".csv": _csv, ".jsonl": _jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(readers)
        raise InputError(
            f"{resources.shown(path)}: can't import {path.suffix or 'it'}; use {known}, "
            "or --teacher for any other document of text"
        )
    problems: list[str] = []
    entries: dict[str, Entry] = {}
    for line, fields in reader(resources.read_text(path), path):
        given = {name: value for name, value in fields.items() if value not in (None, "", [])}
        id_ = given.get("id") or new_id(pack, str(given.get("when", "")), entries)
        source = given.get("source") or {"imported": path.name}
        try:
            entry = Entry.model_validate({**given, "id": id_, "source": source, "status": "draft"})
        except ValidationError as error:
            problems += [f"{resources.shown(path)}:{line}: {w}" for w in wrong_fields(error)]
            continue
        if entry.id in entries:
            problems.append(f"{resources.shown(path)}:{line}: id {entry.id} is used already")
        entries[entry.id] = entry
    if problems:
        raise InputError("\n".join(problems))
    return list(entries.values())


def to_jsonl(entries: Iterable[Entry], pack: Mapping[str, str]) -> Iterator[str]:
    """Yield one line of JSON an entry; ``pack`` gives the pack's name by id."""
    for entry in entries:
        line = {"pack": pack[entry.id], "sha": entry.sha, **entry.plain()}
        yield json.dumps(line, ensure_ascii=False)


def to_triples(
    entries: Iterable[Entry], inferences: Callable[[Entry], Mapping[str, Triple]]
) -> Iterator[str]:
    """Yield tab-separated lines: entry, relation (``when``, ``fact`` …), text.

    ``inferences`` gives head, relation and tail of the facts that are triples of their own; the
    line of such a fact is that triple, and an entry with no other facts has no line ``when``.
    """
    for entry in entries:
        own = inferences(entry)
        said = [("lesson", entry.lesson), ("example", entry.example)]
        said += [("fact", fact) for fact in entry.facts if fact not in own]
        if not own or len(own) < len(entry.facts):
            said.insert(0, ("when", entry.when))
        lines = [(entry.id, relation, text) for relation, text in said if text is not None]
        for line in (*lines, *own.values()):
            yield "\t".join(" ".join(text.split()) for text in line)


def new_id(pack: str, when: str, taken: Container[str]) -> str:
    """Return an id of the pack made of the first words of ``when``, not among ``taken``."""
    words = re.findall(r"[a-z0-9]+", when.lower().replace("'", ""))
    base = f"{pack}.{'-'.join(words[:_SLUG_WORDS]) or 'entry'}"
    number = 1
    while (base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return base if number == 1 else f"{base}-{number}"


def _markdown(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    line = 0
    fields: dict[str, Any] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        heading = re.match(r"#+\s+(.*)", stripped)
        if heading:
            if fields.keys() - {"when"}:
                yield line, fields
            line, fields = number, {"when": heading[1]}
        elif stripped and not fields:
            raise InputError(f"{resources.shown(path)}:{number}: text before the first heading")
        elif re.match(r"[-*+]\s+", stripped):
            fields.setdefault("facts", []).append(stripped[1:].strip())
        elif stripped:
            label = _LABELLED.match(stripped)
            name = label[1].lower() if label else "lesson"
            said = (label[2] if label else stripped).strip("`")
            fields[name] = f"{fields[name]} {said}" if name in fields else said
    if fields.keys() - {"when"}:
        yield line, fields


def _csv(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text))
    for name in reader.fieldnames or ():
        if name not in _FIELDS[:6]:
            hint = resources.near(name, _FIELDS[:6])
            raise InputError(f"{resources.shown(path)}:1: unknown column {name}{hint}")
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for row in reader:
        if None in row:
            raise InputError(f"{resources.shown(path)}:{reader.line_num}: too many cells")
        facts = [fact.strip() for fact in (row.get("facts") or "").split(" | ") if fact.strip()]
        key = row.get("id") or row.get("when") or ""
        if key in found:
            found[key][1]["facts"] += facts
        else:
            found[key] = (reader.line_num, {**row, "facts": facts})
    yield from found.values()


def _jsonl(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            where = f"{resources.shown(path)}:{number}:{error.colno}"
            raise InputError(f"{where}: not JSON ({error.msg})") from error
        if not isinstance(fields, dict):
            raise InputError(f"{resources.shown(path)}:{number}: a line holds one JSON object")
        yield number, {k: v for k, v in fields.items() if k not in ("pack", "sha", "status")}
