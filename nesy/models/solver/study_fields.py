"""Questions about what a field of study is about."""

from __future__ import annotations

import re
from functools import cache

from nesy.facts import Fact, table
from nesy.models.solver import Knowledge, Solution

_STEMS = tuple(
    re.compile(stem)
    for stem in (
        r"What does (?P<it>\w+) study\?",
        r"\w+ takes a course in (?P<it>\w+) at a .+\. What .+\?",
        r"A .+ opens a department of (?P<it>\w+)\. What .+\?",
        r"A book about (?P<it>\w+) arrives at a .+\. Which .+\?",
        r"Which of these is the subject of (?P<it>\w+)\?",
        r"\w+ wants to become an expert in (?P<it>\w+)\. What .+\?",
    )
)
_OPTION = re.compile(r"^(\([A-Z]\)) (.+)$", re.MULTILINE)


def solve(question: str) -> Solution | None:
    """Solve a question that names one field of the table."""
    stem, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in _OPTION.findall(tail)}
    found = next((match for known in _STEMS if (match := known.fullmatch(stem))), None)
    fact = _facts().get(found["it"]) if found else None
    if fact is None or fact.fields["studies"] not in labels:
        return None
    chosen = fact.fields["studies"]
    answer = labels[chosen]
    return Solution(
        rationale=f"{fact.statement} That is {chosen} {answer}.",
        answer=answer,
        knowledge=Knowledge(
            when=f"a question asks what {fact.subject} studies",
            lesson="Recall what the named field studies, then choose the option that says it.",
            facts=(fact.statement,),
        ),
    )


@cache
def _facts() -> dict[str, Fact]:
    return {fact.subject: fact for fact in table("sciences")}
