"""Questions that count the particles of an atom."""

from __future__ import annotations

import re
from functools import cache

from nesy.facts import Fact, table
from nesy.models.solver import Knowledge, Solution

_SAME = (
    re.compile(r"How many protons are in the nucleus of an atom of (?P<it>\w+)\?"),
    re.compile(r"\w+ builds a model of an atom of (?P<it>\w+)\. How many protons .+\?"),
    re.compile(r"How many electrons does a neutral atom of (?P<it>\w+) have\?"),
)
_NEUTRONS = re.compile(
    r"(?:An|\w+ draws the nucleus of an) atom of (?P<it>\w+) (?:has|with) a mass number of "
    r"(?P<other>\d+)\. How many neutrons .+\?"
)
_CHARGED = re.compile(
    r"A neutral atom of (?P<it>\w+) (?P<what>loses|gains) (?P<other>\d+) electrons?\. .+\?"
)
_MORE = re.compile(
    r"A nucleus has (?P<other>\d+) protons?\. "
    r"How many more protons has the nucleus of an atom of (?P<it>\w+)\?"
)
_OPTION = re.compile(r"^(\([A-Z]\)) (\d+)$", re.MULTILINE)


def solve(question: str) -> Solution | None:
    """Solve a question that names one element of the table."""
    stem, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in _OPTION.findall(tail)}
    patterns = (*_SAME, _NEUTRONS, _CHARGED, _MORE)
    found = next((match for known in patterns if (match := known.fullmatch(stem))), None)
    fact = _facts().get(found["it"]) if found else None
    if found is None or fact is None:
        return None
    number = fact.fields["number"]
    steps, count = _steps(found, number)
    if str(count) not in labels:
        return None
    answer = labels[str(count)]
    return Solution(
        rationale=f"{fact.statement} {steps} That is {count} {answer}.",
        answer=answer,
        knowledge=Knowledge(
            when=f"a question counts the particles of an atom of {fact.subject}",
            lesson="Start from the atomic number, which is the number of protons.",
            facts=(fact.statement,),
        ),
    )


def _steps(found: re.Match[str], number: int) -> tuple[str, int]:
    if found.re in _SAME:
        kind = "electrons" if found.re is _SAME[2] else "protons"
        return f"So there are {number} {kind}.", number
    other = int(found["other"])
    if found.re is _NEUTRONS:
        return f"The neutrons are {other} - {number} = {other - number}.", other - number
    if found.re is _MORE:
        return f"The difference is {number} - {other} = {number - other}.", number - other
    sign, count = ("-", number - other) if found["what"] == "loses" else ("+", number + other)
    return f"The electrons are {number} {sign} {other} = {count}.", count


@cache
def _facts() -> dict[str, Fact]:
    return {fact.subject: fact for fact in table("elements")}
