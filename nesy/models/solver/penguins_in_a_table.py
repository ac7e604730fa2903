"""Questions about a small table of animals, edited or not (BIG-Bench Hard penguins_in_a_table)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nesy.models.solver import OPTION, Knowledge, Solution


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OPENING = re.compile(
    r"Here is a table where the first line is a header and each subsequent line is an? (\w+):\s+"
    r"(name, age, height \(cm\), weight \(kg\))((?:\s+[A-Z][\w-]*, \d+, \d+, \d+)+)\s+"
    r"For example: .+?\d(?: cm| kg)?\.\s+(.+)",
    re.DOTALL,
)
_ADDED = re.compile(
    r"We now add an? \w+ to the table:\n([A-Z][\w-]*, \d+, \d+, \d+)\n(.+)", re.DOTALL
)
_DELETED = re.compile(
    r"We then delete the \w+ named ([A-Z][\w-]*) from the table\.\n(.+)", re.DOTALL
)
_SECOND = re.compile(
    r"And here is a similar table, but listing (\w+):\nname, age, height \(cm\), weight \(kg\)\n"
    r"((?:[A-Z][\w-]*, \d+, \d+, \d+\n)+)(.+)",
    re.DOTALL,
)
_ROW = re.compile(r"([A-Z][\w-]*), (\d+), (\d+), (\d+)")
_COLUMNS = ("name", "age", "height", "weight")
_MORE = {"older": 0, "taller": 1, "heavier": 2}
_LESS = {"younger": 0, "shorter": 1, "lighter": 2}
_MOST = {"oldest": 0, "tallest": 1, "heaviest": 2}
_LEAST = {"youngest": 0, "younest": 0, "shortest": 1, "lightest": 2}
_RANKS = {"first": 1, "fist": 1, "second": 2, "third": 3, "fourth": 4}
_RANKS |= {"last": -1, "next to last": -2}
_NUMBERS = _words("zero one two three four five six seven eight nine ten")
_KNOWLEDGE = Knowledge(
    when="a table of animals with age, height and weight is given and may be changed",
    lesson="Write down the asked column row by row, then compare or add one at a time.",
    facts=(
        "An added row comes last and a deleted row no longer counts.",
        "The average is the sum divided by the number of rows.",
        "Alphabetic order compares the first letters, and the next ones when these are equal.",
    ),
    example="The ages 4, 6 and 8 add up to 4 + 6 + 8 = 18, on average 18 / 3 = 6.",
    check="(4 + 6 + 8) / 3 == 6",
)


@dataclass(frozen=True, slots=True)
class _Row:
    """An animal; ``values`` are its age in years, height in cm and weight in kg."""

    name: str
    values: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Tables:
    """The current rows by the plural of the animal, in the order of the text."""

    rows: dict[str, list[_Row]]

    def of(self, word: str) -> list[_Row] | None:
        """Rows of one species (singular or plural), of two joined by "and", or of all animals."""
        if word in ("animal", "animals", " and ".join(self.rows)):
            return [row for rows in self.rows.values() for row in rows]
        found = self.rows.get(word) or self.rows.get(f"{word}s")
        return found or None

    def named(self, name: str) -> _Row | None:
        rows = [row for rows in self.rows.values() for row in rows if row.name == name]
        return rows[0] if len(rows) == 1 else None


_Condition = tuple[int, str, int]
"""Column, ``more``, ``less`` or ``exactly``, and the limit."""


def solve(question: str) -> Solution | None:
    """Read the table with its changes and answer; ``None`` for another wording."""
    body, found, lines = question.strip().partition("\nOptions:\n")
    opening = _OPENING.fullmatch(body)
    if not found or opening is None:
        return None
    tables = _Tables({f"{opening[1]}s": _rows(opening[3])})
    asked = _changed(tables, f"{opening[1]}s", opening[4])
    labels = {text: label for label, text in OPTION.findall(lines)}
    for form, answer in _FORMS:
        match = re.fullmatch(form, asked)
        if match is None:
            continue
        steps = answer(tables, match)
        if steps is None or steps[-1] not in labels:
            return None
        label = labels[steps[-1]]
        steps[-1] = f"That is {steps[-1]} {label}."
        return Solution(" ".join(steps), label, _KNOWLEDGE)
    return None


def _changed(tables: _Tables, plural: str, rest: str) -> str:
    """Apply the additions and deletions to ``tables``; return the question that follows them."""
    while True:
        if match := _ADDED.fullmatch(rest):
            tables.rows[plural].extend(_rows(match[1]))
        elif match := _DELETED.fullmatch(rest):
            kept = [row for row in tables.rows[plural] if row.name != match[1]]
            tables.rows[plural] = kept
        elif match := _SECOND.fullmatch(rest):
            tables.rows[match[1]] = _rows(match[2])
        else:
            return rest.strip()
        rest = match[match.re.groups]


def _rows(text: str) -> list[_Row]:
    return [_Row(m[1], (int(m[2]), int(m[3]), int(m[4]))) for m in _ROW.finditer(text)]


def _extreme(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    """The oldest, second youngest, … row."""
    rows, word = tables.of(match["who"]), match["most"]
    column, most = _MOST.get(word), word in _MOST
    if column is None:
        column = _LEAST.get(word)
    if rows is None or column is None:
        return None
    rank = _RANKS.get(match["rank"] or "first", 0)
    return _ranked(rank, [(row.values[column], row.name) for row in rows], most)


def _above_all(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    rows, word = tables.of(match[1]), match[2]
    column = _MORE.get(word, _LESS.get(word))
    if rows is None or column is None:
        return None
    return _ranked(1, [(row.values[column], row.name) for row in rows], word in _MORE)


def _extreme_value(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    most, column = match[1] in ("largest", "highest", "greatest"), _COLUMNS.index(match[2]) - 1
    rows = tables.of("animals")
    if rows is None or len(tables.rows) != 1:
        return None
    steps = _ranked(1, [(row.values[column], row.name) for row in rows], most)
    winner = None if steps is None else tables.named(steps[-1])
    if steps is None or winner is None:
        return None
    return [*steps[:-1], f"{winner.name} has {winner.values[column]}.", str(winner.values[column])]


def _alphabetic(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    rows, rank = tables.of(match[2]), _RANKS.get(match[1], 0)
    if rows is None or not rank:
        return None
    return _ranked(abs(rank), [(row.name, "") for row in rows], rank < 0)


def _ranked(rank: int, keys: Sequence[tuple[int | str, str]], most: bool) -> list[str] | None:
    """Find the ``rank``-th largest (or smallest) by running comparisons, once a rank.

    A key is a number with a name, or a name alone. ``None`` if a tie leaves the answer open.
    """
    order = sorted((key for key, _ in keys), reverse=most)
    if not 1 <= rank <= len(keys) or len(set(order[: rank + 1])) != len(order[: rank + 1]):
        return None
    numeric = isinstance(keys[0][0], int)
    words = ("more than", "less than") if numeric else ("after", "before")
    steps = [f"{', '.join(f'{name} {key}'.strip() for key, name in keys)}."]
    left = list(keys)
    for turn in range(rank):
        best = left[0]
        steps.append(f"Start with {best[0]}.")
        for other in left[1:]:
            above = _larger(other[0], best[0])
            word = "equal to" if other[0] == best[0] else words[0] if above else words[1]
            told = f"{other[0]} is {word} {best[0]}"
            if other[0] != best[0] and above == most:
                best = other
                told += f": take {best[0]}"
            steps.append(f"{told}.")
        left.remove(best)
        if turn < rank - 1:
            steps.append(f"Without {best[0]}: {', '.join(str(key) for key, _ in left)}.")
    if numeric:
        steps.append(f"{best[0]} is {best[1]}.")
    return [*steps, best[1] or str(best[0])]


def _larger(one: int | str, other: int | str) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one > other
    return str(one) > str(other)


def _in_order(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    rows, rank = tables.of(match[2]), _RANKS.get(match[1], 0)
    if rows is None or not rank or abs(rank) > len(rows):
        return None
    names = ", ".join(row.name for row in rows)
    return [f"In order: {names}.", rows[rank - 1 if rank > 0 else rank].name]


def _selected(
    tables: _Tables, who: str, conditions: Sequence[_Condition]
) -> tuple[list[str], list[str]] | None:
    """Check the rows one by one; return the steps and the names that meet all conditions."""
    rows = tables.of(who)
    if rows is None or not conditions:
        return None
    steps, names = [], []
    for row in rows:
        marks = []
        for column, relation, limit in conditions:
            value = row.values[column]
            holds = {"more": value > limit, "less": value < limit}.get(relation, value == limit)
            marks.append(f"{value} {'yes' if holds else 'no'}")
            if not holds:
                break
        else:
            names.append(row.name)
            marks.append(str(len(names)))
        steps.append(f"{row.name}: {', '.join(marks)}.")
    return steps, names


def _told(conditions: Sequence[_Condition]) -> str:
    words = {"more": "more than", "less": "less than"}
    text = ", ".join(
        f"{_COLUMNS[column + 1]} {words.get(relation, relation)} {limit}"
        for column, relation, limit in conditions
    )
    return f"{text[0].upper()}{text[1:]}."


def _counted(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    """How many are more than so many years old, and weigh less than so much."""
    conditions = [(0, match[2], int(match[3]))]
    if match[4]:
        conditions.append((2, match[4], int(match[5])))
    found = _selected(tables, match[1], conditions)
    return None if found is None else [_told(conditions), *found[0], str(len(found[1]))]


def _single(tables: _Tables, who: str, conditions: Sequence[_Condition]) -> list[str] | None:
    found = _selected(tables, who, conditions)
    if found is None or len(found[1]) != 1:
        return None
    return [_told(conditions), *found[0], found[1][0]]


def _of_height(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    """The row with an exact height: "that is 70 cm tall", "the 0.6 m tall penguin"."""
    if match["unit"] == "cm" and match["value"].isdigit():
        return _single(tables, match["who"], [(1, "exactly", int(match["value"]))])
    if match["unit"] == "cm" or match["value"].count(".") > 1:
        return None
    centimetres = round(float(match["value"]) * 100)
    steps = _single(tables, match["who"], [(1, "exactly", centimetres)])
    return steps and [f"{match['value']} * 100 = {centimetres}.", *steps]


def _of_age(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    return _single(tables, match[1], [(0, "exactly", int(match[2]))])


def _compared(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    """Older than one and younger than another, or younger but taller than one."""
    first, second = match[2], match[5]
    names = [match[3] or match[6], match[6]] if second else [match[3]]
    conditions, steps = [], []
    for word, name in zip([first, second] if second else [first], names, strict=True):
        row, column = tables.named(name), _MORE.get(word, _LESS.get(word))
        if row is None or column is None:
            return None
        limit = row.values[column]
        steps.append(f"{name} has {_COLUMNS[column + 1]} {limit}.")
        conditions.append((column, "more" if word in _MORE else "less", limit))
    found = _single(tables, match[1], conditions)
    return found and [*steps, *found]


def _apart(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    """Two years younger than another."""
    row, column = tables.named(match[4]), 0
    if row is None or match[2] not in _NUMBERS:
        return None
    sign, gap = (1, "+") if match[3] == "older" else (-1, "-")
    number, value = _NUMBERS.index(match[2]), row.values[column]
    wanted = value + sign * number
    found = _single(tables, match[1], [(column, "exactly", wanted)])
    return found and [f"{row.name} has age {value}.", f"{value} {gap} {number} = {wanted}.", *found]


def _one_condition(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    return _single(tables, match[1], [(0, match[2], int(match[3]))])


def _summed(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    rows, column = tables.of(match[3]), _COLUMNS.index(match[2]) - 1
    if rows is None:
        return None
    values = [row.values[column] for row in rows]
    steps = [f"{', '.join(f'{row.name} {row.values[column]}' for row in rows)}."]
    total = values[0]
    for value in values[1:]:
        steps.append(f"{total} + {value} = {total + value}.")
        total += value
    if match[1] != "average":
        return [*steps, str(total)]
    if total % len(rows):
        return None
    return [*steps, f"{total} / {len(rows)} = {total // len(rows)}.", str(total // len(rows))]


def _value(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    row = tables.named(match[2])
    if row is None:
        return None
    value = row.values[_COLUMNS.index(match[1]) - 1]
    return [f"{row.name}: {row.values[0]}, {row.values[1]}, {row.values[2]}.", str(value)]


def _size(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    rows = tables.of(match[1])
    if rows is None:
        return None
    marks = ", ".join(f"{row.name} {number}" for number, row in enumerate(rows, 1))
    return [f"{marks}.", str(len(rows))]


def _species(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    marks = ", ".join(f"{plural} {number}" for number, plural in enumerate(tables.rows, 1))
    return [f"{marks}.", str(len(tables.rows))]


def _kind(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    plural, *others = tables.rows
    return None if others else [f"Each line of the table is one of the {plural}.", plural]


def _column(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    marks = ", ".join(f"{name} {number}" for number, name in enumerate(_COLUMNS, 1))
    wanted = match[1].removesuffix("s") if match.re.groups else None
    if wanted is None:
        return [f"{marks}.", str(len(_COLUMNS))]
    return [f"{marks}.", str(_COLUMNS.index(wanted) + 1)] if wanted in _COLUMNS else None


def _shortest_name(tables: _Tables, match: re.Match[str]) -> list[str] | None:
    rows, most = tables.of(match[1]), match[2] == "longest"
    if rows is None:
        return None
    lengths = sorted(len(row.name) for row in rows)
    if lengths[-1 if most else 0] == lengths[-2 if most else 1]:
        return None
    chosen = (max if most else min)(rows, key=lambda row: len(row.name))
    return [f"{', '.join(f'{row.name} {len(row.name)}' for row in rows)}.", chosen.name]


_NAMED = "What is the name of the"
_RELATION = "|".join([*_MORE, *_LESS])
_Answer = Callable[[_Tables, re.Match[str]], list[str] | None]
_FORMS: tuple[tuple[str, _Answer], ...] = (
    (r"Which is the (?:(?P<rank>second|third) )?(?P<most>\w+est) (?P<who>\w+)\?", _extreme),
    (rf"Which (\w+) is ({_RELATION}) than the other ones\?", _above_all),
    (
        r"What is the (largest|highest|greatest|shortest|smallest|lowest) "
        r"(age|height|weight)\?",
        _extreme_value,
    ),
    (r"What is the name of the ([\w ]+?) (\w+) sorted by alphabetic order\?", _alphabetic),
    (rf"What is the name of the ({'|'.join(_RANKS)}) (\w+)\?", _in_order),
    (
        r"How many (\w+) are (more|less) than (\d+) years old"
        r"(?: and weigh[ts]? (more|less) than (\d+) kg)?\?",
        _counted,
    ),
    (rf"{_NAMED} (?P<who>\w+) that is (?P<value>[\d.]+) (?P<unit>cm|m) tall\?", _of_height),
    (rf"{_NAMED} (?P<value>[\d.]+) (?P<unit>cm|m) tall (?P<who>\w+)\?", _of_height),
    (rf"{_NAMED} (\w+) that is (\d+) years old\?", _of_age),
    (
        rf"Which (\w+) is ({_RELATION})(?: than ([A-Z]\w*))?"
        rf"(?: (and|but) ({_RELATION}) than ([A-Z]\w*))?\?",
        _compared,
    ),
    (r"Which (\w+) is (\w+) years? (older|younger) than ([A-Z]\w*)\?", _apart),
    (r"Which (\w+) is (more|less) than (\d+) years old\?", _one_condition),
    (
        r"What is the (cumulated|total|average) (age|height|weight) of the (\w+(?: and \w+)?)\?",
        _summed,
    ),
    (r"What is the (age|height|weight) of ([A-Z]\w*)\?", _value),
    (r"How many (?!species|columns)(\w+) are (?:there|listed) in the tables?\?", _size),
    (r"How many species are (?:there|listed) in the tables?\?", _species),
    (r"What animals are listed in the table\?", _kind),
    (r"How many columns are there in the table\?", _column),
    (r"[Ww]hat is the number of the column with the (\w+) \(1, 2, 3 or 4\)\?", _column),
    (r"Which (\w+) has the (shortest|longest) name\?", _shortest_name),
)
