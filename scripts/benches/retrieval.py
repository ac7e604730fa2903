"""Does a question find its entry? hit@1, hit@3 and MRR of each retriever and each key.

    python scripts/benches/retrieval.py [--kb kb] [--per-family 36] [--per-fact 2]

Two sets of questions. ``shipped`` is ``tests/data/retrieval_pairs.jsonl``: questions written by
hand with the entries that a teacher would hand out, searched for in ``kb/`` alone. ``embedded``
is the embedded benchmarks' test questions, searched for in ``kb/`` together with what the
embedded teacher would write about every training question; right is an entry that states the
fact needed or, where none is, one that was made from questions of the same task or that a
person wrote for that kind of question (``WRITTEN_FOR``).
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.table import Table

from nesy import facts, resources, tables
from nesy.benchmarks import synth
from nesy.kb import extract, store
from nesy.kb.encoder import load_encoder
from nesy.kb.entry import Entry, Key
from nesy.kb.index import MIN_SCORE, Index, Mode
from nesy.models import solver
from nesy.types import Encoder, Question

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ROOT / "tests" / "data" / "retrieval_pairs.jsonl"
DEPTH = 10  # ranks beyond it count as not found

WRITTEN_FOR: Mapping[str, Sequence[str]] = {
    "boolean_expressions": ("logic.truth-values",),
    "date_understanding": (
        *("dates.yesterday-and-tomorrow", "dates.years-earlier", "dates.months-earlier"),
        *("dates.turn-of-the-year", "dates.before-the-first", "dates.hours-later"),
    ),
    "dyck_languages": ("logic.bracket-stack",),
    "fair_test": ("science.variables",),
    "logical_deduction": (
        *("logic.place-in-a-row", "logic.rank-cheapest-newest", "logic.transitive-order"),
    ),
    "multistep_arithmetic": ("arithmetic.order-of-operations",),
    "navigate": ("logic.walk-and-turn",),
    "object_counting": ("probability-counting.count-a-category",),
    "savings": ("arithmetic.per-week-total",),
    "temporal_sequences": ("dates.free-interval",),
    "tracking_shuffled_objects": ("logic.swaps",),
    "web_of_lies": ("logic.truth-tellers-and-liars",),
    "word_sorting": ("language.alphabetical-order",),
}
"""Families of the embedded benchmarks and the shipped entries about that kind of question."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the ids of the entries that are right for it."""

    text: str
    right: frozenset[str]
    group: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of questions whose first, or one of the first three, entries is right; and MRR."""

    first: float
    third: float
    mrr: float


def read_pairs(path: Path = PAIRS) -> list[Asked]:
    """Read the hand-made pairs; the group of a question is the pack of its first entry."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Asked(row["question"], frozenset(row["entries"]), row["entries"][0].partition(".")[0])
        for row in rows
    ]


def embedded(
    shipped: Iterable[Entry], per_family: int, per_fact: int
) -> tuple[list[Entry], list[Asked], dict[str, str]]:
    """Make the entries, the test questions and the texts of the training questions."""
    train = list(synth.questions("synth", "train", per_family, per_fact=per_fact))
    drafts = [draft for question in train if (draft := _draft(question)) is not None]
    learned, _ = extract.entries(drafts, "distilled", "solver")
    entries = [*shipped, *learned]
    task_of = {question.id: question.task for question in train}
    by_task: dict[str, set[str]] = {}
    by_fact: dict[str, set[str]] = {}
    for entry in entries:
        for made_from in entry.questions:
            by_task.setdefault(task_of[made_from], set()).add(entry.id)
        for line in entry.facts:
            by_fact.setdefault(line, set()).add(entry.id)
    statement = {f.id: f.statement for name in facts.tables() for f in facts.table(name)}
    asked = []
    for split in ("test", "test-new-facts"):
        for question in synth.questions("synth", split, per_family, per_fact=per_fact):
            if question.facts:
                right = set().union(*(by_fact.get(statement[f], set()) for f in question.facts))
                group = "new facts" if split == "test-new-facts" else "known facts"
                asked.append(Asked(question.text, frozenset(right), group))
            else:
                right = by_task.get(question.task, set()) | set(WRITTEN_FOR.get(question.task, ()))
                asked.append(Asked(question.text, frozenset(right), "procedures"))
    return entries, asked, {question.id: question.text for question in train}


def _draft(question: Question) -> extract.Draft | None:
    solution = solver.solve(question.text)
    if solution is None:
        return None
    known = solution.knowledge
    return extract.Draft(
        question.id, known.when, known.lesson, tuple(known.facts), known.example, known.check
    )


def measure(index: Index, asked: Sequence[Asked]) -> Figures:
    """Search for every question, with no floor of the score."""
    found = index.search([one.text for one in asked], k=DEPTH)
    ranks = [
        next((hit.hit.rank for hit in hits if hit.entry.id in one.right), None)
        for one, hits in zip(asked, found, strict=True)
    ]
    count = len(asked)
    return Figures(
        sum(rank == 1 for rank in ranks) / count,
        sum(rank is not None and rank <= 3 for rank in ranks) / count,
        sum(1 / rank for rank in ranks if rank) / count,
    )


def compare(
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    encoder: Encoder,
    texts: Mapping[str, str] | None = None,
) -> dict[tuple[Mode, Key], Figures]:
    """Measure every retriever with every key."""
    return {
        (mode, key): measure(
            Index(entries, encoder, key=key, mode=mode, min_score=None, questions=texts), asked
        )
        for mode in get_args(Mode)
        for key in get_args(Key)
    }


def by_group(
    entries: Sequence[Entry], asked: Sequence[Asked], encoder: Encoder, floor: float | None
) -> dict[str, Figures]:
    """Measure the default (hybrid, key ``all``) on each group of questions and on all."""
    index = Index(entries, encoder, min_score=floor)
    groups = {one.group: [a for a in asked if a.group == one.group] for one in asked}
    return {name: measure(index, some) for name, some in {**groups, "all": asked}.items()}


def _table(title: str, rows: Mapping[str, Figures], sizes: Mapping[str, int] | None) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    for heading in (*(["n"] if sizes else []), "hit@1", "hit@3", "MRR"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, made in rows.items():
        shares = [f"{100 * value:.1f}" for value in (made.first, made.third, made.mrr)]
        table.add_row(name, *([str(sizes[name])] if sizes else []), *shares)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of both sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kb", type=Path, default=resources.builtin("kb"))
    parser.add_argument("--per-family", type=int, default=36)
    parser.add_argument("--per-fact", type=int, default=2)
    options = parser.parse_args(argv)

    encoder = load_encoder()
    shipped = list(store.load(options.kb).entries.values())
    everything, questions, texts = embedded(shipped, options.per_family, options.per_fact)
    console = tables.console()
    for name, entries, asked, made_from in (
        ("shipped", shipped, read_pairs(), None),
        ("embedded", everything, questions, texts),
    ):
        title = f"{name}: {len(asked)} questions, {len(entries)} entries"
        measured = compare(entries, asked, encoder, made_from)
        rows = {f"{mode}, {key}": figures for (mode, key), figures in measured.items()}
        console.print(_table(title, rows, None))
        sizes = {one.group: sum(a.group == one.group for a in asked) for one in asked}
        for floor in (None, MIN_SCORE):
            title = f"{name}: hybrid, all, " + (f"score from {floor}" if floor else "no floor")
            made = by_group(entries, asked, encoder, floor)
            console.print(_table(title, made, {**sizes, "all": len(asked)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
