"""Labels: whether a person, or the embedded world, holds a triple to be valid.

``labels.jsonl`` is only ever appended to; the last verdict of a labeller on a triple counts.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from nesy import everyday, resources
from nesy.commonsense import triples
from nesy.commonsense.measures import kappa
from nesy.commonsense.recipe import Labels
from nesy.commonsense.triples import Triple
from nesy.errors import InputError
from nesy.runs import Run

Verdict = Literal["valid", "invalid", "skipped", "undone"]
WORLD = "world"
"""The labeller that is no person: validity is computed."""

COLUMNS = ("id", "head", "relation", "tail", "sentence", "label", "labeller")
_PARTS: Mapping[str, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
_WORDS: Mapping[str, Verdict] = {
    **dict.fromkeys(("1", "valid", "yes", "y", "true"), "valid"),
    **dict.fromkeys(("0", "invalid", "no", "n", "false"), "invalid"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """A line of ``labels.jsonl``."""

    triple: str
    labeller: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two labellers on the triples that both judged; ``agreed`` is a share, 0 to 1."""

    first: str
    second: str
    triples: int
    agreed: float
    kappa: float


def sample(settings: Labels, corpus: Sequence[Triple]) -> list[Triple]:
    """The triples to be labelled: by split 60 / 20 / 20, mixed, the same for every labeller."""
    chosen: list[Triple] = []
    for split, share in _PARTS.items():
        some = sorted((t for t in corpus if t.split == split), key=lambda t: t.id)
        Random(f"{settings.seed}/{split}").shuffle(some)
        chosen += some[: round(share * settings.count)]
    Random(settings.seed).shuffle(chosen)
    return chosen


def of_the_world(chosen: Sequence[Triple]) -> list[Label]:
    """Labels by the embedded world.

    Raises:
        InputError: an event is not of that world.
    """
    made = []
    for triple in chosen:
        known = everyday.valid(triple.head, triple.relation, triple.tail)
        if known is None:
            raise InputError(
                f"triple {triple.id}: {triple.head!r} is no event of the embedded world, so its "
                "validity can't be computed; set labels.source to people and run "
                "`nesy commonsense label`"
            )
        made.append(Label(triple.id, WORLD, "valid" if known else "invalid"))
    return made


def current(labels: Sequence[Label]) -> dict[str, dict[str, Verdict]]:
    """Verdicts that stand, by labeller and triple; what was undone is gone."""
    found: dict[str, dict[str, Verdict]] = {}
    for label in labels:
        mine = found.setdefault(label.labeller, {})
        if label.verdict == "undone":
            mine.pop(label.triple, None)
        else:
            mine[label.triple] = label.verdict
    return found


def decided(labels: Sequence[Label]) -> dict[str, bool]:
    """Validity by triple where most labellers say so; ties are left out."""
    votes: Counter[str] = Counter()
    for mine in current(labels).values():
        for triple, verdict in mine.items():
            votes[triple] += {"valid": 1, "invalid": -1}.get(verdict, 0)
    return {triple: vote > 0 for triple, vote in votes.items() if vote}


def agreements(labels: Sequence[Label]) -> list[Agreement]:
    """Agreement of every two labellers who judged a triple both."""
    judged = {
        name: {triple: v == "valid" for triple, v in mine.items() if v != "skipped"}
        for name, mine in sorted(current(labels).items())
    }
    names = list(judged)
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            shared = sorted(judged[first].keys() & judged[second].keys())
            if shared:
                sides = [[judged[name][t] for t in shared] for name in (first, second)]
                same = sum(a == b for a, b in zip(*sides, strict=True)) / len(shared)
                found.append(Agreement(first, second, len(shared), same, kappa(*sides)))
    return found


def to_csv(chosen: Sequence[Triple], labels: Sequence[Label], labeller: str) -> str:
    """A table for a spreadsheet; the column ``label`` is to be filled with 1 or 0."""
    mine = current(labels).get(labeller, {})
    shown = {"valid": "1", "invalid": "0"}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for triple in chosen:
        said = shown.get(mine.get(triple.id, ""), "")
        words = worded(triple)
        writer.writerow(
            [triple.id, triple.head, triple.relation, triple.tail, words, said, labeller]
        )
    return out.getvalue()


def from_csv(path: Path, known: Mapping[str, Triple], labeller: str) -> list[Label]:
    """Read such a table back; an empty label is no verdict.

    A row's own labeller counts before ``labeller``.

    Raises:
        InputError: a column is missing, a triple unknown, or a label unreadable; all lines.
    """
    reader = csv.DictReader(io.StringIO(resources.read_text(path)))
    shown = resources.shown(path)
    for name in ("id", "label"):
        if name not in (reader.fieldnames or ()):
            raise InputError(f"{shown}:1: no column {name}; it has {reader.fieldnames}")
    made: list[Label] = []
    problems: list[str] = []
    for row in reader:
        said = (row["label"] or "").strip().lower()
        if not said:
            continue
        if row["id"] not in known:
            problems.append(f"{shown}:{reader.line_num}: no triple {row['id']} in this run")
        elif said not in _WORDS:
            problems.append(
                f"{shown}:{reader.line_num}: label {row['label']!r}; write 1 (valid), 0 (invalid) "
                "or nothing"
            )
        else:
            name = (row.get("labeller") or "").strip() or labeller
            made.append(Label(row["id"], name, _WORDS[said]))
    if problems:
        raise InputError("\n".join(problems))
    return made


def worded(triple: Triple) -> str:
    """A triple's tail as a sentence about PersonX."""
    given = triples.unnamed_people(triple.head)
    return triples.sentence(triple.head, triple.relation, triple.tail, given)


class Session:
    """One labeller at work on a run: what is next, what was said, and undoing it."""

    def __init__(self, run: Run, chosen: Sequence[Triple], labeller: str) -> None:
        self._run = run
        self._labeller = labeller
        self._triples = {triple.id: triple for triple in chosen}
        said = current(run.read("labels", Label)).get(labeller, {})
        self._said: dict[str, Verdict] = {k: v for k, v in said.items() if k in self._triples}
        self._order = list(self._said)
        self._waiting = self._left()

    @property
    def total(self) -> int:
        """Number of triples to be labelled."""
        return len(self._triples)

    @property
    def counts(self) -> Counter[str]:
        """Verdicts so far."""
        return Counter(self._said.values())

    @property
    def next(self) -> Triple | None:
        """The next triple without a verdict, or ``None`` at the end."""
        return self._waiting[-1] if self._waiting else None

    def say(self, verdict: Verdict) -> None:
        """Record a verdict on the next triple; it is on the disk when this returns."""
        if self._waiting:
            triple = self._waiting.pop()
            self._run.append("labels", [Label(triple.id, self._labeller, verdict)])
            self._said[triple.id] = verdict
            self._order.append(triple.id)

    def undo(self) -> bool:
        """Take the last verdict back; false if there is none."""
        if not self._order:
            return False
        last = self._order.pop()
        self._run.append("labels", [Label(last, self._labeller, "undone")])
        del self._said[last]
        self._waiting.append(self._triples[last])
        return True

    def _left(self) -> list[Triple]:
        waiting: Iterator[Triple] = reversed(list(self._triples.values()))
        return [triple for triple in waiting if triple.id not in self._said]
