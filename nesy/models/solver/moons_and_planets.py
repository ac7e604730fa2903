"""Questions about the body that a moon orbits or that a feature is on."""

from __future__ import annotations

import re
from functools import cache

from nesy.facts import Fact, table
from nesy.models.solver import Knowledge, Solution

_STEMS = tuple(
    re.compile(stem)
    for stem in (
        r"Which body does the moon (?P<it>.+) orbit\?",
        r"A probe is sent to photograph the moon (?P<it>.+)\. Which .+\?",
        r"\w+ sees the moon (?P<it>.+) through the telescope of a .+\. Around which .+\?",
        r"A model in a .+ shows the moon (?P<it>.+) moving around .+",
        r"\w+ is labelling a chart .+ belongs the moon (?P<it>.+)\?",
        r"On which body of the solar system is (?:the )?(?P<it>.+) found\?",
        r"A probe is sent to photograph (?:the )?(?P<it>.+)\. Where must it go\?",
        r"\w+ sees a picture of (?:the )?(?P<it>.+) in a .+\. On which .+\?",
        r"A poster in a .+ shows a map of (?:the )?(?P<it>.+)\. Which .+\?",
    )
)
_OPTION = re.compile(r"^(\([A-Z]\)) (.+)$", re.MULTILINE)


def solve(question: str) -> Solution | None:
    """Solve a question that names one moon or feature of the table."""
    stem, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in _OPTION.findall(tail)}
    found = next((match for known in _STEMS if (match := known.fullmatch(stem))), None)
    fact = _facts().get(found["it"]) if found else None
    if fact is None or fact.fields["body"] not in labels:
        return None
    chosen = fact.fields["body"]
    answer = labels[chosen]
    return Solution(
        rationale=f"{fact.statement} That is {chosen} {answer}.",
        answer=answer,
        knowledge=Knowledge(
            when=_when(fact),
            lesson="Recall which body the moon or feature belongs to, then choose that option.",
            facts=(fact.statement,),
        ),
    )


@cache
def _facts() -> dict[str, Fact]:
    return {fact.subject: fact for fact in table("solar_system")}


def _when(fact: Fact) -> str:
    if fact.fields["kind"] == "moon":
        return f"a question asks which body the moon {fact.subject} orbits"
    return f"a question asks on which body {fact.statement.partition(' is ')[0]} is found"
