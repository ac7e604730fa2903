"""Questions about the element that a mineral is an ore of."""

from __future__ import annotations

import re
from functools import cache

from nesy.facts import Fact, table
from nesy.models.solver import Knowledge, Solution

_STEMS = tuple(
    re.compile(stem)
    for stem in (
        r"The mineral (?P<it>\w+) is an ore of which element\?",
        r"A mine near a .+ digs out the mineral (?P<it>\w+)\. Which .+\?",
        r"\w+ adds a sample of the mineral (?P<it>\w+) to a rock collection\. Which .+\?",
        r"A geologist finds a large body of the mineral (?P<it>\w+) below a .+\. Which .+\?",
        r"A factory buys the mineral (?P<it>\w+) as an ore\. Which .+\?",
    )
)
_OPTION = re.compile(r"^(\([A-Z]\)) (.+)$", re.MULTILINE)


def solve(question: str) -> Solution | None:
    """Solve a question that names one ore of the table."""
    stem, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in _OPTION.findall(tail)}
    found = next((match for known in _STEMS if (match := known.fullmatch(stem))), None)
    fact = _facts().get(found["it"]) if found else None
    if fact is None or fact.fields["element"] not in labels:
        return None
    chosen = fact.fields["element"]
    answer = labels[chosen]
    return Solution(
        rationale=f"{fact.statement} That is {chosen} {answer}.",
        answer=answer,
        knowledge=Knowledge(
            when=f"a question asks what the mineral {fact.subject} is an ore of",
            lesson="Recall which element is won from the named ore, then choose that option.",
            facts=(fact.statement,),
        ),
    )


@cache
def _facts() -> dict[str, Fact]:
    return {fact.subject: fact for fact in table("minerals")}
