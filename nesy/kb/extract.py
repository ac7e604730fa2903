"""From what a teacher wrote about a failure to draft entries.

The teacher's text has four sections, or is JSON with them where an endpoint can be held to a
schema (``prompts/teacher-knowledge.yaml``). What cannot be parsed or gives its question away is
refused with a reason, never repaired.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nesy.kb import checks
from nesy.kb.entry import Entry

_HEADINGS = ("Applies When", "Learning Summary", "Supplementary Knowledge", "Example")
_SECTION = re.compile(
    r"^[\s*#]*(" + "|".join(_HEADINGS) + r")[\s*]*:[\s*]*", re.IGNORECASE | re.MULTILINE
)
_BULLET = re.compile(r"^(?:[*•\s]|-(?![\d.]))+")  # a minus before a number is no bullet
_MAX_WHEN = 200
_SLUG = 60
_SAME = 0.9  # share of common words and pairs above which two drafts say the same


class Refused(Exception):
    """A teacher's text that gives no entry; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The line of ``knowledge.jsonl``: what the teacher wrote about one failure, and its fate.

    ``reason`` is ``kept`` or why it gave no entry; ``entry`` the id it went into.
    """

    question: str
    text: str
    kept: bool
    reason: str
    entry: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """Knowledge parsed from one teacher's text about one question."""

    question: str
    when: str
    lesson: str | None
    facts: tuple[str, ...]
    example: str | None
    check: str | None


def parse(text: str, question: str, question_text: str, target: str) -> Draft:
    """Read the four sections and check them.

    Raises:
        Refused: a section is missing or empty, it leaks the question, or its check is false.
    """
    sections = _of_json(text) if text.lstrip().startswith("{") else _of_text(text)
    if not any(sections.values()):
        raise Refused("the teacher wrote no section")
    for heading in _HEADINGS[:3]:
        if not sections.get(heading):
            raise Refused(f"no section {heading}")
    when = " ".join(sections["Applies When"].split()).rstrip(".")
    if len(when) > _MAX_WHEN:
        raise Refused(f"Applies When is longer than {_MAX_WHEN} characters")
    lesson = " ".join(sections["Learning Summary"].split())
    facts = tuple(
        dict.fromkeys(
            " ".join(_BULLET.sub("", line).split())
            for line in sections["Supplementary Knowledge"].splitlines()
            if line.strip("-*• ")
        )
    )
    leak = checks.leaks("\n".join([when, lesson, *facts]), question_text, target)
    if leak is not None:
        raise Refused(f"leak: {leak}")
    example, check = sections.get("Example", ""), sections.get("Check", "")
    if not example or example.rstrip(".").lower() == "none":
        return Draft(question, when, lesson, facts, None, None)
    if check:
        wrong = checks.false(check)
        if wrong is not None:
            raise Refused(f"check: {wrong}")
    return Draft(question, when, lesson, facts, example, check or None)


def _of_text(text: str) -> dict[str, str]:
    """The sections by their headings; what follows the bar in the example is the check."""
    sections: dict[str, str] = {}
    marks = list(_SECTION.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):  # no heading has an end too
        sections.setdefault(mark.group(1).title(), text[mark.end() : end].strip())
    example, _, check = sections.get("Example", "").partition("|")
    return {**sections, "Example": example.strip(), "Check": check.strip()}


def _of_json(text: str) -> dict[str, str]:
    """The sections of an answer that keeps to the prompt's schema."""
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise Refused(f"JSON: {error}") from error
    sections: dict[str, str] = {}
    for heading in (*_HEADINGS, "Check"):
        key = heading.lower().replace(" ", "_")
        value = document.get(key, "")
        lines = value if isinstance(value, list) else [value]
        if not all(isinstance(line, str) for line in lines):
            raise Refused(f"JSON: {key} is no text")
        sections[heading] = "\n".join(" ".join(line.split()) for line in lines)
    return sections


def entries(drafts: Sequence[Draft], pack: str, teacher: str) -> tuple[list[Entry], dict[str, str]]:
    """Merge drafts that say the same into entries; also return the entry id of each question.

    Drafts with the same ``when`` are one entry with the facts of all; so are drafts whose
    facts are the same or nearly so. The first draft gives lesson, example and check.
    """
    groups: dict[str, list[Draft]] = {}
    by_facts: dict[tuple[str, ...], str] = {}
    for draft in drafts:
        said = tuple(sorted(_bare(fact) for fact in draft.facts))
        key = by_facts.get(said, f"{pack}.{slug(draft.when)}")
        by_facts.setdefault(said, key)
        groups.setdefault(key, []).append(draft)
    made = [_entry(id_, group, teacher) for id_, group in sorted(groups.items())]
    into = {entry.id: entry.id for entry in made}
    for first, second, _ in checks.duplicates(made, _SAME):
        keep, drop = sorted((first, second))
        if into[drop] == drop:
            into[drop] = into[keep]
    merged: dict[str, list[Draft]] = {}
    for id_, group in sorted(groups.items()):
        merged.setdefault(into[id_], []).extend(group)
    final = [_entry(id_, group, teacher) for id_, group in sorted(merged.items())]
    return final, {d.question: id_ for id_, group in merged.items() for d in group}


def _entry(id_: str, group: Sequence[Draft], teacher: str) -> Entry:
    first = group[0]
    facts: dict[str, str] = {}
    for draft in group:
        for fact in draft.facts:
            facts.setdefault(_bare(fact), fact)
    questions = tuple(sorted({draft.question for draft in group}))
    return Entry(
        id=id_,
        when=first.when,
        lesson=first.lesson,
        facts=tuple(facts.values()),
        example=first.example,
        check=first.check,
        source={"teacher": teacher, "questions": questions},
    )


def _bare(text: str) -> str:
    """The words, numbers and operators of a text, whatever its punctuation and case."""
    return " ".join(re.findall(r"\w+|[^\w\s.,;:!?'\"]", text.lower()))


def slug(text: str) -> str:
    """Return a text as a part of an id: the same for the same words, another for others."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    joined = "-".join(words)
    if joined and len(joined) <= _SLUG:
        return joined
    # What was cut off, or is in another script, must tell two entries apart all the same.
    digest = hashlib.sha256(_bare(text).encode()).hexdigest()[:8]
    return f"{joined[: _SLUG - 9].strip('-') or 'entry'}-{digest}"
