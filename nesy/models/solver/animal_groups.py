"""Questions about the group that an animal belongs to."""

from __future__ import annotations

import re
from functools import cache

from nesy.facts import Fact, table
from nesy.models.solver import Knowledge, Solution

_STEMS = tuple(
    re.compile(stem)
    for stem in (
        r"To which group of animals does the (?P<it>.+) belong\?",
        r"\w+ reads about the .+ in a .+\. Which kind of animal is the (?P<it>.+)\?",
        r"A .+ has a display about the (?P<it>.+)\. Under .+\?",
        r"A class sorts pictures .+ does the (?P<it>.+) go\?",
        r"How is the (?P<it>.+) classified\?",
        r"\w+ wants to find the (?P<it>.+) in a field guide\. Which .+\?",
    )
)
_OPTION = re.compile(r"^(\([A-Z]\)) (.+)$", re.MULTILINE)


def solve(question: str) -> Solution | None:
    """Solve a question that names one animal of the table."""
    stem, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in _OPTION.findall(tail)}
    found = next((match for known in _STEMS if (match := known.fullmatch(stem))), None)
    fact = _facts().get(found["it"]) if found else None
    if fact is None or fact.fields["group"] not in labels:
        return None
    chosen = fact.fields["group"]
    answer = labels[chosen]
    return Solution(
        rationale=f"{fact.statement} That is {chosen} {answer}.",
        answer=answer,
        knowledge=Knowledge(
            when=f"a question asks which group the {fact.subject} belongs to",
            lesson="Recall the group that the named animal belongs to, whatever it looks like.",
            facts=(fact.statement,),
        ),
    )


@cache
def _facts() -> dict[str, Fact]:
    return {fact.subject: fact for fact in table("animals")}
