"""Find test questions in what is trained on or retrieved.

A text is compared with every test question in six ways. What test questions share with one
another is their template and says nothing: word runs that stand in several of them are not
counted, and a paraphrase must be closer to its question than the other test questions are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nesy import stats
from nesy.kb.entry import Entry
from nesy.progress import Advance
from nesy.stats import Figures, Rule
from nesy.types import Attempt, Encoder, Question

if TYPE_CHECKING:
    import numpy as np

How = Literal[
    "exact", "8-gram", "numbers changed", "same numbers and answer", "same numbers", "paraphrase"
]

# Thresholds are set on GSM8K: of 7,473 training questions at most 1 % may be flagged.
_RUN = 8  # words
_COPIED = 0.2  # share of a question's own 8-grams that a text holds
_MASKED = 0.3  # the same with all numbers made equal
_CLOSE = 0.83  # cosine of a paraphrase
_NEAR = 0.68  # cosine that, with the same numbers, makes a paraphrase
_ALIKE = 0.6  # the same, with the same answer too
_CLOSER = 0.02  # by how much a paraphrase is closer than the other test questions
_OWN_RUNS = 3  # fewer runs of its own and a question can't be told by them
_OWN_NUMBERS = 3  # fewer different numbers are nobody's own; with the same answer one less
_CHUNK = 1024  # texts compared at once; bounds the memory

_WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*")
_NUMBER_WORDS = frozenset(
    [
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        *("eleven", "twelve", "fifteen", "twenty", "thirty", "forty", "fifty", "hundred"),
        *("thousand", "half", "twice", "double", "triple", "third", "quarter"),
    ]
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A test question found in a text.

    ``source`` names the text (an entry, a training question), ``text`` is the part that
    matched, ``score`` a share or a cosine in [0, 1].
    """

    question: str
    source: str
    how: How
    score: float
    text: str


def overlaps(
    texts: Mapping[str, Sequence[str]],
    questions: Sequence[Question],
    encoder: Encoder | None = None,
    answers: Mapping[str, str | None] | None = None,
    advance: Advance | None = None,
) -> list[Overlap]:
    """Find test questions in texts, the strongest match of each (source, question).

    ``texts`` maps a source to its parts, each of which is compared alone; ``answers`` gives the
    answer that a source leads to, by default the last number of a part. Without an encoder only
    what is found by words is found. ``advance`` is told how many parts are compared.
    """
    parts = [(source, part) for source, some in texts.items() for part in some if part.strip()]
    found: dict[tuple[str, str], Overlap] = {}
    by_meaning = _by_meaning(parts, questions, encoder, answers or {}, advance)
    for overlap in (*_by_words(parts, questions), *by_meaning):
        found.setdefault((overlap.source, overlap.question), overlap)
    return list(found.values())


def entry_parts(entry: Entry) -> list[str]:
    """Return the parts of an entry that a test question could hide in.

    The last is all of it but its example, as retrieval embeds it too.
    """
    some = [entry.when, entry.lesson, *entry.facts, entry.example]
    return list(dict.fromkeys([*filter(None, some), entry.key("all")]))


def without(
    attempts: Sequence[Attempt], found: Sequence[Overlap], rule: Rule = "lenient"
) -> tuple[Figures, Figures]:
    """Return the figures over all attempts, and without the questions that were found."""
    leaked = {overlap.question for overlap in found}
    clean = [attempt for attempt in attempts if attempt.question not in leaked]
    return stats.figures(attempts, rule), stats.figures(clean, rule)


