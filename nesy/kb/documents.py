"""Documents into draft entries: a teacher writes atomic statements, which are checked one by one.

A document is read in passages of whole paragraphs. What the teacher writes about one is refused
line by line, with the reason, where it can't stand alone or says what the passage does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nesy import resources
from nesy.errors import InputError
from nesy.kb import checks
from nesy.kb.bm25 import words_of
from nesy.kb.convert import new_id
from nesy.kb.entry import Entry
from nesy.prompts import Prompt
from nesy.types import LM, Sampling

PROMPT = "teacher-document"
KINDS = (".md", ".txt", ".rst")

_WORDS = 250  # of a passage, unless one paragraph is longer
_WHEN = "applies when:"
_FACTS = "facts:"
_NOTHING = "none"
_MAX_WHEN = 200  # characters
_MAX_FACT = 300
_SAID = 0.6  # share of a statement's words that stand in its passage
_POINTS_BACK = re.compile(r"(it|its|this|that|these|those|they|their|he|she|his|her)\b", re.I)


@dataclass(frozen=True, slots=True)
class Passage:
    """Paragraphs of a document, with the lines from which and to which they stand."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that a teacher wrote and that became no fact, or a passage without any."""

    place: str
    text: str
    reason: str


def passages(text: str) -> list[Passage]:
    """Split a document at empty lines, and join paragraphs up to 250 words."""
    joined: list[Passage] = []
    for paragraph in _paragraphs(text):
        last = joined[-1] if joined else None
        if last is not None and len(f"{last.text} {paragraph.text}".split()) <= _WORDS:
            whole = f"{last.text}\n\n{paragraph.text}"
            joined[-1] = Passage(last.first, paragraph.last, whole)
        else:
            joined.append(paragraph)
    return joined


def _paragraphs(text: str) -> Iterator[Passage]:
    lines = [*text.splitlines(), ""]
    first = None
    for number, line in enumerate(lines, 1):
        if line.strip():
            first = first or number
        elif first is not None:
            yield Passage(first, number - 1, "\n".join(lines[first - 1 : number - 1]))
            first = None


def read(
    path: Path, pack: str, lm: LM, prompt: Prompt, sampling: Sampling
) -> tuple[list[Entry], list[Refused]]:
    """Let a teacher turn a document into draft entries of a pack; also what was refused.

    Raises:
        InputError: the file can't be read, is of no known kind, or is empty.
        ModelError: the teacher could not answer.
    """
    where = resources.shown(path)
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{where}: can't read {path.suffix or 'it'}; use {', '.join(KINDS)}")
    parts = passages(resources.read_text(path))
    if not parts:
        raise InputError(f"{where}: the document is empty")
    written = lm.generate([prompt.render(passage=part.text) for part in parts], sampling)
    facts: dict[str, dict[str, None]] = {}
    lines: dict[str, list[str]] = {}
    refused: list[Refused] = []
    for part, completion in zip(parts, written, strict=True):
        place = f"{where}:{part.first}"
        if completion.finish == "length":  # its last statement is cut, and who knows what else
            refused.append(Refused(place, completion.text, "truncated"))
            continue
        kept = 0
        for when, fact in _statements(completion.text):
            reason = _fault(when, fact, part.text)
            if reason is not None:
                refused.append(Refused(place, fact, reason))
                continue
            kept += 1
            facts.setdefault(when, {})[fact] = None
            lines.setdefault(when, []).append(f"{part.first}-{part.last}")
        if not kept and completion.text.strip().rstrip(".").lower() != _NOTHING:
            refused.append(Refused(place, completion.text, "no statement was kept of this passage"))
    return _entries(pack, path.name, lm.name, facts, lines), refused


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield (when, fact) of what a teacher wrote; a fact without a heading has an empty when."""
    when = ""
    for line in text.splitlines():
        bare = line.strip().strip("*# ")
        if bare.lower().startswith(_WHEN):
            when = " ".join(bare[len(_WHEN) :].strip("* ").split()).rstrip(".")
        elif line.strip().startswith(("- ", "* ")):
            yield when, " ".join(line.strip()[2:].split())
        elif bare and bare.lower() not in (_FACTS, _NOTHING, f"{_NOTHING}."):
            yield "", bare


def _fault(when: str, fact: str, passage: str) -> str | None:
    """Return why a statement can't be a fact, or ``None``."""
    if not when:
        return "it stands under no Applies When, or is no list item"
    if len(when) > _MAX_WHEN:
        return f"its Applies When is longer than {_MAX_WHEN} characters"
    if len(fact) > _MAX_FACT:
        return f"longer than {_MAX_FACT} characters, so it is not one statement"
    points = _POINTS_BACK.match(fact)
    if points is not None:
        return f"it begins with {points[0]!r}, so it does not stand alone"
    known = set(checks.numbers(passage))
    new = [number for number in checks.numbers(fact) if number not in known]
    if new:
        return f"the passage holds no {', '.join(new)}"
    words, said = set(words_of(fact)), set(words_of(passage))
    if not words or len(words & said) < _SAID * len(words):
        return "the passage does not say this"
    return None


def _entries(
    pack: str,
    document: str,
    teacher: str,
    facts: dict[str, dict[str, None]],
    lines: dict[str, list[str]],
) -> list[Entry]:
    made: dict[str, Entry] = {}
    for when, said in facts.items():
        id_ = new_id(pack, when, made)
        source = {
            "teacher": teacher,
            "document": document,
            "lines": ", ".join(_unique(lines[when])),
        }
        made[id_] = Entry(id=id_, when=when, facts=tuple(said), source=source)
    return list(made.values())


def _unique(items: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))
