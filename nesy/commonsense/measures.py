"""Quantity, diversity and validity of triples, with intervals.

Triples of one event are alike, so intervals resample events, not triples.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nesy.commonsense.triples import Triple
from nesy.everyday import bare

_DRAWS = 10_000
_SAME = 0.5  # BLEU-2 from which on two tails say the same
_QUANTILES = (0.025, 0.975)

Judge = Callable[[Triple], bool | None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table.

    ``soft`` counts the tails of each relation that no earlier one resembles (BLEU-2 of 0.5 or
    more); ``entropy`` is that of the tails, in bits. ``valid`` is the share of the ``judged``
    triples, ``interval`` its 95 % interval over events.
    """

    triples: int
    heads: int
    tails: int
    soft: int
    entropy: float
    judged: int
    valid: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Gain:
    """Validity of the second system less that of the first, with its 95 % interval over events."""

    first: str
    second: str
    difference: float
    interval: tuple[float, float]


def measure(chosen: Sequence[Triple], judge: Judge) -> Measured:
    """Measure unique triples; a share of nothing is 0 with the interval (0, 1)."""
    counts = by_head(chosen, judge)
    judged = sum(total for _, total in counts.values())
    right = sum(valid for valid, _ in counts.values())
    tails = Counter(bare(triple.tail) for triple in chosen)
    return Measured(
        triples=len(chosen),
        heads=len({triple.head for triple in chosen}),
        tails=len(tails),
        soft=soft_uniqueness(chosen),
        entropy=_entropy(list(tails.values())),
        judged=judged,
        valid=right / judged if judged else 0.0,
        interval=_interval([counts], sorted(counts)),
    )


def gain(first: str, second: str, systems: Mapping[str, Sequence[Triple]], judge: Judge) -> Gain:
    """Compare the validity of two systems on the events that both speak of."""
    counts = [by_head(systems[name], judge) for name in (first, second)]
    heads = sorted(set(counts[0]) & set(counts[1]))
    shares = [_share([some[head] for head in heads]) for some in counts]
    return Gain(first, second, shares[1] - shares[0], _interval(counts, heads))


def by_head(chosen: Sequence[Triple], judge: Judge) -> dict[str, tuple[int, int]]:
    """Valid and judged triples of each event of which any was judged."""
    counts: dict[str, tuple[int, int]] = {}
    for triple in chosen:
        verdict = judge(triple)
        if verdict is not None:
            valid, total = counts.get(triple.head, (0, 0))
            counts[triple.head] = (valid + verdict, total + 1)
    return counts


def soft_uniqueness(chosen: Sequence[Triple]) -> int:
    """Number of tails that are unlike every earlier tail of their relation."""
    kept: dict[str, list[tuple[str, ...]]] = {}
    for relation, tail in sorted({(t.relation, bare(t.tail)) for t in chosen}):
        words = tuple(tail.split())
        others = kept.setdefault(relation, [])
        if not any(bleu2(words, other) >= _SAME for other in others):
            others.append(words)
    return sum(len(some) for some in kept.values())


def bleu2(words: Sequence[str], other: Sequence[str]) -> float:
    """BLEU of words and pairs with a brevity penalty, in [0, 1]; single words by words alone."""
    shared = Counter(words) & Counter(other)
    if not shared:
        return 0.0
    precisions = [shared.total() / len(words)]
    if len(words) > 1:
        pairs = Counter(itertools.pairwise(words))
        common = pairs & Counter(itertools.pairwise(other))
        precisions.append(common.total() / pairs.total())
    if not all(precisions):
        return 0.0
    penalty = min(1.0, math.exp(1 - len(other) / len(words)))
    return penalty * math.prod(precisions) ** (1 / len(precisions))


def kappa(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Cohen's kappa of two labellers on the same items; 1 if both give one label throughout."""
    total = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / total
    share = [sum(labels) / total for labels in (first, second)]
    chance = share[0] * share[1] + (1 - share[0]) * (1 - share[1])
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def _share(counts: Sequence[tuple[int, int]]) -> float:
    total = sum(n for _, n in counts)
    return sum(valid for valid, _ in counts) / total if total else 0.0


def _interval(
    counts: Sequence[Mapping[str, tuple[int, int]]], heads: Sequence[str]
) -> tuple[float, float]:
    """Bootstrap interval of a share, or of the difference of two, by resampling events."""
    import numpy as np

    if not heads:
        return (0.0, 1.0) if len(counts) == 1 else (-1.0, 1.0)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(heads), [1 / len(heads)] * len(heads), size=_DRAWS)
    shares = []
    for some in counts:
        table = np.array([some[head] for head in heads])
        sums = drawn @ table
        shares.append(sums[:, 0] / sums[:, 1])
    values = shares[0] if len(shares) == 1 else shares[1] - shares[0]
    low, high = np.quantile(values, _QUANTILES)
    return float(low), float(high)


def _entropy(counts: Sequence[int]) -> float:
    total = sum(counts)
    return -sum(n / total * math.log2(n / total) for n in counts) if total else 0.0
