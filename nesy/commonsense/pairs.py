"""A critic on labelled pairs of any kind, as questions with right and wrong solutions.

Half of the pairs, by group, is for testing; the critic is compared with what length and the
form of the answer tell alone.
"""

from __future__ import annotations

import bisect
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nesy import critic, resources
from nesy.critic import Critic, Labelled, Pair, Quality, Report
from nesy.errors import InputError
from nesy.kb import store

_SHARES = (0.5, 0.4, 0.1)  # of the groups: test, training, validation
_DRAWS = 2_000
_TENTHS = 10
_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of a row's fields; ``group`` is what is never split apart."""

    context: str = "question"
    claim: str = "solution"
    label: str = "is_correct"
    group: str = "question"


@dataclass(frozen=True, slots=True)
class Judged:
    """One way to score pairs, on the test half; ``interval`` is that of the AUC over groups."""

    name: str
    quality: Quality
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """The critic beside the baselines, and what its thresholds from validation keep."""

    training: int
    validation: int
    test: int
    rows: tuple[Judged, ...]
    report: Report


def read(path: Path, fields: Fields) -> list[Labelled]:
    """Read labelled pairs, one JSON object a line.

    Raises:
        InputError: a line is no such row; the message says file:line.
    """
    found = []
    for number, line in enumerate(resources.read_text(path).split("\n"), 1):
        if line.strip():
            found.append(_row(line, f"{resources.shown(path)}:{number}", fields))
    if not found:
        raise InputError(f"{resources.shown(path)}: no rows")
    return found


def unlabelled(path: Path, context: str, claim: str) -> dict[str, Pair]:
    """Read pairs without labels, by the number of their line.

    Raises:
        InputError: a line is no such row; the message says file:line.
    """
    found = {}
    for number, line in enumerate(resources.read_text(path).split("\n"), 1):
        if line.strip():
            row = _texts(line, f"{resources.shown(path)}:{number}", (context, claim))
            found[str(number)] = Pair(row[context], row[claim])
    return found


def of_entries(kb: Path) -> dict[str, Pair]:
    """What each entry that may be retrieved says, and when it applies, by its id.

    Raises:
        EntryError: the knowledge base can't be read.
    """
    return {id_: critic.of_entry(entry) for id_, entry in store.load(kb).entries.items()}


def measure(
    labels: Sequence[Labelled],
    settings: critic.Settings,
    out_dir: Path,
    on_progress: Callable[[int, str], None] | None = None,
) -> Measured:
    """Train a critic on one half and measure it on the other, beside the baselines.

    Raises:
        TrainingError: a part lacks valid or invalid pairs, or ``out_dir`` holds another critic.
    """
    test, training, validation = critic.split(labels, settings.seed, _SHARES)
    report = critic.train(
        settings, training, validation, test, out_dir, critic.RECALLS, on_progress
    )
    known = [*training, *validation]
    scored = {
        "critic": Critic(out_dir, settings.device).score([one.pair for one in test]),
        "length": by_length(known, test),
        "answer form": by_form(known, test),
    }
    valid = [one.valid for one in test]
    rows = [
        Judged(name, critic.quality(scores, valid), _auc_interval(scores, test))
        for name, scores in scored.items()
    ]
    return Measured(len(training), len(validation), len(test), tuple(rows), report)


def by_length(known: Sequence[Labelled], test: Sequence[Labelled]) -> list[float]:
    """Share of valid claims among the known ones in the same tenth of length."""
    lengths = sorted(len(one.pair.claim) for one in known)
    cuts = [lengths[len(lengths) * n // _TENTHS] for n in range(1, _TENTHS)]
    return _by_class(known, test, lambda claim: bisect.bisect_right(cuts, len(claim)))


def by_form(known: Sequence[Labelled], test: Sequence[Labelled]) -> list[float]:
    """Share of valid claims among the known ones whose last number has the same form."""
    return _by_class(known, test, form)


def form(claim: str) -> str:
    """Form of the last number: none, negative, decimal, round, or its count of digits."""
    numbers = _NUMBER.findall(claim)
    if not numbers:
        return "none"
    last = numbers[-1].replace(",", "").replace("$", "").rstrip(".")
    if last.startswith("-"):
        return "negative"
    if "." in last:
        return "decimal"
    return f"{'round ' if last.endswith('0') and last != '0' else ''}{len(last)} digits"


def _by_class(
    known: Sequence[Labelled], test: Sequence[Labelled], kind: Callable[[str], object]
) -> list[float]:
    valid: Counter[object] = Counter()
    total: Counter[object] = Counter()
    for one in known:
        valid[kind(one.pair.claim)] += one.valid
        total[kind(one.pair.claim)] += 1
    base = valid.total() / total.total()
    found = [kind(one.pair.claim) for one in test]
    return [valid[name] / total[name] if total[name] else base for name in found]


def _auc_interval(scores: Sequence[float], test: Sequence[Labelled]) -> tuple[float, float]:
    """Bootstrap interval of the AUC at 95 %, by resampling groups."""
    import numpy as np

    groups: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(test):
        groups[one.group].append(place)
    members = list(groups.values())
    rng = np.random.default_rng(0)
    values = []
    for _ in range(_DRAWS):
        chosen = [i for g in rng.integers(len(members), size=len(members)) for i in members[g]]
        valid = [test[i].valid for i in chosen]
        if 0 < sum(valid) < len(valid):
            values.append(critic.auc([scores[i] for i in chosen], valid))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _row(line: str, where: str, fields: Fields) -> Labelled:
    row = _texts(line, where, (fields.context, fields.claim, fields.group))
    if row.get(fields.label) not in (True, False):
        raise InputError(f"{where}: the row needs {fields.label!r} as true or false")
    return Labelled(
        Pair(row[fields.context], row[fields.claim]), bool(row[fields.label]), row[fields.group]
    )


def _texts(line: str, where: str, needed: Sequence[str]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error.msg}") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: a row is a JSON object")
    for name in needed:
        if not isinstance(row.get(name), str):
            raise InputError(f"{where}: the row needs {name!r} as text{resources.near(name, row)}")
    return row
