"""BIG-Bench Hard ``object_counting``: the category of each thing, and a running total."""

from __future__ import annotations

import re

from nesy.facts.things import CATEGORIES, category_of
from nesy.models.solver import Knowledge, Solution

_QUESTION = re.compile(rf"I have (.+)\. How many ({'|'.join(CATEGORIES)}) do I have\?")
_NUMBERS = ("a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTS = {word: count for count, word in enumerate(_NUMBERS, 1)} | {"an": 1, "one": 1}
_KNOWLEDGE = Knowledge(
    when="things are listed and only those of one category are to be counted",
    lesson="Go through the list, name what each thing is, and keep a total of those that belong.",
    facts=(
        "Things of another category are not counted.",
        "A number word before a thing counts it that many times; a or an counts it once.",
        "Everything that is listed is an object.",
    ),
    example="Twelve drums and thirteen harps are 12 + 13 = 25 musical instruments.",
    check="12 + 13 == 25",
)


def solve(question: str) -> Solution | None:
    """Solve one question of this wording."""
    match = _QUESTION.fullmatch(question.strip())
    if match is None:
        return None
    asked, total = match[2], 0
    steps: list[str] = []
    for thing in re.split(r", and |, | and ", match[1]):
        word, _, name = thing.partition(" ")
        category = asked if asked == "objects" else category_of(name)
        if word not in _COUNTS or category is None:
            return None
        if category == asked:
            count = _COUNTS[word]
            steps.append(f"{thing} ({category}): {total} + {count} = {total + count}.")
            total += count
        else:
            steps.append(f"{thing} ({category}): no.")
    return Solution(" ".join(steps), str(total), _KNOWLEDGE)
