"""Objects in a fixed order, told by places and comparisons (BIG-Bench Hard, three sizes)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nesy.models.solver import OPTION, Knowledge, Solution

_OPENING = re.compile(
    r"The following paragraphs each describe a set of \w+ objects arranged in a fixed order\. "
    r"The statements are logically consistent within each paragraph\. (.+?: )(.+)",
    re.DOTALL,
)
_SENTENCE = re.compile(r"(?:The )?(.+?) (?:is|are|was|were|finished) (?:the )?(.+)")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_DEAREST = "most expensive"
_Axis = tuple[tuple[str, ...], str, tuple[str, ...], str]
_AXES: tuple[_Axis, ...] = (
    (("to the left of",), "leftmost", ("to the right of",), "rightmost"),
    (("above", "ahead of", "before"), "first", ("below", "behind", "after"), "last"),
    (("older than",), "oldest", ("newer than", "younger than"), "newest"),
    (("less expensive than", "cheaper than"), "cheapest", ("more expensive than",), _DEAREST),
    (("shorter than",), "shortest", ("taller than", "longer than"), "tallest"),
    (("lighter than",), "lightest", ("heavier than",), "heaviest"),
    (("smaller than",), "smallest", ("larger than", "bigger than"), "largest"),
)
"""For each kind of order: comparatives and superlative toward place 1, and toward the last."""
_KNOWLEDGE = Knowledge(
    when="objects in a fixed order are described by places and comparisons",
    lesson=(
        "Number the places from one end, put in the known ones, then look which object can "
        "take the first or the last free place."
    ),
    facts=(
        "Counted from the other end, place k of n is place n + 1 - k.",
        "An object that comes after another unplaced one cannot take the first free place.",
        "An object that comes before another unplaced one cannot take the last free place.",
    ),
    example="Of 4 places, the second from the right is 5 - 2 = 3 from the left.",
    check="5 - 2 == 3",
)


@dataclass(frozen=True, slots=True)
class _At:
    """A statement that an object has a place; ``shown`` is the place or its computation."""

    name: str
    place: int
    shown: str


_Statement = _At | tuple[str, str]
"""A place, or a pair of which the first comes before the second."""


@dataclass(slots=True)
class _Puzzle:
    """What is known so far: which object has which place, and which comes before which."""

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    places: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        return [name for name in self.names if name not in self.places]

    @property
    def free(self) -> list[int]:
        taken = self.places.values()
        return [place for place in range(1, len(self.names) + 1) if place not in taken]

    def bar(self, name: str, place: int, first: bool) -> str | None:
        """Say which object keeps ``name`` from the first (else the last) free place."""
        for before, after in self.pairs:
            if first and after == name and self.places.get(before, place) >= place:
                return f"{name} after {before}"
            if not first and before == name and self.places.get(after, place) <= place:
                return f"{name} before {after}"
        return None


def solve(question: str) -> Solution | None:
    """Place the objects until the asked place is known; ``None`` for another wording."""
    body, found, lines = question.strip().partition("\nOptions:\n")
    opening = _OPENING.fullmatch(body)
    if not found or opening is None:
        return None
    listed, *sentences = [s for s in re.split(r"\.(?:\s+|$)", opening[2]) if s]
    full = [re.sub(r"^(?:an?|the) ", "", part) for part in re.split(r", and |, | and ", listed)]
    short = _shortened(full)
    for axis in _AXES:
        told = [_statement(sentence, short, axis) for sentence in sentences]
        options = [(label, _statement(text, short, axis)) for label, text in OPTION.findall(lines)]
        if None not in told:
            break
    statements = [item for item in told if item is not None]
    asked = [(label, item) for label, item in options if isinstance(item, _At)]
    if len(statements) != len(told) or len(asked) != len(options):
        return None
    places = {item.place for _, item in asked}
    if len(places) != 1 or len(set(short.values())) != len(full):
        return None
    steps = _deduce(tuple(short.values()), statements, asked[0][1])
    labels = {item.name: label for label, item in asked}
    if steps is None or steps[-1] not in labels:
        return None
    answer = labels[steps[-1]]
    steps[-1] = f"{places.pop()} is {steps[-1]} {answer}."
    return Solution(" ".join(steps), answer, _KNOWLEDGE)


def _deduce(names: tuple[str, ...], told: Sequence[_Statement], asked: _At) -> list[str] | None:
    """Return the steps up to the asked place; the last is the object that has it.

    The statements are restated in the order of the text: to look for those of one kind first
    is a search of its own.
    """
    puzzle = _Puzzle(names, tuple(item for item in told if isinstance(item, tuple)))
    steps = [f"Asked: {asked.shown} of {len(names)}.", f"{', '.join(map(_restated, told))}."]
    for item in told:
        if isinstance(item, tuple):
            continue
        if item.place in puzzle.places.values() or item.name in puzzle.places:
            return None
        puzzle.places[item.name] = item.place
    first, stuck = 2 * asked.place <= len(names) + 1, 0
    while asked.place in puzzle.free:
        if stuck == 0:
            steps.append(f"Free: {' '.join(map(str, puzzle.free))}.")
        name = _end(puzzle, first, steps)
        if name is None and stuck == 1:
            name, first = _squeezed(puzzle, steps), not first
            if name is None:
                return None
        if name is None:
            first, stuck = not first, stuck + 1
        else:
            stuck = 0
    steps.extend(name for name, place in puzzle.places.items() if place == asked.place)
    return steps


def _end(puzzle: _Puzzle, first: bool, steps: list[str]) -> str | None:
    """Fill the first (else the last) free place if only one object can take it."""
    place = puzzle.free[0 if first else -1]
    marks, fitting = [], []
    for name in puzzle.open:
        bar = puzzle.bar(name, place, first)
        marks.append(bar or f"{name} fits")
        if bar is None:
            fitting.append(name)
        if len(fitting) == 2:
            steps.append(f"{place}: {', '.join(marks)}, open.")
            return None
    if not fitting:
        return None
    steps.append(f"{place}: {', '.join(marks)}, so {fitting[0]} is {place}.")
    puzzle.places[fitting[0]] = place
    return fitting[0]


def _squeezed(puzzle: _Puzzle, steps: list[str]) -> str | None:
    """Place an object that is before (or after) a placed one with one free place there."""
    for before, after in puzzle.pairs:
        for name, other, word in ((before, after, "before"), (after, before, "after")):
            if name in puzzle.places or other not in puzzle.places:
                continue
            limit = puzzle.places[other]
            left = [p for p in puzzle.free if (p < limit) == (word == "before")]
            if len(left) == 1:
                told = f"{name} {word} {other}, {other} is {limit}, {word} {limit} only {left[0]}"
                steps.append(f"{told} is free, so {name} is {left[0]}.")
                puzzle.places[name] = left[0]
                return name
    return None


def _restated(item: _Statement) -> str:
    return (
        f"{item[0]} before {item[1]}" if isinstance(item, tuple) else f"{item.name} is {item.shown}"
    )


def _statement(text: str, short: Mapping[str, str], axis: _Axis) -> _Statement | None:
    """Read "The owl is to the left of the crow" as a pair, "Joe finished third" as a place."""
    match = _SENTENCE.fullmatch(text.strip(". "))
    if match is None or match[1] not in short:
        return None
    name, rest = short[match[1]], match[2]
    toward, top, away, bottom = axis
    for word in (*toward, *away):
        other = short.get(rest.removeprefix(f"{word} ").removeprefix("the "))
        if rest.startswith(f"{word} ") and other is not None and other != name:
            return (name, other) if word in toward else (other, name)
    found = _ranked(rest, top, bottom, len(short))
    return None if found is None else _At(name, *found)


def _ranked(rest: str, top: str, bottom: str, size: int) -> tuple[int, str] | None:
    """Return the place that ``rest`` names on this axis, and how it is written."""
    ordinal, _, end = rest.partition("-" if "-" in rest else " ")
    rank = _ORDINALS.index(ordinal) + 1 if ordinal in _ORDINALS else 0
    if rest == top or (rank and end in (top, f"from the {top.removesuffix('most')}")):
        return (rank or 1), str(rank or 1)
    if top == "first" and rank and not end:
        return rank, str(rank)
    if rest == bottom:
        return size, str(size)
    if rank and end in (bottom, f"from the {bottom.removesuffix('most')}", f"to-{bottom}"):
        return size + 1 - rank, f"{size + 1} - {rank} = {size + 1 - rank}"
    return None


def _shortened(names: Sequence[str]) -> dict[str, str]:
    """Map each name to itself without a last word that all share ("red book", "blue book")."""
    lasts = {name.rpartition(" ")[2] for name in names}
    if len(lasts) == 1 and all(" " in name for name in names):
        return {name: name.rpartition(" ")[0] for name in names}
    return {name: name for name in names}
