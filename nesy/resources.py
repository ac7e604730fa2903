"""Find data files by name and read YAML with places for its errors.

A name is looked up as an explicit path, then as ``./<folder>/<name>.yaml`` of the working
directory, then among the built-in files; a file of the working directory replaces the
built-in one whole.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from nesy.errors import InputError

_PACKAGE = Path(__file__).parent
FOLDERS = ("kb", "prompts", "eval", "recipes")
EXAMPLE = _PACKAGE / "example"
"""A benchmark of a user's own: ``nesy init`` copies it into ``eval/``."""


def builtin(folder: str) -> Path:
    """Return the folder of built-in files: in the package, or beside it in a checkout.

    Raises:
        InputError: the installation lacks the folder.
    """
    for candidate in (_PACKAGE / "_data" / folder, _PACKAGE.parent / folder, _PACKAGE / folder):
        if candidate.is_dir() and any(candidate.glob("*.yaml")):
            return candidate
    raise InputError(f"the installation lacks its folder {folder}/; install nesy again")


def find(folder: str, name: str) -> Path:
    """Return the file of ``name`` in ``folder``, or the path itself if it is one.

    Raises:
        InputError: there is no such file; the message lists near names and where it looked.
    """
    explicit = Path(name)
    if explicit.suffix in (".yaml", ".yml"):
        if explicit.is_file():
            return explicit
        raise InputError(f"{name}: no such file")
    local = Path(folder) / f"{name}.yaml"
    if local.is_file():
        return local
    shipped = builtin(folder) / f"{name}.yaml"
    if shipped.is_file():
        return shipped
    known = names(folder)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    raise InputError(f"no {name}.yaml in ./{folder}/ nor built in; {hint}")


def names(folder: str) -> list[str]:
    """Names that ``find`` would find without a path, sorted."""
    found = {path.stem for path in builtin(folder).glob("*.yaml")}
    found |= {path.stem for path in Path(folder).glob("*.yaml")}
    return sorted(found)


def shown(path: Path) -> str:
    """Return a path as a person would write it: relative to the working directory if below it."""
    resolved = path.resolve()
    here = Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(path)


def home() -> Path:
    """Return the folder of caches: ``NESY_HOME``, or ``~/.cache/nesy``."""
    return Path(os.environ.get("NESY_HOME") or Path.home() / ".cache" / "nesy")


def near(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean x?)`` for the closest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def read_text(path: Path) -> str:
    """Read a UTF-8 file with its line ends as they are.

    Raises:
        InputError: unreadable or not UTF-8; the message says where.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise InputError(f"{shown(path)}:{line}:{column}: not UTF-8; save it as UTF-8") from error


def read_yaml(path: Path) -> Any:
    """Read one YAML document into plain Python values (safe loading).

    Raises:
        InputError: unreadable, not UTF-8, or not YAML; the message says file:line:column.
    """
    text = read_text(path)
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        raise InputError(_place(path, error)) from error
    except YAMLError as error:
        raise InputError(f"{shown(path)}: {error}") from error


Place = tuple[int, int]  # line and column, counted from 1
Steps = tuple[str | int, ...]  # keys and indexes that lead from the root to a value


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document with the place of every value and key.

    ``value`` holds plain Python values; ``problems`` what is wrong with the YAML itself
    (keys given twice, aliases of collections, tags), each with its place.
    """

    text: str
    root: Node | None
    value: Any
    places: dict[Steps, Place]
    keys: dict[Steps, Place]
    problems: list[tuple[Place, Steps, str]] = field(default_factory=list)

    def place(self, steps: Steps) -> Place:
        """Return the place of a value, or of the nearest one that contains it."""
        for end in range(len(steps), -1, -1):
            if steps[:end] in self.places:
                return self.places[steps[:end]]
        return (1, 1)


def read_document(path: Path) -> Document:
    """Read one YAML document and remember where each value stands.

    Raises:
        InputError: unreadable, not UTF-8, or not YAML; the message says file:line:column.
    """
    return parse_document(read_text(path), path)


def parse_document(text: str, path: Path) -> Document:
    """Parse the text of ``path``; see ``read_document``.

    Raises:
        InputError: not YAML; the message says file:line:column.
    """
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise InputError(_place(path, error)) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise InputError(f"{shown(path)}:{line}:{column}: {error.reason}") from error
    except YAMLError as error:
        raise InputError(f"{shown(path)}:1:1: {error}") from error
    except RecursionError as error:
        raise InputError(f"{shown(path)}:1:1: nested too deeply") from error
    document = Document(text, root, None, {}, {})
    value = None if root is None else _plain(root, (), document, set())
    return Document(text, root, value, document.places, document.keys, document.problems)


def _plain(node: Node, steps: Steps, document: Document, seen: set[int]) -> Any:
    place = (node.start_mark.line + 1, node.start_mark.column + 1)
    document.places[steps] = place
    if isinstance(node, ScalarNode):
        return _scalar(node, place, steps, document)
    if id(node) in seen:
        document.problems.append((place, steps, "an alias can't stand for a list or a mapping"))
        return None
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        return [_plain(item, (*steps, i), document, seen) for i, item in enumerate(node.value)]
    value: dict[str, Any] = {}
    if isinstance(node, MappingNode):
        for key_node, value_node in node.value:
            at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                document.problems.append((at, steps, "a key must be a word"))
                continue
            key = str(key_node.value)
            if key in value:
                document.problems.append((at, (*steps, key), f"{key} is given twice"))
                continue
            document.keys[(*steps, key)] = at
            value[key] = _plain(value_node, (*steps, key), document, seen)
    return value


def _scalar(node: ScalarNode, place: Place, steps: Steps, document: Document) -> Any:
    kind = str(node.tag).rpartition(":")[2]
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("true", "yes", "on")
    if kind in ("int", "float"):
        try:
            return int(text.replace("_", "")) if kind == "int" else float(text.replace("_", ""))
        except ValueError:
            return text
    if kind not in ("str", "timestamp", "value", "merge"):
        document.problems.append((place, steps, f"a tag ({node.tag}) can't be used here"))
    return text


def _place(path: Path, error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ":1:1"
    return f"{shown(path)}{place}: {error.problem or error.context or error}"
