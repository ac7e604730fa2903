"""Read rows from local files in the layouts that the originals use."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nesy import resources
from nesy.errors import BenchmarkError, InputError

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands, and its columns."""

_PIECES = "-[0-9]*-of-[0-9]*.*"


def find(patterns: Sequence[str], beside: Path, task: str) -> list[Path]:
    """Return the files of one of the patterns: beside the definition, else in ``$NESY_DATA``.

    The first pattern that is there counts, in its own format or else in another one; a file may
    be in the pieces that the hub keeps it in (``test-00000-of-00002.parquet``).
    """
    for folder in folders(beside):
        for pattern in patterns:
            name = Path(pattern.replace("{task}", task))
            root = Path(name.anchor) if name.is_absolute() else folder
            stem = str(name.with_suffix("")).removeprefix(name.anchor)
            for ending in dict.fromkeys([name.suffix, *_READERS, _PIECES]):
                found = sorted(root.glob(f"{stem}{ending}"))
                if found:
                    return found
    return []


def folders(beside: Path) -> list[Path]:
    """Folders that are searched, in order."""
    data = os.environ.get("NESY_DATA")
    return [beside.parent, *([Path(data)] if data else [])]


def rows(path: Path, key: str | None) -> Iterator[Row]:
    """Yield the rows of a file; ``key`` names the list of rows in a JSON mapping.

    Raises:
        BenchmarkError: unreadable, not of its format, or a row is not a mapping.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise BenchmarkError(f"{resources.shown(path)}: cannot read this format; known: {known}")
    for number, row in reader(path, key):
        where = f"{resources.shown(path)}:{number}"
        if not isinstance(row, Mapping):
            raise BenchmarkError(f"{where}: a row must be a mapping, this is {type(row).__name__}")
        yield where, row


def _jsonl(path: Path, key: str | None) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            yield str(number), _json(line, f"{resources.shown(path)}:{number}")


def _json_document(path: Path, key: str | None) -> Iterator[tuple[str, Any]]:
    document = _json(_text(path), resources.shown(path))
    if key is not None and isinstance(document, Mapping):
        if key not in document:
            raise BenchmarkError(f"{resources.shown(path)}: no key {key!r} with the list of rows")
        document = document[key]
    if not isinstance(document, list):
        raise BenchmarkError(
            f"{resources.shown(path)}: no list of rows; name its key as `rows` in the definition"
        )
    for index, row in enumerate(document):
        yield f"row {index}", row


def _csv(path: Path, key: str | None) -> Iterator[tuple[str, Any]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    for row in reader:
        if None in row or None in row.values():
            raise BenchmarkError(
                f"{resources.shown(path)}:{reader.line_num}: not as many cells as the header has"
            )
        yield str(reader.line_num), row


def _parquet(path: Path, key: str | None) -> Iterator[tuple[str, Any]]:
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise BenchmarkError(f"{resources.shown(path)}: {error}") from error
    for index, row in enumerate(table.to_pylist()):
        yield f"row {index}", row


_READERS = {".jsonl": _jsonl, ".json": _json_document, ".csv": _csv, ".parquet": _parquet}


def _text(path: Path) -> str:
    try:
        return resources.read_text(path).removeprefix("\ufeff")
    except InputError as error:
        raise BenchmarkError(str(error)) from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = where if ":" in where else f"{where}:{error.lineno}"
        raise BenchmarkError(f"{place}: not JSON: {error.msg}") from error
