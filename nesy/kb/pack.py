"""Read one pack and explain every problem with its place: ``file:line:column: entry id: what``."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from nesy import resources
from nesy.errors import InputError
from nesy.kb.entry import Entry, Pack, Scope
from nesy.resources import Document, Place, Steps

_FORMAT = "2 "  # raised when the checks of a pack change, so that nothing old is recalled
_ENTRIES = re.compile(r"^entries:[ \t]*(?:#[^\n]*)?\r?\n", re.MULTILINE)
_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")  # YAML counts these as line ends too
_FIRST = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*( *)-(?=[ \r\n])")
_MODELS: dict[str, type[BaseModel]] = {"pack": Pack, "entry": Entry, "scope": Scope}


@dataclass(frozen=True, slots=True)
class ReadPack:
    """A pack as it was read: the places of its entries and the sha256 of the file's text.

    With ``problems`` there is no pack.
    """

    pack: Pack | None
    places: tuple[Place, ...]
    problems: tuple[str, ...]
    sha: str


def read_pack(path: Path) -> ReadPack:
    """Read one pack.

    A pack without problems is remembered under ``NESY_HOME``, one file a path, and read from
    there while its bytes are the same: parsing YAML with places takes a millisecond an entry.
    Of a pack that changed only the entries that changed are parsed.
    """
    try:
        text = resources.read_text(path)
    except InputError as error:
        return ReadPack(None, (), (str(error),), "")
    sha = _sha(text)
    remembered = resources.home() / "packs" / f"{_sha(str(path.resolve()))}.json"
    known = _recall(remembered)
    if known is not None and known.sha == _FORMAT + sha:
        return ReadPack(known.pack, known.places, (), sha)
    cut = _cut(text)
    read = _changed(text, path, cut, known) if known is not None and cut is not None else None
    read = read or check_text(text, path)
    if read.pack is not None:
        pieces: tuple[tuple[str, int], ...] = ()
        if cut is not None and len(cut.pieces) == len(read.places):
            lines = zip(cut.pieces, cut.lines, read.places, strict=True)
            pieces = tuple((_sha(piece), place[0] - line) for piece, line, place in lines)
        what = _Remembered(sha=_FORMAT + sha, pack=read.pack, places=read.places, pieces=pieces)
        _remember(remembered, what)
    return read


class _Cut(NamedTuple):
    """The text of a pack in block style: what stands before the entries, and each entry's lines.

    ``lines`` gives the number of the line on which each of ``pieces`` begins.
    """

    head: str
    pieces: list[str]
    lines: list[int]


def _cut(text: str) -> _Cut | None:
    """Cut a pack at the lines that begin an entry; ``None`` if it has another layout.

    A cut in the wrong place, as inside a text in quotes, leaves a piece that is no YAML.
    """
    key = None if _ODD_BREAK.search(text) else _ENTRIES.search(text)
    first = None if key is None else _FIRST.match(text, key.end())
    if first is None:
        return None
    start = first.start(1)
    begins = re.compile(rf"^{first[1]}-(?=[ \r\n])", re.MULTILINE)
    places = [found.start() for found in begins.finditer(text, start)]
    pieces = [text[a:b] for a, b in pairwise([*places, len(text)])]
    lines = [text.count("\n", 0, start) + 1]
    for piece in pieces[:-1]:
        lines.append(lines[-1] + piece.count("\n"))
    return _Cut(text[:start], pieces, lines)


def _changed(text: str, path: Path, cut: _Cut, known: _Remembered) -> ReadPack | None:
    """Read a pack of which most entries are known; ``None`` if it must be parsed whole."""
    held = {
        sha: (entry, below, column)
        for (sha, below), entry, (_, column) in zip(
            known.pieces, known.pack.entries, known.places, strict=False
        )
    }
    entries, places = [], []
    try:
        head = resources.parse_document(cut.head, path)
        for piece, line in zip(cut.pieces, cut.lines, strict=True):
            sha = _sha(piece)
            if sha not in held:
                document = resources.parse_document(piece, path)
                if document.problems or len(document.value) != 1:
                    return None
                row, column = document.place((0,))
                held[sha] = (Entry.model_validate(document.value[0]), row - 1, column)
            entry, below, column = held[sha]
            entries.append(entry)
            places.append((line + below, column))
        if head.problems or list(head.value)[-1] != "entries" or head.value["entries"] is not None:
            return None
        pack = Pack.model_validate({**head.value, "entries": entries})
    except (InputError, ValidationError, TypeError, KeyError):
        return None  # read whole, it is explained with its place
    if pack.name != path.stem or len({entry.id for entry in entries}) != len(entries):
        return None
    return ReadPack(pack, tuple(places), (), _sha(text))


def check_text(text: str, path: Path) -> ReadPack:
    """Check the text of a pack; ``path`` is named in the problems."""
    sha = _sha(text)
    try:
        document = resources.parse_document(text, path)
    except InputError as error:
        return ReadPack(None, (), (str(error),), sha)
    pack, places, problems = _checked(document, path)
    return ReadPack(pack, places, tuple(problems), sha)


class _Remembered(BaseModel):
    """A pack as it was read; ``pieces`` has the hash of each entry's lines, and how far below their
    first line the entry begins; it is empty for a pack that can't be cut."""

    sha: str
    pack: Pack
    places: tuple[Place, ...]
    pieces: tuple[tuple[str, int], ...]


