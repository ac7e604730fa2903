"""A critic: a small encoder that reads two texts and says how likely the second is valid.

One critic serves triples (event; sentence), entries (when it applies; what it says) and
rationales (question; solution). It is trained on labelled pairs, stops early by precision at
80 % recall, is calibrated and given its thresholds on a validation set, and measured on a test
set that neither has seen (West et al., arXiv 2110.07178, §3).

It reads the texts together, as a cross-encoder made of an encoder's lower layers
(``nesy.network``).
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from nesy import picture, pretrained
from nesy.errors import InputError, ModelError, TrainingError
from nesy.kb import encoder
from nesy.kb.entry import Entry
from nesy.network import Network, Texts
from nesy.runs import from_json, to_json

REPORT = "critic.json"
RECALLS = (0.5, 0.8)
_EARLY = 0.8  # recall whose precision decides when to stop
_POOL = 8  # batches whose pairs are sorted by length together
_BINS = 10
_DECAY = 0.01  # of the weights


@dataclass(frozen=True, slots=True)
class Pair:
    """What a critic reads: ``context`` is taken as given, ``claim`` is judged."""

    context: str
    claim: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A pair and whether its claim is valid; pairs of one ``group`` are never split apart."""

    pair: Pair
    valid: bool
    group: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a critic is trained: ``epochs`` at most, ``max_length`` tokens of what is read at once.

    ``layers`` of the encoder are kept, the lowest (``None``: all). The head, which starts from
    nothing, is first trained alone, ``head_epochs`` at ``head_rate``, so that it does not undo
    what the encoder knows (Kumar et al., arXiv 2202.10054); then all is, at ``learning_rate``.
    That stops after ``patience`` epochs without a rise of precision at 80 % recall (or, at the
    same precision, a better fit).
    """

    model: str = encoder.DEFAULT
    layers: int | None = 2
    learning_rate: float = 3e-4
    head_rate: float = 1e-3
    head_epochs: int = 20
    epochs: int = 6
    patience: int = 2
    batch_size: int = 32
    max_length: int = 64
    warmup: float = 0.1
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Quality:
    """How well scores tell valid from invalid pairs.

    ``precision`` by recall (``"0.5"``) is that of the highest threshold that reaches the
    recall on these pairs; ``error`` the expected calibration error over ten bins.
    """

    pairs: int
    valid: float
    auc: float
    precision: Mapping[str, float]
    error: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What a threshold chosen on validation does on the test pairs; shares in [0, 1]."""

    threshold: float
    kept: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Report:
    """What ``critic.json`` holds.

    ``slope`` and ``shift`` turn a logit into a probability; ``thresholds`` are probabilities by
    target recall; ``curve`` the points (recall, precision) of the test set; ``bins`` its mean
    probability, share of valid pairs and number of pairs by tenth of the probability.
    """

    key: str
    model: str
    max_length: int
    slope: float
    shift: float
    thresholds: Mapping[str, float]
    best_epoch: int
    seconds: float
    validation: Quality
    test: Quality
    at: Mapping[str, Kept]
    curve: tuple[tuple[float, float], ...]
    bins: tuple[tuple[float, float, int], ...]


class Critic:
    """A trained critic."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        """Load it.

        Raises:
            ModelError: the folder holds no critic.
        """
        self.folder = folder
        self.report = read_report(folder)
        device = pretrained.device_of(device)
        self._network = Network(str(folder), self.report.max_length, device)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides its scores."""
        shown = to_json(self.report).encode()
        return hashlib.sha256(pretrained.fingerprint(str(self.folder)).encode() + shown).hexdigest()

    def score(
        self, pairs: Sequence[Pair], on_progress: Callable[[int], None] | None = None
    ) -> list[float]:
        """Probability that each claim is valid."""
        logits = self._network.logits(_texts(pairs), on_progress)
        return [_probability(self.report.slope * x + self.report.shift) for x in logits]

    def threshold(self, recall: float) -> float:
        """The probability from which on that share of the valid claims is kept.

        Raises:
            InputError: it was not chosen for that recall.
        """
        found = self.report.thresholds.get(str(recall))
        if found is None:
            known = ", ".join(self.report.thresholds)
            raise InputError(f"{self.folder}: thresholds were chosen for recall {known} only")
        return found


