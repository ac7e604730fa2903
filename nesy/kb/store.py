"""The knowledge base on disk: read every pack of a folder, write without losing a byte.

A folder holds packs (``*.yaml``) and ``kb.lock``, which remembers what the last extraction
generated so that the next one can tell a person's edit from its own text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nesy import resources
from nesy.errors import EntryError, InputError
from nesy.kb import lock as locks
from nesy.kb import merge, splice
from nesy.kb.entry import Entry, Pack, json_schema
from nesy.kb.lock import State, locked
from nesy.kb.merge import Conflict, Memory
from nesy.kb.pack import ReadPack, check_text, read_pack

OWN = Path("kb")
"""Folder of a project's own packs, in the working directory."""

LOCK = locks.NAME
_TRIES = 5


@dataclass(frozen=True)
class KnowledgeBase:
    """Packs in memory.

    ``entries`` are those that may be retrieved, ``retired`` the others; ``where`` gives the
    file and line of each, ``pack`` the name of its pack, ``texts`` the sha256 of each file,
    ``read`` each file as it was read.
    """

    packs: Mapping[str, Pack]
    files: Mapping[str, Path]
    entries: Mapping[str, Entry]
    retired: Mapping[str, Entry]
    where: Mapping[str, str]
    pack: Mapping[str, str]
    texts: Mapping[str, str]
    read: Mapping[str, ReadPack]

    @cached_property
    def sha(self) -> str:
        """Hash of what the entries that may be retrieved say, and to whom."""
        digest = hashlib.sha256()
        for id_ in sorted(self.entries):
            digest.update(f"{id_} {self.entries[id_].sha}\n".encode())
        return digest.hexdigest()

    def get(self, id_: str) -> Entry:
        """Return an entry by id, retired or not.

        Raises:
            EntryError: there is no such entry; the message names a near one.
        """
        found = self.entries.get(id_) or self.retired.get(id_)
        if found is None:
            raise EntryError(f"no entry {id_}{resources.near(id_, self.where)}")
        return found

    @property
    def all(self) -> dict[str, Entry]:
        """All entries, also the retired ones."""
        return {**self.entries, **self.retired}


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """What ``write_drafts`` did, by entry id, with the conflicts that wait for a person."""

    path: Path
    added: tuple[str, ...]
    updated: tuple[str, ...]
    kept: tuple[str, ...]
    unchanged: tuple[str, ...]
    deleted: tuple[str, ...]
    conflicts: tuple[Conflict, ...] = field(default=())


def load(folder: Path, *more: Path, known: KnowledgeBase | None = None) -> KnowledgeBase:
    """Read all packs of a folder; a pack of an earlier folder replaces its namesake in a later one.

    ``known`` is an earlier reading, whose packs are taken over where the file is the same.

    Raises:
        EntryError: all problems of all files, one a line.
    """
    files: dict[str, Path] = {}
    for source in (folder, *more):
        if not source.is_dir():
            raise EntryError(f"{resources.shown(source)}: no such folder")
        for path in sorted(source.glob("*.yaml")):
            files.setdefault(path.stem, path)
    reads: dict[str, ReadPack] = {}
    packs: dict[str, Pack] = {}
    where: dict[str, str] = {}
    problems: list[str] = []
    for name, path in sorted(files.items()):
        read = _read(name, path, known)
        problems += read.problems
        if read.pack is None:
            continue
        packs[name], reads[name] = read.pack, read
        shown = resources.shown(path)
        for entry, (line, column) in zip(read.pack.entries, read.places, strict=True):
            place = f"{shown}:{line}"
            if entry.id in where:
                what = f"entry {entry.id}: id is used already at {where[entry.id]}"
                problems.append(f"{place}:{column}: {what}")
            where.setdefault(entry.id, place)
    if problems:
        raise EntryError("\n".join(problems))
    return _assembled(packs, files, where, reads)


def _read(name: str, path: Path, known: KnowledgeBase | None) -> ReadPack:
    """Read a pack, or take it over from an earlier reading if its bytes are the same."""
    if known is not None and known.files.get(name) == path:
        with suppress(InputError):  # reading it again says what is wrong
            if locks.sha(resources.read_text(path)) == known.texts[name]:
                return known.read[name]
    return read_pack(path)


def load_known(folder: Path = OWN) -> KnowledgeBase:
    """Read the packs of a folder, if it is there, and the built-in ones under other names.

    Raises:
        EntryError: all problems of all files, one a line.
    """
    shipped = resources.builtin("kb")
    return load(folder, shipped) if folder.is_dir() else load(shipped)


