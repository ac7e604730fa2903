"""The embedded teacher: a language model made of parsers, one file a question wording.

It gets the prompts that any teacher gets and reads nothing but their text. A wording is a
module of this folder with

* ``solve(question) -> Solution | None``: ``None`` when the wording is not its own.

The folder is the registry: a new file is a new wording.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nesy import facts
from nesy.facts import Fact


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a question teaches beyond itself: NesyCD's learning summary and supplementary knowledge.

    ``when`` says what it applies to, ``lesson`` how to think, ``facts`` what one must know.
    ``check`` is an arithmetic expression that must be true, recomputed by ``nesy kb check``.
    """

    when: str
    lesson: str
    facts: tuple[str, ...]
    example: str | None = None
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """A solved question: the steps (without the answer phrase), the answer, what it teaches."""

    rationale: str
    answer: str
    knowledge: Knowledge


OPTION = re.compile(r"^(\([A-Z]\)) (.+)$", re.MULTILINE)
"""A line of an option list: label and text."""


def recalling(
    stems: Sequence[str], table: str, field: str, when: Callable[[Fact], str], lesson: str
) -> Callable[[str], Solution | None]:
    """Make the ``solve`` of a wording that one fact of a table answers with one option.

    ``stems`` are regular expressions whose group ``it`` is the fact's subject; ``field`` is
    what the option says; ``when`` tells what the fact's knowledge applies to.
    """
    patterns = [re.compile(stem) for stem in stems]

    def solve(question: str) -> Solution | None:
        stem, _, tail = question.partition("\nOptions:\n")
        labels = {text: label for label, text in OPTION.findall(tail)}
        found = next((match for known in patterns if (match := known.fullmatch(stem))), None)
        fact = _by_subject(table).get(found["it"]) if found else None
        if fact is None or fact.fields[field] not in labels:
            return None
        chosen = fact.fields[field]
        answer = labels[chosen]
        return Solution(
            rationale=f"{fact.statement} That is {chosen} {answer}.",
            answer=answer,
            knowledge=Knowledge(when(fact), lesson, (fact.statement,)),
        )

    return solve


@cache
def _by_subject(table: str) -> dict[str, Fact]:
    return {fact.subject: fact for fact in facts.table(table)}


@cache
def wordings() -> dict[str, Callable[[str], Solution | None]]:
    """All wordings by name, in alphabetical order."""
    found: dict[str, Callable[[str], Solution | None]] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        found[info.name] = importlib.import_module(f"{__name__}.{info.name}").solve
    return found


def solve(question: str) -> Solution | None:
    """Solve a question whose wording one of the modules knows, else return ``None``."""
    for attempt in wordings().values():
        solution = attempt(question)
        if solution is not None:
            return solution
    return None