def of_entry(entry: Entry) -> Pair:
    """What a critic reads of an entry: when it applies, and what it says."""
    said = [entry.lesson, *entry.facts] if entry.lesson else entry.facts
    return Pair(entry.when, "\n".join(said))


def read_report(folder: Path) -> Report:
    """Read what a training wrote about a critic.

    Raises:
        ModelError: the folder holds no critic.
    """
    path = folder / REPORT
    if not path.is_file():
        raise ModelError(f"{folder}: no {REPORT} there, so it is no critic")
    return from_json(Report, path.read_text("utf-8"))


def train(
    settings: Settings,
    training: Sequence[Labelled],
    validation: Sequence[Labelled],
    test: Sequence[Labelled],
    out_dir: Path,
    recalls: Sequence[float] = RECALLS,
    on_progress: Callable[[int, str], None] | None = None,
) -> Report:
    """Train a critic into ``out_dir``; called again with the same, it returns the report.

    Raises:
        TrainingError: a set lacks valid or invalid pairs, or ``out_dir`` holds another critic.
        ModelError: the encoder is not at hand.
    """
    import torch

    for name, some in (("training", training), ("validation", validation), ("test", test)):
        if len({one.valid for one in some}) < 2:
            raise TrainingError(
                f"critic: the {name} set ({len(some)} labels) needs valid and invalid pairs; "
                "label more"
            )
    where = str(encoder.locate(settings.model))
    key = _key(settings, where, [training, validation, test], recalls)
    if (out_dir / REPORT).is_file():
        found = read_report(out_dir)
        if found.key != key:
            raise TrainingError(
                f"{out_dir}: holds a critic of other labels or settings; delete the folder or "
                "choose another"
            )
        return found
    began = time.monotonic()
    torch.manual_seed(settings.seed)
    device = pretrained.device_of(settings.device)
    network = Network(where, settings.max_length, device, settings.layers)
    best_epoch = _fit(network, settings, training, validation, on_progress)
    truth = [one.valid for one in validation]
    said = network.logits(_texts([one.pair for one in validation]))
    slope, shift = _calibrated(said, truth)
    tested = network.logits(_texts([one.pair for one in test]))
    seen = [_probability(slope * x + shift) for x in said]
    held = [_probability(slope * x + shift) for x in tested]
    thresholds = {str(recall): at_recall(seen, truth, recall)[0] for recall in recalls}
    right = [one.valid for one in test]
    report = Report(
        key=key,
        model=settings.model,
        max_length=settings.max_length,
        slope=slope,
        shift=shift,
        thresholds=thresholds,
        best_epoch=best_epoch,
        seconds=round(time.monotonic() - began, 1),
        validation=quality(seen, truth, recalls),
        test=quality(held, right, recalls),
        at={recall: kept_at(held, right, x) for recall, x in thresholds.items()},
        curve=curve(held, right),
        bins=bins(held, right),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    network.save(out_dir)
    (out_dir / "precision-recall.svg").write_text(drawn(report), "utf-8")
    # Written last: without it the training counts as unfinished.
    (out_dir / REPORT).write_text(to_json(report) + "\n", "utf-8")
    return report


def split(labels: Sequence[Labelled], seed: int, shares: Sequence[float]) -> list[list[Labelled]]:
    """Split by group into parts of about these shares, which sum to 1; by the group's hash."""
    parts: list[list[Labelled]] = [[] for _ in shares]
    for one in labels:
        digest = hashlib.sha256(f"{seed}/{one.group}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        index = 0
        while index + 1 < len(shares) and place >= shares[index]:
            place -= shares[index]
            index += 1
        parts[index].append(one)
    return parts


def at_recall(scores: Sequence[float], valid: Sequence[bool], recall: float) -> tuple[float, float]:
    """The highest threshold that keeps this share of the valid pairs, and its precision."""
    ranked = sorted(zip(scores, valid, strict=True), reverse=True)
    total = sum(valid)
    hits = 0
    for place, (score, right) in enumerate(ranked, 1):
        hits += right
        tied = place < len(ranked) and ranked[place][0] == score
        if not tied and hits >= recall * total:
            return score, hits / place
    return ranked[-1][0], total / len(ranked)


def kept_at(scores: Sequence[float], valid: Sequence[bool], threshold: float) -> Kept:
    """What a threshold keeps; precision 1 where it keeps nothing."""
    passed = [right for score, right in zip(scores, valid, strict=True) if score >= threshold]
    return Kept(
        threshold,
        len(passed) / len(scores),
        sum(passed) / len(passed) if passed else 1.0,
        sum(passed) / max(1, sum(valid)),
    )


def auc(scores: Sequence[float], valid: Sequence[bool]) -> float:
    """Probability that a valid pair scores above an invalid one, ties counting half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    positive = sum(valid)
    negative = len(valid) - positive
    total = float(sum(rank for rank, right in zip(ranks, valid, strict=True) if right))
    return (total - positive * (positive + 1) / 2) / (positive * negative)


def quality(
    scores: Sequence[float], valid: Sequence[bool], recalls: Sequence[float] = RECALLS
) -> Quality:
    """Measure probabilities against labels."""
    parts = bins(scores, valid)
    return Quality(
        pairs=len(valid),
        valid=sum(valid) / len(valid),
        auc=auc(scores, valid),
        precision={str(recall): at_recall(scores, valid, recall)[1] for recall in recalls},
        error=sum(count * abs(mean - share) for mean, share, count in parts) / len(valid),
    )


def bins(scores: Sequence[float], valid: Sequence[bool]) -> tuple[tuple[float, float, int], ...]:
    """Mean probability, share of valid pairs, number of pairs, by tenth of the probability."""
    parts: dict[int, list[tuple[float, bool]]] = {}
    for score, right in zip(scores, valid, strict=True):
        parts.setdefault(min(_BINS - 1, int(score * _BINS)), []).append((score, right))
    return tuple(
        (sum(s for s, _ in some) / len(some), sum(r for _, r in some) / len(some), len(some))
        for _, some in sorted(parts.items())
    )


def curve(scores: Sequence[float], valid: Sequence[bool]) -> tuple[tuple[float, float], ...]:
    """Points (recall, precision), one a hundredth of recall."""
    points = [(n / 100, at_recall(scores, valid, n / 100)[1]) for n in range(1, 101)]
    return tuple(points)


def drawn(report: Report) -> str:
    """The precision-recall curve of the test set as an SVG image."""
    return picture.curve(
        report.curve,
        "recall of valid pairs",
        "precision; dashed: all kept; dots: thresholds from validation",
        level=report.test.valid,
        marks={f"R {name}": (kept.recall, kept.precision) for name, kept in report.at.items()},
    )


def _fit(
    network: Network,
    settings: Settings,
    training: Sequence[Labelled],
    validation: Sequence[Labelled],
    on_progress: Callable[[int, str], None] | None,
) -> int:
    """Train until precision at 80 % recall no longer rises; leave the best weights, by epoch."""
    import torch

    def tell(done: int, note: str) -> None:
        if on_progress is not None:
            on_progress(done, note)

    known = _texts([one.pair for one in (*training, *validation)])
    shown = network.prepare(known[: len(training)])
    truth = [one.valid for one in validation]
    _fit_head(network, settings, shown, [one.valid for one in training])
    best_epoch, best = 0, (-1.0, -math.inf)
    weights: dict[str, Any] = {}
    optimizer = torch.optim.AdamW(network.trained.parameters(), lr=0.0, weight_decay=_DECAY)
    for epoch in range(1, settings.epochs + 1):
        loss = _epoch(network, optimizer, settings, training, epoch, tell)
        said = network.logits(known[len(training) :])
        # Among epochs of the same precision, the one that fits the labels best.
        reached = (at_recall(said, truth, _EARLY)[1], -_cross_entropy(said, truth))
        tell(
            epoch * len(training),
            f"loss {loss:.3f}, precision at recall {_EARLY} {reached[0]:.3f}",
        )
        if reached > best:
            best_epoch, best = epoch, reached
            weights = {n: p.detach().clone() for n, p in network.trained.state_dict().items()}
        elif epoch - best_epoch >= settings.patience:
            break
    network.trained.load_state_dict(weights)
    return best_epoch


def _fit_head(network: Network, settings: Settings, shown: Any, valid: Sequence[bool]) -> None:
    """Train the head alone, on what the encoder as it is makes of the training pairs."""
    import torch

    truth = torch.tensor(valid, dtype=torch.float32, device=shown.device)
    optimizer = torch.optim.AdamW(network.head.parameters(), lr=0.0, weight_decay=_DECAY)
    steps = settings.head_epochs * math.ceil(len(truth) / settings.batch_size)
    network.head.train()
    number = 0
    for _ in range(settings.head_epochs):
        order = torch.randperm(len(truth), device=shown.device)
        for first in range(0, len(order), settings.batch_size):
            batch = order[first : first + settings.batch_size]
            rate = settings.head_rate * _share(number, steps, settings.warmup)
            _step(network.head, optimizer, rate, network.judged(shown[batch]), truth[batch])
            number += 1


def _epoch(
    network: Network,
    optimizer: Any,
    settings: Settings,
    training: Sequence[Labelled],
    epoch: int,
    tell: Callable[[int, str], None],
) -> float:
    """Read all training pairs once; return the mean loss. The rate falls over all epochs."""
    import torch

    batches = _batches(training, settings.batch_size, Random(f"{settings.seed}/{epoch}"))
    steps = len(batches) * settings.epochs
    network.trained.train()
    total = done = 0.0
    for number, batch in enumerate(batches, (epoch - 1) * len(batches)):
        rate = settings.learning_rate * _share(number, steps, settings.warmup)
        logits = network(_texts([one.pair for one in batch]))
        truth = torch.tensor([float(one.valid) for one in batch], device=logits.device)
        total += _step(network.trained, optimizer, rate, logits, truth) * len(batch)
        done += len(batch)
        tell(round((epoch - 1) * len(training) + done), f"loss {total / done:.3f}")
    return total / done


def _share(number: int, steps: int, warmup: float) -> float:
    """Share of the peak rate in a step: it rises over the warm-up, then falls to 0."""
    return min(1.0, (number + 1) / max(1, warmup * steps), (steps - number) / steps)


def _step(module: Any, optimizer: Any, rate: float, logits: Any, truth: Any) -> float:
    """Take one step; return the loss.

    Raises:
        TrainingError: the loss is not a number.
    """
    import torch

    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingError("critic: the loss is not a number; lower critic.learning_rate")
    return value


def _batches(training: Sequence[Labelled], size: int, random: Random) -> list[list[Labelled]]:
    order = list(training)
    random.shuffle(order)
    batches = []
    for first in range(0, len(order), size * _POOL):
        pool = sorted(order[first : first + size * _POOL], key=_length)
        batches += [pool[place : place + size] for place in range(0, len(pool), size)]
    random.shuffle(batches)
    return batches


def _length(one: Labelled) -> int:
    return len(one.pair.context) + len(one.pair.claim)


def _texts(pairs: Sequence[Pair]) -> list[Texts]:
    return [(pair.context, pair.claim) for pair in pairs]


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def _calibrated(logits: Sequence[float], valid: Sequence[bool]) -> tuple[float, float]:
    """Platt's scaling: slope and shift that fit the labels best, the slope positive."""
    from scipy.optimize import minimize

    def loss(at: Any) -> float:
        scaled = [math.exp(at[0]) * logit + at[1] for logit in logits]
        # A touch of weight on slope 1 keeps a perfect separation finite.
        return _cross_entropy(scaled, valid) + 1e-3 * float(at[0]) ** 2

    found = minimize(loss, [0.0, 0.0], method="Nelder-Mead").x
    return math.exp(float(found[0])), float(found[1])


def _cross_entropy(logits: Sequence[float], valid: Sequence[bool]) -> float:
    """Mean cross entropy of the labels."""
    signed = [logit if right else -logit for logit, right in zip(logits, valid, strict=True)]
    return sum(max(0.0, -z) + math.log1p(math.exp(-abs(z))) for z in signed) / len(signed)


def _key(
    settings: Settings,
    where: str,
    sets: Sequence[Sequence[Labelled]],
    recalls: Sequence[float],
) -> str:
    """Hash of everything that decides the outcome."""
    decisive = {k: v for k, v in asdict(settings).items() if k != "device"}
    digest = hashlib.sha256(json.dumps([decisive, list(recalls)], sort_keys=True).encode())
    digest.update(pretrained.fingerprint(where).encode())
    for some in sets:
        digest.update("\n".join(to_json(one) for one in some).encode())
    return digest.hexdigest()
