"""Questions about what an instrument measures."""

from __future__ import annotations

from nesy.facts import Fact
from nesy.models.solver import recalling


def _when(fact: Fact) -> str:
    article = fact.statement.split()[0].lower()
    return f"a question asks what {article} {fact.subject} measures"


solve = recalling(
    stems=(
        r"What does an? (?P<it>.+) measure\?",
        r"Which of these is measured with an? (?P<it>.+)\?",
        r"A .+ at a .+ takes a reading with an? (?P<it>.+)\. Which quantity .+\?",
        r"\w+ finds an? (?P<it>.+) in the science room\. What can .+\?",
        r"A class is planning an investigation and borrows an? (?P<it>.+)\. What .+\?",
        r"\w+ has lost the label of an? (?P<it>.+)\. Which of these .+\?",
    ),
    table="instruments",
    field="measures",
    when=_when,
    lesson="Recall what the instrument measures, then choose the option that says it.",
)
