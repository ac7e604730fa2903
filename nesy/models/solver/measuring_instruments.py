"""Questions about what an instrument measures."""

from __future__ import annotations

import re
from functools import cache

from nesy.facts import Fact, table
from nesy.models.solver import Knowledge, Solution

_STEMS = tuple(
    re.compile(stem)
    for stem in (
        r"What does an? (?P<it>.+) measure\?",
        r"Which of these is measured with an? (?P<it>.+)\?",
        r"A .+ at a .+ takes a reading with an? (?P<it>.+)\. Which quantity .+\?",
        r"\w+ finds an? (?P<it>.+) in the science room\. What can .+\?",
        r"A class is planning an investigation and borrows an? (?P<it>.+)\. What .+\?",
        r"\w+ has lost the label of an? (?P<it>.+)\. Which of these .+\?",
    )
)
_OPTION = re.compile(r"^(\([A-Z]\)) (.+)$", re.MULTILINE)


def solve(question: str) -> Solution | None:
    """Solve a question that names one instrument of the table."""
    stem, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in _OPTION.findall(tail)}
    found = next((match for known in _STEMS if (match := known.fullmatch(stem))), None)
    fact = _facts().get(found["it"]) if found else None
    if fact is None or fact.fields["measures"] not in labels:
        return None
    chosen = fact.fields["measures"]
    answer = labels[chosen]
    article = fact.statement.split()[0].lower()
    return Solution(
        rationale=f"{fact.statement} That is {chosen} {answer}.",
        answer=answer,
        knowledge=Knowledge(
            when=f"a question asks what {article} {fact.subject} measures",
            lesson="Recall what the instrument measures, then choose the option that says it.",
            facts=(fact.statement,),
        ),
    )


@cache
def _facts() -> dict[str, Fact]:
    return {fact.subject: fact for fact in table("instruments")}