def _by_words(parts: Sequence[tuple[str, str]], questions: Sequence[Question]) -> Iterator[Overlap]:
    stems = [_stem(question) for question in questions]
    whole = {tuple(_words(stem)): i for i, stem in enumerate(stems)}
    lengths = sorted({len(words) for words in whole if words})
    plain, masked = _Runs([_words(stem) for stem in stems]), _Runs([_masked(s) for s in stems])
    for source, part in parts:
        words = _words(part)
        for length in lengths:
            for start in range(len(words) - length + 1):
                index = whole.get(tuple(words[start : start + length]))
                if index is not None and length > 2:
                    yield Overlap(questions[index].id, source, "exact", 1.0, part)
        for index, share in plain.shares(words):
            if share >= _COPIED:
                yield Overlap(questions[index].id, source, "8-gram", share, part)
        for index, share in masked.shares(_masked(part)):
            if share >= _MASKED:
                yield Overlap(questions[index].id, source, "numbers changed", share, part)


class _Runs:
    """The runs of eight words that stand in exactly one question."""

    def __init__(self, questions: Sequence[Sequence[str]]) -> None:
        runs = [_runs(words) for words in questions]
        seen = Counter(run for some in runs for run in some)
        self._owner = {run: i for i, some in enumerate(runs) for run in some if seen[run] == 1}
        self._own = Counter(self._owner.values())

    def shares(self, words: Sequence[str]) -> Iterator[tuple[int, float]]:
        """Yield, for each question with runs of its own in the text, the share of them."""
        held = Counter(self._owner[run] for run in _runs(words) if run in self._owner)
        for index, count in held.items():
            if self._own[index] >= _OWN_RUNS:
                yield index, count / self._own[index]


def _by_meaning(
    parts: Sequence[tuple[str, str]],
    questions: Sequence[Question],
    encoder: Encoder | None,
    answers: Mapping[str, str | None],
    advance: Advance | None,
) -> Iterator[Overlap]:
    import numpy as np

    if encoder is None or not parts or not questions:
        return
    asked = encoder.encode([_stem(question) for question in questions])
    closest = _closest(asked)
    floor = np.maximum(_CLOSE, closest + _CLOSER)
    near = np.maximum(_NEAR, closest + _CLOSER)
    alike = np.maximum(_ALIKE, closest + _CLOSER)
    numbers = [_numbers(question.text) for question in questions]
    for first in range(0, len(parts), _CHUNK):
        some = parts[first : first + _CHUNK]
        scores = encoder.encode([part for _, part in some]) @ asked.T
        if advance is not None:
            advance(first + len(some))
        for row, index in zip(*np.nonzero(scores >= alike), strict=True):
            source, part = some[row]
            question, score = questions[index], float(scores[row, index])
            own = numbers[index]
            target = _answer(question.target)
            answered = target is not None and target == _answer(answers.get(source, part) or "")
            same = own <= _numbers(part) | _numbers(question.target)
            if same and answered and len(own) >= _OWN_NUMBERS - 1:
                yield Overlap(question.id, source, "same numbers and answer", score, part)
            elif same and len(own) >= _OWN_NUMBERS and score >= near[index]:
                yield Overlap(question.id, source, "same numbers", score, part)
            elif score >= floor[index]:
                yield Overlap(question.id, source, "paraphrase", score, part)


def _closest(asked: np.ndarray) -> np.ndarray:
    """Return each question's cosine with the nearest other question."""
    import numpy as np

    closest = np.full(len(asked), -1.0, dtype=np.float32)
    for first in range(0, len(asked), _CHUNK):
        scores = asked[first : first + _CHUNK] @ asked.T
        scores[np.arange(len(scores)), np.arange(first, first + len(scores))] = -1.0
        closest[first : first + _CHUNK] = scores.max(axis=1)
    return closest


def _stem(question: Question) -> str:
    return question.text.partition("\nOptions:\n")[0]


def _words(text: str) -> list[str]:
    return [word.replace(",", "") for word in _WORD.findall(text.lower())]


def _masked(text: str) -> list[str]:
    return ["#" if word[0].isdigit() or word in _NUMBER_WORDS else word for word in _words(text)]


def _runs(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1))


def _answer(text: str) -> str | None:
    """Return the last number of a text; a target that has none is none of these."""
    return next((word for word in reversed(_words(text)) if word[0].isdigit()), None)


def _numbers(text: str) -> frozenset[str]:
    return frozenset(word for word in _words(text) if word[0].isdigit())
