"""Run folders and append-only records.

A run is a folder: ``recipe.yaml`` is written first, records are appended to ``*.jsonl`` files
as they come, ``manifest.json`` is written last. A line counts once it is complete: what a
killed process left unfinished is dropped when the file is next read or appended to.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from nesy import resources
from nesy.errors import InputError, ModelError
from nesy.types import LM, Completion, Messages, Sampling, StreamingLM

RECIPE = "recipe.yaml"
MANIFEST = "manifest.json"
_STAGES = "stages"
_PLAIN = json.JSONEncoder(ensure_ascii=False)  # making one takes longer than a prompt does

_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}

T = TypeVar("T")


def to_json(record: Any) -> str:
    """Write a dataclass record as one line of JSON."""
    text: bytes = _adapter(type(record)).dump_json(record)
    return text.decode("utf-8")


def from_json(kind: type[T], line: str) -> T:
    """Read a record back from its line; keys that it does not know are left out.

    Raises:
        pydantic.ValidationError: the line is not JSON, or not such a record.
    """
    record: T = _adapter(kind).validate_json(line)
    return record


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


class Run:
    """A run folder. One process writes it at a time; any number may read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / ".lock")

    @classmethod
    def create(cls, folder: Path, recipe: str) -> Run:
        """Make the folder with its resolved recipe, or open it again for the same recipe.

        ``recipe`` is the YAML text that is written as ``recipe.yaml``. It takes the place of
        another one under which nothing was done yet, as when a key was missing.

        Raises:
            InputError: the folder holds a run of another recipe, or something else, or
                another process is writing to it.
        """
        path = folder / RECIPE
        known = path.is_file()
        if not known and folder.is_dir() and any(p.name != ".lock" for p in folder.iterdir()):
            raise InputError(
                f"{resources.shown(folder)}: the folder is not empty and holds no {RECIPE}; "
                "choose another --output-dir"
            )
        folder.mkdir(parents=True, exist_ok=True)
        run = cls(folder)
        run._acquire()
        if known and path.read_text("utf-8") == recipe:
            return run
        if known and any(p.name != RECIPE and p.name[0] != "." for p in folder.iterdir()):
            run.close()
            raise InputError(
                f"{resources.shown(path)}: this folder holds a run of another recipe; "
                "choose another --output-dir, or delete the folder to start over"
            )
        _write_whole(path, recipe)
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open a run for reading.

        Raises:
            InputError: the folder holds no run.
        """
        if not (folder / RECIPE).is_file():
            raise InputError(f"{resources.shown(folder)}: no run here, it has no {RECIPE}")
        return cls(folder)

    @classmethod
    def set_aside(cls, folder: Path) -> Path | None:
        """Move a run to ``<folder>.<n>``, so that it can be made anew; return where it went.

        Returns ``None`` if there is no such folder.

        Raises:
            InputError: another process is writing to it.
        """
        if not folder.is_dir():
            return None
        with cls(folder) as run:
            run._acquire()
            number = next(n for n in count(1) if not _numbered(folder, n).exists())
            folder.rename(_numbered(folder, number))
        return _numbered(folder, number)

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"{resources.shown(self.folder)}: another process is writing this run; "
                "wait for it, or choose another --output-dir"
            ) from error

    def close(self) -> None:
        """Let other processes write to the folder."""
        self._lock.release()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def finished(self) -> bool:
        """Whether the manifest has been written."""
        return (self.folder / MANIFEST).is_file()

    def append(self, name: str, records: Iterable[Any]) -> None:
        """Append dataclass records to ``<name>.jsonl`` and sync them to the disk.

        An unfinished last line is cut off first.
        """
        lines = "".join(f"{to_json(record)}\n" for record in records)
        if not lines:
            return
        path = self.folder / f"{name}.jsonl"
        path.touch()
        with path.open("r+b") as file:
            if file.seek(0, os.SEEK_END) and not _ends_a_line(file):
                file.seek(0)
                file.truncate(_complete_bytes(file.read()))
                file.seek(0, os.SEEK_END)
            file.write(lines.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str, kind: type[T]) -> list[T]:
        """Read all complete records of ``<name>.jsonl``; none if there is no such file.

        Raises:
            InputError: a complete line is not such a record; the message names the line.
        """
        return read_records(self.folder / f"{name}.jsonl", kind)

    def done(self, stage: str) -> Mapping[str, Any] | None:
        """Return the figures of a finished stage, or ``None`` if it is not finished."""
        figures: Mapping[str, Any] | None = (self.read_json(_STAGES) or {}).get(stage)
        return figures

    def finish(self, stage: str, **figures: Any) -> None:
        """Mark a stage as finished, with what is worth keeping about it."""
        self.write_json(_STAGES, {**(self.read_json(_STAGES) or {}), stage: figures})

    def undo(
        self, stages: Iterable[str], *, folders: Iterable[str] = (), records: Iterable[str] = ()
    ) -> None:
        """Take finished stages back: with their folders and records, and the manifest first."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        taken = set(stages)
        held = self.read_json(_STAGES) or {}
        self.write_json(_STAGES, {name: held[name] for name in held if name not in taken})
        for name in folders:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in records:
            (self.folder / f"{name}.jsonl").unlink(missing_ok=True)

    def read_json(self, name: str) -> Any:
        """Read ``<name>.json``, or return ``None`` if there is no such file.

        Raises:
            InputError: the file is not JSON.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(f"{resources.shown(path)}: not JSON: {error}") from error

    def write_json(self, name: str, document: Any) -> Path:
        """Write ``<name>.json`` whole, so that a reader sees the old or the new file."""
        path = self.folder / f"{name}.json"
        _write_whole(path, _dump(document))
        return path

    def write_manifest(self, facts: Mapping[str, Any]) -> None:
        """Write ``manifest.json`` last: ``facts`` and the sha256 of every file of the run."""
        files = {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.name not in (MANIFEST, ".lock")
        }
        _write_whole(self.folder / MANIFEST, _dump({**facts, "files": files}))


def _numbered(folder: Path, number: int) -> Path:
    return folder.with_name(f"{folder.name}.{number}")


def read_records(path: Path, kind: type[T]) -> list[T]:
    """Read all complete records of a JSONL file; none if there is no such file.

    Raises:
        InputError: a complete line is not such a record; the message names the line.
    """
    if not path.is_file():
        return []
    content = path.read_bytes()
    records: list[T] = []
    complete = content[: _complete_bytes(content)].decode("utf-8")
    for number, line in enumerate(complete.split("\n")[:-1], 1):
        try:
            records.append(from_json(kind, line))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise InputError(
                f"{resources.shown(path)}:{number}: not a {kind.__name__}: "
                f"{place + ': ' if place else ''}{problem['msg']}"
            ) from error
    return records


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _complete_bytes(content: bytes) -> int:
    return content.rfind(b"\n") + 1


def _dump(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def messages_sha(messages: Messages) -> str:
    """Return the sha256 of rendered messages."""
    plain = [(message.role, message.content) for message in messages]
    return hashlib.sha256(_PLAIN.encode(plain).encode()).hexdigest()


def finished(
    lm: LM, prompts: Sequence[Messages], sampling: Sampling, batch: int
) -> Iterator[tuple[int, Completion]]:
    """Yield (index of the prompt, completion) as they are done.

    A model that streams keeps its places filled until the last prompt; any other is asked for
    ``batch`` at a time.

    Raises:
        ModelError: the model could not answer, or gave another number of completions.
    """
    if isinstance(lm, StreamingLM):
        yield from lm.stream(prompts, sampling)
        return
    for first in range(0, len(prompts), batch):
        some = prompts[first : first + batch]
        made = lm.generate(some, sampling)
        if len(made) != len(some):
            raise ModelError(
                f"{lm.name}: {len(made)} completions for {len(some)} prompts; "
                "an LM must answer each prompt"
            )
        yield from enumerate(made, first)


def in_order(pairs: Iterable[tuple[int, T]]) -> Iterator[T]:
    """Yield the values of (index, value) by index, each as soon as all before it are there."""
    held: dict[int, T] = {}
    due = 0
    for index, value in pairs:
        held[index] = value
        while due in held:
            yield held.pop(due)
            due += 1
