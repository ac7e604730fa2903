"""Colored things on a surface or in a row (BIG-Bench Hard reasoning_about_colored_objects)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nesy.models.solver import OPTION, Knowledge, Solution


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NUMBERS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_ARTICLES = ("a", "an")
_GENERIC = ("object", "item", "thing", "objects", "items", "things")
_SCENE = re.compile(r"(?:On|In|At|Under) the [\w ]+, (?:you see|I see|there is|there are) (.+)")
_ROW = re.compile(r".*\b(?:arranged|placed|standing|lying) in a row: (.+)")
_COLOR = re.compile(r"What color is the (.+)\?")
_IS = re.compile(r"Is the (.+) (\S+)\?")
_NEITHER = re.compile(r"How many \w+ are neither (\S+) nor (\S+)\?")
_END = re.compile(r"What is the color of the (left|right)-?most \w+\?")
_BESIDE = re.compile(r"What is the color of the \w+ directly to the (left|right) of the (.+)\?")
_FURTHEST = re.compile(r"What is the color of the \w+ (?:furthest|farthest) from the (.+)\?")
_SIDE = re.compile(r"How many non-(\S+) \w+ do you see to the (left|right) of the (.+)\?")
_REMOVE = re.compile(
    r"If I remove all the (.+) from the [\w ]+, how many (.+) remain on (?:it|the [\w ]+)\?"
)
_KNOWLEDGE = Knowledge(
    when="things of different colors lie on a surface or stand in a row",
    lesson="Go through the things in the order given, one at a time, and keep a running count.",
    facts=(
        "In a row that is told from the left, the next thing is directly to the right.",
        "The thing furthest from another one in a row is the first or the last of the row.",
        "Things, items and objects mean everything that is there.",
    ),
    example="Of a red cup, a blue pen and a red pin, 1 + 1 = 2 are red.",
    check="1 + 1 == 2",
)


@dataclass(frozen=True, slots=True)
class _Thing:
    """Some things of one kind and color, the noun as the question has it."""

    count: int
    color: str
    noun: str

    @property
    def named(self) -> str:
        return f"{self.color} {self.noun}"

    def fits(self, words: str) -> bool:
        """Whether ``words`` (a color with a noun or a word for anything, or a noun) mean it."""
        color, _, noun = words.rpartition(" ")
        if noun in _GENERIC and color in ("", self.color):
            return True
        bare = words.removeprefix(f"{self.color} ")
        return bare in (self.noun, _plural(self.noun)) or self.noun == _plural(bare)


def solve(question: str) -> Solution | None:
    """Answer one of the nine question forms; ``None`` for another wording."""
    body, found, lines = question.strip().partition("\nOptions:\n")
    scene, dot, asked = body.partition(". ")
    match = _SCENE.fullmatch(scene)
    if not found or not dot or match is None:
        return None
    row = _ROW.fullmatch(match[1])
    things = _things(row[1] if row else match[1])
    if things is None:
        return None
    steps = _row(things, asked) if row else _surface(things, asked)
    labels = {text: label for label, text in OPTION.findall(lines)}
    if steps is None or steps[-1] not in labels:
        return None
    answer = labels[steps[-1]]
    return Solution(" ".join([*steps[:-1], f"That is {steps[-1]} {answer}."]), answer, _KNOWLEDGE)


def _surface(things: Sequence[_Thing], asked: str) -> list[str] | None:
    """Return the steps for things without an order; the last is the text of the option."""
    if match := _COLOR.fullmatch(asked):
        thing = _only(things, match[1])
        return None if thing is None else [f"The {match[1]} is {thing.color}.", thing.color]
    if match := _IS.fullmatch(asked):
        thing = _only(things, match[1])
        if thing is None:
            return None
        if thing.color == match[2]:
            return [f"The {match[1]} is {thing.color}, as asked: yes.", "yes"]
        return [f"The {match[1]} is {thing.color}, not {match[2]}: no.", "no"]
    if match := _NEITHER.fullmatch(asked):
        if any(thing.count != 1 for thing in things):
            return None
        return _tally(things, (match[1], match[2]))
    if match := _REMOVE.fullmatch(asked):
        return _remaining(things, match[1], match[2])
    return None


def _row(things: Sequence[_Thing], asked: str) -> list[str] | None:
    """Return the steps for a row from left to right; the last is the text of the option."""
    if any(thing.count != 1 for thing in things):
        return None
    numbered = ", ".join(f"{place} {thing.named}" for place, thing in enumerate(things, 1))
    steps, size = [f"In order: {numbered}."], len(things)
    if match := _END.fullmatch(asked):
        place = 1 if match[1] == "left" else size
        thing = things[place - 1]
        return [*steps, f"The {match[1]}-most is {place}, the {thing.named}.", thing.color]
    if match := _BESIDE.fullmatch(asked):
        origin = _place(things, match[2])
        if origin is None:
            return None
        step, sign = (-1, "-") if match[1] == "left" else (1, "+")
        if not 1 <= origin + step <= size:
            return None
        steps.append(f"The {match[2]} is {origin}.")
        thing = things[origin + step - 1]
        steps.append(f"{origin} {sign} 1 = {origin + step} is the {thing.named}.")
        return [*steps, thing.color]
    if match := _FURTHEST.fullmatch(asked):
        origin = _place(things, match[1])
        if origin is None or origin - 1 == size - origin:
            return None
        place, word = (1, "more") if origin - 1 > size - origin else (size, "less")
        thing = things[place - 1]
        steps.append(f"The {match[1]} is {origin}.")
        steps.append(
            f"{origin} - 1 = {origin - 1} to 1 and {size} - {origin} = {size - origin} to {size}."
        )
        steps.append(
            f"{origin - 1} is {word} than {size - origin}, so it is {place}, the {thing.named}."
        )
        return [*steps, thing.color]
    if match := _SIDE.fullmatch(asked):
        origin = _place(things, match[3])
        if origin is None:
            return None
        side = things[: origin - 1] if match[2] == "left" else things[origin:]
        tally = _tally(side, (match[1],))
        return [*steps, f"The {match[3]} is {origin}.", f"To the {match[2]}:", *tally]
    return None


def _tally(things: Sequence[_Thing], skipped: Sequence[str]) -> list[str]:
    """Count the things one by one, those of a skipped color not."""
    count, marks = 0, []
    for thing in things:
        if thing.color in skipped:
            marks.append(f"{thing.color} skip")
        else:
            count += 1
            marks.append(f"{thing.color} {count}")
    return [
        f"{', '.join(marks) or 'nothing'}.",
        f"The count is {_NUMBERS[count]}.",
        _NUMBERS[count],
    ]


def _remaining(things: Sequence[_Thing], removed: str, counted: str) -> list[str] | None:
    total, steps = 0, []
    for thing in things:
        number = _NUMBERS[thing.count]
        if thing.fits(removed):
            steps.append(f"{number} {thing.named}: removed.")
        elif thing.fits(counted):
            steps.append(
                f"{number} {thing.named}: {total} + {thing.count} = {total + thing.count}."
            )
            total += thing.count
        else:
            steps.append(f"{number} {thing.named}: no.")
    if total >= len(_NUMBERS):
        return None
    return [*steps, f"{total} remain, {_NUMBERS[total]}.", _NUMBERS[total]]


def _things(text: str) -> list[_Thing] | None:
    found = []
    for part in re.split(r", and |, | and ", text):
        words = part.split(" ", 2)
        if len(words) != 3 or words[0] not in (*_ARTICLES, *_NUMBERS[1:]):
            return None
        count = 1 if words[0] in _ARTICLES else _NUMBERS.index(words[0])
        found.append(_Thing(count, words[1], words[2]))
    return found


def _place(things: Sequence[_Thing], words: str) -> int | None:
    thing = _only(things, words)
    return None if thing is None else things.index(thing) + 1


def _only(things: Sequence[_Thing], words: str) -> _Thing | None:
    fitting = [thing for thing in things if thing.fits(words)]
    return fitting[0] if len(fitting) == 1 and fitting[0].count == 1 else None


def _plural(noun: str) -> str:
    head, of, rest = noun.partition(" of ")
    if head.endswith(("s", "x", "ch", "sh")):
        head += "es"
    elif head.endswith("y") and head[-2:-1] not in "aeiou":
        head = f"{head[:-1]}ies"
    else:
        head += "s"
    return head + of + rest
