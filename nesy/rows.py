"""Rows of a training: examples as token ids, what is learned of them, how they are batched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from nesy import pretrained
from nesy.errors import TrainingError
from nesy.pretrained import Tokens
from nesy.types import Example

_POOL = 8  # passes whose examples are sorted by length together; more would unmix the batches


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a training would learn from, counted before it starts.

    ``truncated`` and ``untrained`` are shares of the examples, 0 to 1: longer than
    ``max_length``, and left without a single trained token. ``shown`` is one example as the
    model sees it, the trained part between ⟦ and ⟧.
    """

    examples: int
    tokens: int
    target_tokens: int
    truncated: float
    untrained: float
    shown: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Examples ready for the model: token ids, where the target starts, and its weight.

    A negative weight makes the target one that the model shall not write. What it shares, from
    its first token on, with the right target of the same prompt is not held against it.
    """

    ids: list[list[int]]
    starts: list[int]
    weights: list[float]

    @classmethod
    def cut(cls, tokens: Sequence[Tokens], examples: Sequence[Example], longest: int) -> Rows:
        """Leave out what has no trained token within ``longest`` tokens."""
        found = cls([], [], [])
        right = {
            tuple(piece.prompt): piece.target
            for piece, example in zip(tokens, examples, strict=True)
            if example.weight > 0
        }
        for piece, example in zip(tokens, examples, strict=True):
            start = len(piece.prompt)
            if example.weight < 0:
                start += _shared(piece.target, right.get(tuple(piece.prompt), []))
            ids = (piece.prompt + piece.target)[:longest]
            if start < len(ids):
                found.ids.append(ids)
                found.starts.append(start)
                found.weights.append(example.weight)
        return found


@dataclass(frozen=True, slots=True)
class Batching:
    """How rows become steps; see ``train.Settings``, whose names these are."""

    epochs: float
    batch_size: int | None
    batch_tokens: int
    accumulate: int
    seed: int


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two rows share from the first one on."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


def tokenize(tokenizer: Any, examples: Sequence[Example]) -> list[Tokens]:
    """Token ids of the examples; one without weight is like one without a target."""
    pairs = [(e.messages, e.target if e.weight else "") for e in examples]
    return pretrained.example_ids(tokenizer, pairs)


def trained(tokens: Sequence[Tokens], longest: int) -> list[int]:
    """Return how many tokens of each row are learned when it is cut to ``longest``."""
    return [max(0, min(len(t.prompt) + len(t.target), longest) - len(t.prompt)) for t in tokens]


def inspect(tokenizer: Any, tokens: Sequence[Tokens], longest: int) -> Preflight:
    if not tokens:
        raise TrainingError("there are no examples to train on; were all rationales dropped?")
    sizes = [(len(t.prompt), len(t.target)) for t in tokens]
    counts = trained(tokens, longest)
    untrained = sum(count == 0 for count in counts) / len(tokens)
    truncated = sum(p + t > longest for p, t in sizes) / len(tokens)
    if not any(counts):
        raise TrainingError(
            f"none of the {len(tokens)} examples has a token to learn ({truncated:.0%} are longer "
            f"than train.max_length = {longest}); raise it or look at the prompt's target"
        )
    shown = next(t for t, count in zip(tokens, counts, strict=True) if count)
    target = shown.target[: longest - len(shown.prompt)]
    return Preflight(
        examples=len(tokens),
        tokens=sum(min(p + t, longest) for p, t in sizes),
        target_tokens=sum(counts),
        truncated=truncated,
        untrained=untrained,
        shown=f"{tokenizer.decode(shown.prompt)}⟦{tokenizer.decode(target)}⟧",
    )


def plan(lengths: Sequence[int], batching: Batching) -> Iterator[list[list[int]]]:
    """Yield the steps of the whole training; a step is a list of passes of example numbers."""
    left = batching.epochs
    epoch = 0
    while left > 0:
        order = list(range(len(lengths)))
        Random(f"{batching.seed}/{epoch}").shuffle(order)
        steps = list(_epoch(order, lengths, batching, Random(f"{batching.seed}/{epoch}/passes")))
        yield from steps[: math.ceil(len(steps) * min(1.0, left))]
        left -= 1
        epoch += 1


def turns(
    steps: Iterable[list[list[int]]], count: int, meet: int, lengths: Sequence[int]
) -> list[list[list[list[int]]]]:
    """Put steps together to turns of ``count``, one for each copy of a training.

    After every ``meet`` turns the copies wait for each other, so until then all have about as
    much to read. The last turn is filled up with its last step.
    """
    every = list(steps)
    if count == 1:
        return [[step] for step in every]
    found = []
    for first in range(0, len(every), count * meet):
        block = every[first : first + count * meet]
        block.sort(key=lambda step: -sum(len(one) * max(lengths[i] for i in one) for one in step))
        for turn in range(0, len(block), count):
            dealt = block[turn : turn + count]
            dealt += dealt[-1:] * (count - len(dealt))
            found.append(dealt[::-1] if turn // count % 2 else dealt)
    return found


def dealt(
    step: Sequence[Sequence[int]], lengths: Sequence[int], tokens: int, count: int
) -> list[list[list[int]]]:
    """Deal the examples of a step out to ``count`` processes; each gets a list of passes.

    Longest first and back again, so that all have about as much to read.
    """
    order = sorted((i for one_pass in step for i in one_pass), key=lambda i: (-lengths[i], i))
    shares: list[list[int]] = [[] for _ in range(count)]
    for place, i in enumerate(order):
        turn, seat = divmod(place, count)
        shares[count - 1 - seat if turn % 2 else seat].append(i)
    return [_passes(share, lengths, tokens) for share in shares]


def _epoch(
    order: list[int], lengths: Sequence[int], batching: Batching, rng: Random
) -> Iterator[list[list[int]]]:
    if batching.batch_size is not None:
        for start in range(0, len(order), batching.batch_size):
            step = order[start : start + batching.batch_size]
            yield _passes(step, lengths, batching.batch_tokens)
        return
    mean = sum(lengths) / len(lengths)
    pool = max(1, round(_POOL * batching.batch_tokens / mean))
    passes: list[list[int]] = []
    for start in range(0, len(order), pool):
        found = _passes(order[start : start + pool], lengths, batching.batch_tokens)
        rng.shuffle(found)
        passes += found
    for start in range(0, len(passes), batching.accumulate):
        yield passes[start : start + batching.accumulate]


def _passes(chosen: list[int], lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Split into passes of at most ``tokens`` tokens when padded to their longest row."""
    passes: list[list[int]] = []
    for i in sorted(chosen, key=lambda i: -lengths[i]):
        if passes and lengths[passes[-1][0]] * (len(passes[-1]) + 1) <= tokens:
            passes[-1].append(i)
        else:
            passes.append([i])
    return passes
