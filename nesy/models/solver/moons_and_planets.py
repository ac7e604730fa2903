"""Questions about the body that a moon orbits or that a feature is on."""

from __future__ import annotations

from nesy.facts import Fact
from nesy.models.solver import recalling


def _when(fact: Fact) -> str:
    if fact.fields["kind"] == "moon":
        return f"a question asks which body the moon {fact.subject} orbits"
    return f"a question asks on which body {fact.statement.partition(' is ')[0]} is found"


solve = recalling(
    stems=(
        r"Which body does the moon (?P<it>.+) orbit\?",
        r"A probe is sent to photograph the moon (?P<it>.+)\. Which .+\?",
        r"\w+ sees the moon (?P<it>.+) through the telescope of a .+\. Around which .+\?",
        r"A model in a .+ shows the moon (?P<it>.+) moving around .+",
        r"\w+ is labelling a chart .+ belongs the moon (?P<it>.+)\?",
        r"On which body of the solar system is (?:the )?(?P<it>.+) found\?",
        r"A probe is sent to photograph (?:the )?(?P<it>.+)\. Where must it go\?",
        r"\w+ sees a picture of (?:the )?(?P<it>.+) in a .+\. On which .+\?",
        r"A poster in a .+ shows a map of (?:the )?(?P<it>.+)\. Which .+\?",
    ),
    table="solar_system",
    field="body",
    when=_when,
    lesson="Recall which body the moon or feature belongs to, then choose that option.",
)
