"""Statistics of right and wrong: intervals, paired tests, what a sample can tell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from nesy.errors import InputError
from nesy.types import Attempt, Outcome

Rule = Literal["lenient", "strict"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "wrong", "unparsed", "truncated")
_DRAWS = 10_000  # bootstrap resamples: an interval's ends move by < 0.1 points between seeds


@dataclass(frozen=True, slots=True)
class Figures:
    """Outcomes of some questions under one rule.

    ``accuracy`` is correct / questions in [0, 1], ``interval`` Wilson's at 95 %.
    """

    questions: int
    outcomes: Mapping[Outcome, int]
    accuracy: float
    interval: tuple[float, float]

    @property
    def error(self) -> float:
        """Standard error of the accuracy."""
        share = self.accuracy
        return math.sqrt(share * (1 - share) / max(1, self.questions - 1))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems on the same questions.

    ``wins`` and ``losses`` count the questions that only the second, or only the first,
    answers right; ``difference`` is second minus first in [-1, 1], ``interval`` its paired
    bootstrap interval at 95 %, ``p`` the exact McNemar test's, ``smallest`` the difference that
    this many questions show with 80 % power.
    """

    questions: int
    both: int
    wins: int
    losses: int
    difference: float
    interval: tuple[float, float]
    p: float
    smallest: float


def outcome(attempt: Attempt, rule: Rule) -> Outcome:
    """Return an attempt's outcome under a rule."""
    return attempt.outcome if rule == "lenient" else attempt.outcome_strict


def figures(attempts: Sequence[Attempt], rule: Rule = "lenient") -> Figures:
    """Count outcomes; an empty sequence has accuracy 0 and the interval (0, 1)."""
    counts = Counter(outcome(attempt, rule) for attempt in attempts)
    correct, total = counts["correct"], len(attempts)
    return Figures(
        questions=total,
        outcomes={name: counts[name] for name in OUTCOMES},
        accuracy=correct / total if total else 0.0,
        interval=wilson(correct, total),
    )


def by_task(attempts: Sequence[Attempt], rule: Rule = "lenient") -> dict[str, Figures]:
    """Return the figures of each task, tasks in alphabetical order."""
    tasks = sorted({attempt.task for attempt in attempts})
    return {task: figures([a for a in attempts if a.task == task], rule) for task in tasks}


def wilson(correct: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    from scipy.stats import binomtest

    if total == 0:
        return 0.0, 1.0
    interval = binomtest(correct, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(wins: int, losses: int) -> float:
    """Return the two-sided p value of the exact McNemar test."""
    from scipy.stats import binomtest

    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses, 0.5).pvalue)


