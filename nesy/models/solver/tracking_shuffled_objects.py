"""Holders swap objects or partners in pairs; who ends up with what (BIG-Bench Hard)."""

from __future__ import annotations

import re

from nesy.models.solver import OPTION, Knowledge, Solution

_NAME = r"[A-Z][\w'-]*"
_SWAP = re.compile(
    rf"(?:First|Then|Next|After that|Lastly|Finally), ({_NAME}) and ({_NAME}) "
    r"(?:swap|switch|trade|exchange)\b[^.]*"
)
_ASKED = re.compile(rf"At the end of [^,]+, ({_NAME}) [a-z]+(?: [a-z]+)*")
_KNOWLEDGE = Knowledge(
    when="pairs of holders swap objects, partners or positions one after another",
    lesson="Do the swaps in order and recall what both hold before each exchange.",
    facts=(
        "A swap gives each of the two what the other one has at that moment.",
        "Whoever is not named in a swap keeps what he or she has.",
    ),
)


def solve(question: str) -> Solution | None:
    """Follow the swaps one by one; ``None`` for another wording."""
    body, found, lines = question.partition("\nOptions:\n")
    start = body.split("\n")
    if not found or len(start) != 2 or " are " not in start[0] or ": " not in start[0]:
        return None
    labels = {text.strip(): label for label, text in OPTION.findall(lines)}
    people = _listed(start[0].partition(" are ")[0])
    held = _holdings(start[0].partition(": ")[2], people, list(labels))
    sentences = [s.strip() for s in re.split(r"\.(?:\s+|$)", start[1]) if s.strip()]
    if held is None or len(sentences) < 3:
        return None
    swaps = [_SWAP.fullmatch(s) for s in sentences[1:-1]]
    asked = _ASKED.fullmatch(sentences[-1])
    if asked is None or asked[1] not in held:
        return None
    short = _shortened(list(held.values()))
    steps = [f"At the start: {', '.join(f'{who} has {short[held[who]]}' for who in people)}."]
    for number, swap in enumerate(swaps, 1):
        if swap is None or swap[1] == swap[2] or not {swap[1], swap[2]} <= set(held):
            return None
        one, two = swap[1], swap[2]
        before = f"{one} has {short[held[one]]}, {two} has {short[held[two]]}"
        held[one], held[two] = held[two], held[one]
        after = f"{one} has {short[held[one]]}, {two} has {short[held[two]]}"
        steps.append(f"{number}. {one} and {two}: {before}; now {after}.")
    answer = labels[held[asked[1]]]
    steps.append(f"At the end {asked[1]} has {held[asked[1]]} {answer}.")
    return Solution(" ".join(steps), answer, _KNOWLEDGE)


def _listed(text: str) -> list[str]:
    return [part for part in re.split(r", and |, | and ", text) if part]


def _holdings(text: str, people: list[str], objects: list[str]) -> dict[str, str] | None:
    """Return who has which option's object, in the order of ``people``."""
    clauses = (rf"(?P<p{i}>{re.escape(who)} .+?)" for i, who in enumerate(people))
    pattern = ",? (?:and )?".join(clauses)
    match = re.fullmatch(pattern + r"\.", text.strip())
    if match is None or len(set(people)) != len(people):
        return None
    held: dict[str, str] = {}
    for index, who in enumerate(people):
        clause = match[f"p{index}"]
        fitting = [text for text in objects if clause.endswith(f" {text}")]
        if not fitting:
            return None
        held[who] = max(fitting, key=len)
    return held if len(set(held.values())) == len(people) else None


def _shortened(objects: list[str]) -> dict[str, str]:
    """Map each object to a shorter name: no article, no shared last word, long titles cut."""
    lasts = {text.rpartition(" ")[2] for text in objects}
    shared = len(lasts) == 1 and all(" " in text for text in objects)
    short: dict[str, str] = {}
    for text in objects:
        words = text.removeprefix("The ").split(" ")
        if shared and len(words) > 1:
            words.pop()
        short[text] = words[0] if len(words) > 2 else " ".join(words)
    return short if len(set(short.values())) == len(objects) else {text: text for text in objects}
