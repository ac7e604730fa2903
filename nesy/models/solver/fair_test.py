"""Questions about the variables of a described experiment."""

from __future__ import annotations

import re

from nesy.models.solver import OPTION, Knowledge, Solution

_ASK = re.compile(
    r" Which (?:variable was|is (?:the|an?)) (?P<ask>[a-z ]+?)(?: variable in this investigation)?"
    r"\?$"
)
_PARTS = {
    "changed on purpose": "changed",
    "independent": "changed",
    "kept the same": "kept the same",
    "controlled": "kept the same",
    "measured": "measured",
    "dependent": "measured",
}
_SENTENCES = {
    "changed": (
        re.compile(r"The (?P<v>.+) was different for each .+"),
        re.compile(r"Each .+ had a different (?P<v>.+)"),
        re.compile(r"The (?P<v>.+) was changed from one .+ to the next"),
    ),
    "kept the same": (
        re.compile(r"The (?P<v>.+) and the (?P<w>.+) were the same for each .+"),
        re.compile(r"Each .+ had the same (?P<v>.+) and the same (?P<w>.+)"),
    ),
    "measured": (
        re.compile(r"The (?P<v>.+) was measured for each .+"),
        re.compile(r"At the end the (?P<v>.+) of each .+ was recorded"),
        re.compile(r"Every day \w+ wrote down the (?P<v>.+)"),
    ),
}
_KNOWLEDGE = Knowledge(
    when="an experiment is described and one of its variables is asked for",
    lesson="Find the sentence that says what was done with each variable.",
    facts=(
        "The independent variable is changed on purpose.",
        "The dependent variable is measured.",
        "A controlled variable is kept the same.",
    ),
)


def solve(question: str) -> Solution | None:
    """Solve a question that says which variable differs, which are kept and which is measured."""
    body, _, tail = question.partition("\nOptions:\n")
    labels = {text: label for label, text in OPTION.findall(tail)}
    asked = _ASK.search(body)
    if asked is None or asked["ask"] not in _PARTS:
        return None
    part = _PARTS[asked["ask"]]
    for sentence in body[: asked.start()].rstrip(".").split(". "):
        for pattern in _SENTENCES[part]:
            found = pattern.fullmatch(sentence)
            named = [v for v in found.groupdict().values() if v in labels] if found else []
            if len(named) == 1:
                answer = labels[named[0]]
                return Solution(
                    rationale=f"The question asks which variable was {part}. "
                    f"The text says: {sentence}. That is {named[0]} {answer}.",
                    answer=answer,
                    knowledge=_KNOWLEDGE,
                )
    return None