def bootstrap(total: int, wins: int, losses: int, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the paired difference by resampling questions.

    A resample of questions that each add +1, -1 or 0 is a draw from a multinomial, so it is
    drawn as one.
    """
    import numpy as np

    if total == 0:
        return -1.0, 1.0
    rng = np.random.default_rng(seed)
    shares = [wins / total, losses / total, (total - wins - losses) / total]
    drawn = rng.multinomial(total, shares, size=_DRAWS)
    differences = (drawn[:, 0] - drawn[:, 1]) / total
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def sign_flips(differences: Sequence[int]) -> float:
    """Return the two-sided p value of the exact sign-flip test of whole differences.

    It is the probability that a sum at least as far from 0 comes about when each difference has
    either sign with equal chance. With differences of +1, -1 and 0 it is the McNemar test.
    """
    import numpy as np

    sizes = [abs(one) for one in differences if one]
    total = sum(sizes)
    chances = np.zeros(2 * total + 1)
    chances[total] = 1.0
    for size in sizes:  # the sums are at places total + sum; no chance ever leaves the array
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    seen = abs(sum(differences))
    places = np.abs(np.arange(-total, total + 1))
    return min(1.0, float(chances[places >= seen].sum()))


def mean_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean; values that are equal are drawn together."""
    import numpy as np

    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(np.asarray(values, float), return_counts=True)
    drawn = rng.multinomial(len(values), counts / len(values), size=_DRAWS)
    low, high = np.quantile(drawn @ distinct / len(values), [0.025, 0.975])
    return float(low), float(high)


def smallest_difference(
    total: int, discordant: float, power: float = 0.8, level: float = 0.05
) -> float:
    """Return the difference that a paired test on ``total`` questions shows with ``power``.

    ``discordant`` is the share of questions that exactly one system answers right. Normal
    approximation to McNemar's test (Connor 1987, Biometrics 43:207); at most 1.
    """
    from scipy.stats import norm

    if total == 0:
        return 1.0
    share = max(discordant, 1 / total)
    z_level, z_power = norm.ppf(1 - level / 2), norm.ppf(power)
    low, high = 0.0, 1.0
    for _ in range(60):  # the power grows with the difference
        middle = (low + high) / 2
        spread = max(share, middle)
        noise = z_level * math.sqrt(spread) + z_power * math.sqrt(max(0.0, spread - middle**2))
        low, high = (low, middle) if middle * math.sqrt(total) >= noise else (middle, high)
    return high


def pair(first: Sequence[bool], second: Sequence[bool]) -> Pair:
    """Compare two systems by which of the same questions they answer right."""
    both = sum(a and b for a, b in zip(first, second, strict=True))
    wins = sum(b and not a for a, b in zip(first, second, strict=True))
    losses = sum(a and not b for a, b in zip(first, second, strict=True))
    total = len(first)
    return Pair(
        questions=total,
        both=both,
        wins=wins,
        losses=losses,
        difference=(wins - losses) / total if total else 0.0,
        interval=bootstrap(total, wins, losses),
        p=mcnemar(wins, losses),
        smallest=smallest_difference(total, (wins + losses) / total if total else 0.0),
    )


def holm(values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True, slots=True)
class Test:
    """A paired test between two cells; ``p_holm`` is corrected for all tests of the ablation."""

    first: str
    second: str
    pair: Pair
    p_holm: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """Cells side by side: figures by cell and by group of questions, and the paired tests.

    ``prompt_tokens`` are those of a question, on average.
    """

    cells: Mapping[str, Figures]
    prompt_tokens: Mapping[str, float]
    groups: Mapping[str, Mapping[str, Figures]]
    tests: tuple[Test, ...]


def ablation(
    cells: Mapping[str, Sequence[Attempt]],
    by_group: Mapping[str, frozenset[str]] | None = None,
    rule: Rule = "lenient",
) -> Ablation:
    """Compare cells on the questions that all of them answered.

    Each cell is tested against the first one and against the one before it.

    Raises:
        InputError: the cells have no question in common.
    """
    right = {
        name: {a.question: outcome(a, rule) == "correct" for a in attempts}
        for name, attempts in cells.items()
    }
    shared = sorted(set.intersection(*(set(answered) for answered in right.values())))
    if not shared:
        raise InputError("the cells have no question in common, so they can't be compared")
    in_all = set(shared)
    kept = {name: [a for a in attempts if a.question in in_all] for name, attempts in cells.items()}
    names = list(cells)
    pairs = dict.fromkeys((names[j], names[i]) for i in range(1, len(names)) for j in (0, i - 1))
    compared = []
    for first, second in pairs:
        sides = [[right[name][question] for question in shared] for name in (first, second)]
        compared.append((first, second, pair(sides[0], sides[1])))
    adjusted = holm([made.p for _, _, made in compared])
    return Ablation(
        cells={name: figures(attempts, rule) for name, attempts in kept.items()},
        prompt_tokens={
            name: fmean(a.completion.prompt_tokens for a in attempts)
            for name, attempts in kept.items()
        },
        groups={
            group: {
                name: figures([a for a in attempts if a.question in ids], rule)
                for name, attempts in kept.items()
            }
            for group, ids in (by_group or {}).items()
        },
        tests=tuple(
            Test(first, second, made, p)
            for (first, second, made), p in zip(compared, adjusted, strict=True)
        ),
    )