def _recall(path: Path) -> _Remembered | None:
    """Return what was remembered of a pack; what can't be read counts as not there."""
    try:
        text = path.read_text("utf-8")
        this_format = text.startswith(f'{{"sha":"{_FORMAT}')
        return _Remembered.model_validate_json(text) if this_format else None
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def _remember(path: Path, what: _Remembered) -> None:
    """Write the cache file; where the folder can't be written the next reading parses again."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(what.model_dump_json(), "utf-8")
        temporary.replace(path)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checked(document: Document, path: Path) -> tuple[Pack | None, tuple[Place, ...], list[str]]:
    value, shown = document.value, resources.shown(path)
    if not isinstance(value, dict):
        line, column = document.place(())
        return None, (), [f"{shown}:{line}:{column}: a pack is a mapping: name, license, entries"]
    if "entries" in value and value["entries"] is None:
        value = {**value, "entries": []}
    problems = [(place, _named(value, steps, what)) for place, steps, what in document.problems]
    problems += _repeated(document, value.get("entries"))
    pack: Pack | None = None
    try:
        pack = Pack.model_validate(value)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            problems.append(_explained(document, value, found))
    else:
        if pack.name != path.stem:
            what = f"name is {pack.name}, but the file is {path.name}"
            problems.append((document.place(("name",)), what))
    if problems or pack is None:
        lines = [
            f"{shown}:{place[0]}:{place[1]}: {_line(what)}" for place, what in sorted(problems)
        ]
        return None, (), list(dict.fromkeys(lines))
    places = tuple(document.place(("entries", index)) for index in range(len(pack.entries)))
    return pack, places, []


def _line(what: str) -> str:
    """Return a problem in one line, whatever the file holds in the place of a word."""
    return what if what.isprintable() else " ".join(what.split()).encode("unicode_escape").decode()


def _repeated(document: Document, entries: Any) -> list[tuple[Place, str]]:
    first: dict[str, int] = {}
    problems = []
    for index, item in enumerate(entries if isinstance(entries, list) else ()):
        id_ = item.get("id") if isinstance(item, dict) else None
        if not isinstance(id_, str):
            continue
        if id_ in first:
            line = document.place(("entries", first[id_]))[0]
            place = document.place(("entries", index, "id"))
            problems.append((place, f"entry {id_}: id is used already in line {line}"))
        first.setdefault(id_, index)
    return problems


def _named(value: Any, steps: Steps, what: str) -> str:
    """Put the id of the entry before what is wrong with it."""
    if len(steps) < 2 or steps[0] != "entries" or not isinstance(steps[1], int):
        return what
    entries = value.get("entries")
    item = entries[steps[1]] if isinstance(entries, list) else None
    id_ = item.get("id") if isinstance(item, dict) else None
    return f"entry {id_ if isinstance(id_, str) else f'number {steps[1] + 1}'}: {what}"


def _explained(document: Document, value: Any, found: Any) -> tuple[Place, str]:
    """Turn a validation error into a place and a sentence that says what to write."""
    steps = _steps(found)
    what = _named(value, steps, _sentence(found, steps))
    if found["type"] == "extra_forbidden":
        return document.keys.get(steps, document.place(steps)), what
    return document.place(steps), what


def wrong_fields(error: ValidationError) -> list[str]:
    """Say what is wrong with an entry that stands in no pack yet, a sentence a problem."""
    return [
        _sentence(found, ("entries", 0, *_steps(found)))
        for found in error.errors(include_url=False)
    ]


def _steps(found: Any) -> Steps:
    return tuple(
        step
        for step in found["loc"]
        if isinstance(step, int) or not step.startswith(("tuple[", "str", "int"))
    )


def _sentence(found: Any, steps: Steps) -> str:
    kind, given = found["type"], found["input"]
    name = _name(steps)
    if kind == "extra_forbidden":
        owner = "scope" if "scope" in steps else "entry" if len(steps) > 2 else "pack"
        known = _MODELS[owner].model_fields
        what = f"unknown key {steps[-1]}{resources.near(str(steps[-1]), known)}"
        return what if "did you mean" in what else f"{what}; {owner} has {', '.join(known)}"
    if kind == "missing":
        return f"{steps[-1]} is missing"
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind.startswith("string_type") or kind == "int_type":
        return f"{name} must be text, not {_shape(given)}{_quote_hint(given)}"
    if kind == "tuple_type":
        return f"{name} must be a list (lines that start with '- '), not {_shape(given)}"
    if kind in ("mapping_type", "model_type", "dict_type", "model_attributes_type"):
        return f"{name} must be a mapping (key: value), not {_shape(given)}"
    if kind == "literal_error":
        expected = found["ctx"]["expected"].replace("'", "")
        hint = resources.near(str(given), expected.replace(" or ", ", ").split(", "))
        return f"{name} must be {expected}, not {given}{hint}"
    if kind == "string_too_short":
        return f"{name} is empty"
    if kind == "string_pattern_mismatch":
        return f"{name} must be lower-case letters and digits joined by . _ / or -, not {given}"
    return f"{name}: {found['msg']}"


def _name(steps: Steps) -> str:
    """Name a field as a person would: ``license``, ``scope.tasks 2``, ``an entry``."""
    inner = steps[2:] if steps[:1] == ("entries",) and len(steps) > 1 else steps
    if not inner:
        return "an entry"
    words = ".".join(str(step) for step in inner if isinstance(step, str))
    return f"{words} {inner[-1] + 1}" if isinstance(inner[-1], int) else words


def _shape(given: Any) -> str:
    names = {list: "a list", dict: "a mapping", bool: "true/false", type(None): "nothing"}
    number = f"the number {given}"
    return names.get(type(given), number if isinstance(given, int | float) else "text")


def _quote_hint(given: Any) -> str:
    if isinstance(given, dict) and given:
        return "; text that holds ': ' needs quotes around it"
    return "; put quotes around it" if isinstance(given, int | float) else ""