def generated(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the fields of each entry, but the id, as nesy wrote it: shipped, imported, distilled.

    What was deleted since has none.
    """
    before: dict[str, dict[str, Any]] = {}
    shipped = load(resources.builtin("kb"))
    for name in shipped.packs.keys() & {path.stem for path in folder.glob("*.yaml")}:
        for entry in shipped.packs[name].entries:
            before[entry.id] = _fields(entry)
    for memory in locks.read(folder / LOCK).packs.values():
        before |= {id_: dict(fields) for id_, fields in memory.generated.items()}
        before |= {id_: {} for id_ in memory.deleted}
    return before


def empty() -> KnowledgeBase:
    """Return a knowledge base without entries."""
    return _assembled({}, {}, {}, {})


def _assembled(
    packs: Mapping[str, Pack],
    files: Mapping[str, Path],
    where: Mapping[str, str],
    reads: Mapping[str, ReadPack],
) -> KnowledgeBase:
    entries: dict[str, Entry] = {}
    retired: dict[str, Entry] = {}
    of: dict[str, str] = {}
    for name, pack in packs.items():
        for entry in pack.entries:
            (retired if entry.status == "retired" else entries)[entry.id] = entry
            of[entry.id] = name
    texts = {name: read.sha for name, read in reads.items()}
    return KnowledgeBase(packs, files, entries, retired, where, of, texts, reads)


def write_drafts(
    folder: Path,
    pack_name: str,
    entries: Sequence[Entry],
    lock: Path | None = None,
    license_: str = "CC0-1.0",
    action: str = "distilled",
) -> MergeSummary:
    """Merge a new extraction into ``<folder>/<pack_name>.yaml`` and remember it in ``lock``.

    ``lock`` is ``<folder>/kb.lock`` by default. A person's fields, comments and deletions
    stay; an entry that was moved to another pack of the folder is merged where it is now.
    ``action`` is what the log calls it.

    Raises:
        EntryError: a pack of the folder can't be read or edited; nothing is written then.
    """
    theirs = {entry.id: _fields(entry) for entry in entries}
    if len(theirs) != len(entries):
        raise EntryError(f"pack {pack_name}: an extraction gave the same id twice")
    path = folder / f"{pack_name}.yaml"
    summary = None

    def merged(knowledge: KnowledgeBase, state: State) -> tuple[State, dict[Path, str]]:
        nonlocal summary
        memory = state.packs.get(pack_name, Memory())
        ours = {id_: _fields(entry) for id_, entry in knowledge.all.items()}
        outcome = merge.merge(memory, ours, theirs)
        summary = MergeSummary(
            path,
            outcome.added,
            outcome.updated,
            outcome.kept,
            outcome.unchanged,
            outcome.deleted,
            outcome.conflicts,
        )
        added = [{"id": id_, **outcome.writes[id_]} for id_ in outcome.added]
        writes = {i: fields for i, fields in outcome.writes.items() if i not in outcome.added}
        texts = _texts(knowledge, path, license_, writes, added)
        if not texts and outcome.memory == memory:
            return state, {}
        packs = {**state.packs, pack_name: outcome.memory}
        conflicts = tuple(sorted({found.entry for found in outcome.conflicts}))
        new = State(packs, state.log).noted(
            action,
            pack_name,
            added=outcome.added,
            updated=outcome.updated,
            kept=outcome.kept,
            deleted=outcome.deleted,
            conflicts=conflicts,
        )
        return new, texts

    _update(folder, lock, merged)
    if summary is None:
        raise EntryError(f"{resources.shown(path)}: nothing was merged")
    return summary


def add(folder: Path, pack_name: str, entry: Entry, license_: str = "CC0-1.0") -> Path:
    """Add an entry that a person wrote; a pack that is not there yet is made.

    Raises:
        EntryError: the id is taken, or the folder can't be read; nothing is written then.
    """
    path = folder / f"{pack_name}.yaml"

    def added(knowledge: KnowledgeBase, state: State) -> tuple[State, dict[Path, str]]:
        if entry.id in knowledge.where:
            at = knowledge.where[entry.id]
            raise EntryError(f"entry {entry.id}: id is used already at {at}; use edit to change it")
        texts = _texts(knowledge, path, license_, {}, [entry.plain()])
        return state.noted("added", pack_name, added=(entry.id,)), texts

    _update(folder, None, added)
    return path


def edit(folder: Path, writes: Mapping[str, Mapping[str, Any]], action: str = "edited") -> None:
    """Set fields of entries; ``writes[id][field]`` is a value as in YAML, ``None`` removes it.

    Raises:
        EntryError: no such entry in the folder, or the result would not be valid; nothing
            is written then.
    """

    def edited(knowledge: KnowledgeBase, state: State) -> tuple[State, dict[Path, str]]:
        for id_ in writes:
            knowledge.get(id_)
        texts = _texts(knowledge, None, "", writes, [])
        packs = sorted({knowledge.pack[id_] for id_ in writes})
        return state.noted(action, ", ".join(packs), updated=tuple(writes)), texts

    _update(folder, None, edited)


def adopt(folder: Path, knowledge: KnowledgeBase, name: str) -> bool:
    """Copy a built-in pack into the folder, where it replaces it whole; false if it is there."""
    path = folder / f"{name}.yaml"
    with locked(folder):
        if path.exists():
            return False
        locks.write_text(path, resources.read_text(knowledge.files[name]))
    return True


def replace(folder: Path, name: str, before: str, after: str) -> None:
    """Replace the text of a pack by one that a person edited.

    Raises:
        EntryError: the file is not ``before`` any more, or ``after`` has problems; nothing
            is written then.
    """
    path = folder / f"{name}.yaml"

    def replaced(knowledge: KnowledgeBase, state: State) -> tuple[State, dict[Path, str]]:
        if knowledge.texts.get(name) != locks.sha(before):
            raise EntryError(f"{resources.shown(path)}: it was changed meanwhile; edit it again")
        new = check_text(after, path)
        if new.pack is None:
            raise EntryError("\n".join(new.problems))
        old = {entry.id: entry for entry in knowledge.packs[name].entries}
        now = {entry.id: entry for entry in new.pack.entries}
        for id_ in now:
            if knowledge.pack.get(id_, name) != name:
                raise EntryError(f"entry {id_}: id is used already at {knowledge.where[id_]}")
        noted = state.noted(
            "edited",
            name,
            added=tuple(id_ for id_ in now if id_ not in old),
            updated=tuple(id_ for id_ in now if id_ in old and now[id_] != old[id_]),
            removed=tuple(id_ for id_ in old if id_ not in now),
        )
        return noted, {path: after}

    _update(folder, None, replaced)


def conflicts(folder: Path, lock: Path | None = None) -> tuple[Conflict, ...]:
    """Return the conflicts that no one has settled yet.

    Raises:
        EntryError: the lock file can't be read.
    """
    state = locks.read(lock or folder / LOCK)
    return tuple(found for memory in state.packs.values() for found in memory.conflicts)


def settle(folder: Path, chosen: Sequence[Conflict], take: str) -> None:
    """Close conflicts: keep the person's value (``ours``) or write the extraction's (``theirs``).

    Raises:
        EntryError: a pack can't be edited; nothing is written then.
    """

    def settled(knowledge: KnowledgeBase, state: State) -> tuple[State, dict[Path, str]]:
        writes: dict[str, dict[str, Any]] = {}
        for found in chosen:
            if take == "theirs":
                writes.setdefault(found.entry, {})[found.field] = found.theirs
        packs = {
            name: Memory(
                memory.generated,
                memory.deleted,
                tuple(found for found in memory.conflicts if found not in chosen),
            )
            for name, memory in state.packs.items()
        }
        ids = tuple(dict.fromkeys(found.entry for found in chosen))
        touched = ", ".join(sorted({knowledge.pack[id_] for id_ in ids if id_ in knowledge.pack}))
        new = State(packs, state.log).noted(f"settled with {take}", touched, updated=ids)
        return new, _texts(knowledge, None, "", writes, [])

    _update(folder, None, settled)


def _update(
    folder: Path,
    lock: Path | None,
    change: Callable[[KnowledgeBase, State], tuple[State, dict[Path, str]]],
) -> None:
    """Read folder and lock, let ``change`` say what to write, and write it, under the lock.

    An editor may save a pack meanwhile, which no lock prevents: then it is done again with
    what the editor saved.
    """
    lock = lock or folder / LOCK
    with locked(folder):
        for _ in range(_TRIES):
            knowledge, state = load(folder), locks.read(lock)
            new, texts = change(knowledge, state)
            for path, text in texts.items():
                problems = check_text(text, path).problems
                if problems:
                    raise EntryError("\n".join(problems))
            if not texts and new == state:
                return
            if all(_unchanged(knowledge, path) for path in texts):
                if texts and not (folder / "schema.json").exists():
                    locks.write_text(folder / "schema.json", schema_text())
                locks.commit(lock, new, texts)
                return
    raise EntryError(
        f"{resources.shown(folder)}: it keeps changing; close the editor and try again"
    )


def schema_text() -> str:
    """Return the JSON Schema that the first line of a pack names."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _unchanged(knowledge: KnowledgeBase, path: Path) -> bool:
    sha = knowledge.texts.get(path.stem)
    if sha is None:
        return not path.exists()
    return path.exists() and locks.sha(resources.read_text(path)) == sha


def _texts(
    knowledge: KnowledgeBase,
    path: Path | None,
    license_: str,
    writes: Mapping[str, Mapping[str, Any]],
    added: Sequence[Mapping[str, Any]],
) -> dict[Path, str]:
    """Return the new text of each pack that changes; ``added`` goes to the pack ``path``."""
    by_file: dict[Path, dict[str, Mapping[str, Any]]] = {} if path is None else {path: {}}
    for id_, fields in writes.items():
        by_file.setdefault(knowledge.files[knowledge.pack[id_]], {})[id_] = fields
    texts: dict[Path, str] = {}
    for target, fields in by_file.items():
        exists = target.exists()
        before = resources.read_text(target) if exists else splice.new_pack(target.stem, license_)
        after = splice.change(before, target, fields, added if target == path else ())
        if after != before or not exists:
            texts[target] = after
    return texts


def _fields(entry: Entry) -> dict[str, Any]:
    fields = entry.plain()
    del fields["id"]
    return fields
