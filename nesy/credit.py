"""Which entries earn their place: leave one out at random, ask again, compare question by question.

Each extra answer is to a question that an entry was shown with, asked again as if that entry
were not there, so that the next one moves up. The answers are spread evenly over the entries and,
within an entry, over its questions at random; asked for all of them it is the full leave-one-out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from nesy import stats
from nesy.answer import Retrieved, answer
from nesy.kb.entry import Entry
from nesy.prompts import Prompt
from nesy.types import LM, Attempt, Question, Sampling

Verdict = Literal["helped", "harmed", "no evidence"]
LEVEL = 0.05
"""Share of wrong verdicts that is accepted among the verdicts other than ``no evidence``."""


Without = Callable[[Sequence[Question], Sequence[frozenset[str]]], Sequence[Sequence[Retrieved]]]
"""Find the entries to show with each question as if some, given by id, were not there."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What one entry did for the questions that it was shown with.

    ``shown`` counts these questions, ``asked`` those that were answered again without it,
    ``used`` those of them whose answer then was another one; ``helped`` and ``harmed`` those
    that are right only with it, or only without it. ``effect`` is (helped - harmed) / asked in
    [-1, 1] with its 95 % interval; ``p`` the exact McNemar test's, ``q`` the same corrected for
    all entries of the report (false discovery rate).
    """

    entry: str
    sha: str
    shown: int
    asked: int
    used: int
    helped: int
    harmed: int
    effect: float
    interval: tuple[float, float]
    p: float
    q: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """The credit of every entry, most harmful first.

    ``answers`` were asked for of the ``full`` ones that a full leave-one-out takes.
    """

    answers: int
    full: int
    entries: tuple[Credit, ...]


def credit(
    questions: Sequence[Question],
    attempts: Sequence[Attempt],
    entries: Mapping[str, Entry],
    lm: LM,
    prompt: Prompt,
    sampling: Sampling,
    without: Without,
    *,
    answers: int | None = None,
    seed: int = 0,
) -> Report:
    """Measure the effect of each entry on the attempts that it was shown in.

    ``attempts`` answer ``questions`` with all ``entries`` there, in the same order;
    ``answers`` is how many extra answers may be asked for, ``None`` all.

    Raises:
        ModelError: the model could not answer.
    """
    by_id = {question.id: question for question in questions}
    full = [(attempt, hit.entry) for attempt in attempts for hit in attempt.hits]
    chosen = plan(full, answers, seed)
    asked = [by_id[attempt.question] for attempt, _ in chosen]
    left_out = [frozenset({entry}) for _, entry in chosen]
    found = list(without(asked, left_out)) if asked else []
    again = answer(asked, lm, prompt, sampling, lambda _: found)
    pairs: dict[str, list[tuple[Attempt, Attempt]]] = {id_: [] for id_ in entries}
    for (attempt, entry), other in zip(chosen, again, strict=True):
        pairs[entry].append((attempt, other))
    shown = {id_: 0 for id_ in entries}
    for _, entry in full:
        shown[entry] += 1
    counted = {id_: _counts(some) for id_, some in pairs.items()}
    p = {id_: stats.mcnemar(made[1], made[2]) for id_, made in counted.items()}
    q = corrected({id_: (p[id_], made[1] + made[2]) for id_, made in counted.items()})
    made = [
        _credit(entries[id_], shown[id_], len(pairs[id_]), counted[id_], p[id_], q[id_])
        for id_ in entries
    ]
    made.sort(key=lambda one: (one.effect, -one.asked, one.entry))
    return Report(len(chosen), len(full), tuple(made))


def plan(
    full: Sequence[tuple[Attempt, str]], answers: int | None, seed: int
) -> list[tuple[Attempt, str]]:
    """Choose which (attempt, entry left out) to ask: entries take turns, questions at random."""
    if answers is None or answers >= len(full):
        return list(full)
    rng = Random(seed)
    by_entry: dict[str, list[tuple[Attempt, str]]] = {}
    for one in rng.sample(full, len(full)):
        by_entry.setdefault(one[1], []).append(one)
    turns = [
        (turn, place, one)
        for place, some in enumerate(by_entry.values())
        for turn, one in enumerate(some)
    ]
    turns.sort(key=lambda one: one[:2])
    return [one for _, _, one in turns[:answers]]


def corrected(tests: Mapping[str, tuple[float, int]]) -> dict[str, float]:
    """Return p values corrected for many tests, by name; given are (p, discordant questions).

    Benjamini and Hochberg 1995 among the tests that could come out at all: with d questions
    that differ, the exact test has no p below 2^(1-d), so most entries could never reach the
    level and are not counted (Tarone 1990, Gilbert 2005). A test that is not counted gets 1.
    """
    count = 1
    least = {name: 2.0 ** (1 - d) if d else 1.0 for name, (_, d) in tests.items()}
    while sum(low <= LEVEL / count for low in least.values()) > count:
        count += 1
    able = sorted(
        (name for name, low in least.items() if low <= LEVEL / count),
        key=lambda name: tests[name][0],
    )
    q = dict.fromkeys(tests, 1.0)
    lowest = 1.0
    for rank, name in reversed(list(enumerate(able, 1))):
        lowest = min(lowest, tests[name][0] * len(able) / rank)
        q[name] = lowest
    return q


def interval(asked: int, helped: int, harmed: int) -> tuple[float, float]:
    """Return the 95 % interval of (helped - harmed) / asked.

    Adjusted Wald for paired shares (Agresti and Min 2005): half a question is added to each of
    the four cells, which holds its level for as few as ten questions. (-1, 1) without any.
    """
    if not asked:
        return -1.0, 1.0
    total, plus, minus = asked + 2, helped + 0.5, harmed + 0.5
    middle = (plus - minus) / total
    spread = 1.96 * math.sqrt(max(0.0, plus + minus - (plus - minus) ** 2 / total)) / total
    return max(-1.0, middle - spread), min(1.0, middle + spread)


def _counts(pairs: Sequence[tuple[Attempt, Attempt]]) -> tuple[int, int, int]:
    """Return (used, helped, harmed) of (attempt with the entry, attempt without it)."""
    right = [(a.outcome == "correct", b.outcome == "correct") for a, b in pairs]
    return (
        sum(a.answer != b.answer for a, b in pairs),
        sum(a and not b for a, b in right),
        sum(b and not a for a, b in right),
    )


def _credit(
    entry: Entry, shown: int, asked: int, counted: tuple[int, int, int], p: float, q: float
) -> Credit:
    used, helped, harmed = counted
    verdict: Verdict = "no evidence"
    if q <= LEVEL:
        verdict = "helped" if helped > harmed else "harmed"
    effect = (helped - harmed) / asked if asked else 0.0
    bounds = interval(asked, helped, harmed)
    return Credit(
        entry.id, entry.sha, shown, asked, used, helped, harmed, effect, bounds, p, q, verdict
    )
