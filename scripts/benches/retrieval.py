"""Does a question find its entry? hit@1, hit@3 and MRR of each retriever and each key.

    scripts/bench retrieval [--reranker FOLDER] [--sample 400] [--kb kb]

Three sets of questions. ``shipped`` is ``tests/data/retrieval_pairs.jsonl``: questions written by
hand with the entries that a teacher would hand out, searched for in ``kb/`` alone; entries were
reworded on them. ``held out`` is ``tests/data/retrieval_held_out.jsonl``: the same, written when
the wording of the entries stood, and never used to change one. ``embedded`` is test questions of
the embedded benchmarks, searched for in ``kb/`` together with what the embedded teacher would
write about every training question; right is an entry that states the fact needed or, where none
is, one that was made from questions of the same task or that a person wrote for that kind of
question (``WRITTEN_FOR``).

``against`` is the difference of hit@1 to the default's on the same questions, with its 95 %
interval. ``--reranker`` adds hybrid retrieval whose best 20 are read by a cross-encoder: the one in
FOLDER, or else one that is trained there. That is the default encoder, trained in one pass over the
shipped questions and some training questions of the embedded benchmarks, to score a right entry
above three wrong ones that hybrid retrieval ranks high; so it is measured on the other two sets.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import get_args

from rich.table import Table

from nesy import facts, resources, stats, tables
from nesy.benchmarks import synth
from nesy.kb import extract, store
from nesy.kb.encoder import DEFAULT as DEFAULT_ENCODER
from nesy.kb.encoder import load_encoder, locate
from nesy.kb.entry import Entry, Key
from nesy.kb.index import MIN_SCORE, Index, Mode
from nesy.kb.rerank import CrossEncoder, Reranker
from nesy.models import solver
from nesy.types import Encoder, Question

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ROOT / "tests" / "data" / "retrieval_pairs.jsonl"
HELD_OUT = ROOT / "tests" / "data" / "retrieval_held_out.jsonl"
DEPTH = 10  # ranks beyond it count as not found
DEFAULT = "hybrid, all"
LESSONS = 120  # training questions of the embedded benchmarks that a reranker learns from
WRONG = 3  # wrong entries that it is shown with each question, of the first DEPTH
BATCH = 4  # questions a step
LENGTH = 96  # tokens of question and entry

WRITTEN_FOR: Mapping[str, Sequence[str]] = {
    "ages": ("arithmetic.ages", "arithmetic.times-as-many"),
    "averages": ("arithmetic.mean", "arithmetic.mean-missing-value"),
    "boolean_expressions": ("logic.truth-values",),
    "date_understanding": (
        *("dates.yesterday-and-tomorrow", "dates.years-earlier", "dates.months-earlier"),
        *("dates.turn-of-the-year", "dates.before-the-first", "dates.hours-later"),
    ),
    "discounts": (
        *("arithmetic.discount", "arithmetic.percent-of", "arithmetic.percent-rise"),
        *("arithmetic.markup-and-profit", "arithmetic.tax-and-tip"),
    ),
    "dyck_languages": ("logic.bracket-stack",),
    "fair_test": ("science.variables",),
    "journeys": ("arithmetic.distance-speed-time",),
    "leftovers": ("arithmetic.fraction-of", "arithmetic.fraction-of-the-rest"),
    "logical_deduction": (
        *("logic.place-in-a-row", "logic.rank-cheapest-newest", "logic.transitive-order"),
    ),
    "multistep_arithmetic": ("arithmetic.order-of-operations",),
    "navigate": ("logic.walk-and-turn",),
    "object_counting": ("probability-counting.count-a-category",),
    "overtime": ("arithmetic.overtime",),
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


@dataclass(frozen=True, slots=True)
class Embedded:
    """Entries, test and training questions of the embedded benchmarks, and texts by id."""

    entries: list[Entry]
    test: list[Asked]
    train: list[Asked]
    texts: dict[str, str]


def embedded(shipped: Iterable[Entry], per_family: int, per_fact: int) -> Embedded:
    """Make the entries and the questions, each with what is right for it."""
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

    def asked(question: Question, group: str) -> Asked:
        if question.facts:
            right = set().union(*(by_fact.get(statement[f], set()) for f in question.facts))
            return Asked(question.text, frozenset(right), group)
        right = by_task.get(question.task, set()) | set(WRITTEN_FOR.get(question.task, ()))
        return Asked(question.text, frozenset(right), "procedures")

    test = [
        asked(question, group)
        for split, group in (("test", "known facts"), ("test-new-facts", "new facts"))
        for question in synth.questions("synth", split, per_family, per_fact=per_fact)
    ]
    learnt = [asked(question, "known facts") for question in train]
    return Embedded(entries, test, learnt, {question.id: question.text for question in train})


def _draft(question: Question) -> extract.Draft | None:
    solution = solver.solve(question.text)
    if solution is None:
        return None
    known = solution.knowledge
    return extract.Draft(
        question.id, known.when, known.lesson, tuple(known.facts), known.example, known.check
    )


def ranks(index: Index, asked: Sequence[Asked]) -> list[int | None]:
    """Search for every question, with no floor of the score; return the rank of a right entry."""
    found = index.search([one.text for one in asked], k=DEPTH)
    return [
        next((hit.hit.rank for hit in hits if hit.entry.id in one.right), None)
        for one, hits in zip(asked, found, strict=True)
    ]


def figures(found: Sequence[int | None]) -> Figures:
    """Turn ranks into figures."""
    count = len(found)
    return Figures(
        sum(rank == 1 for rank in found) / count,
        sum(rank is not None and rank <= 3 for rank in found) / count,
        sum(1 / rank for rank in found if rank) / count,
    )


def measure(index: Index, asked: Sequence[Asked]) -> Figures:
    """Search for every question, with no floor of the score."""
    return figures(ranks(index, asked))


def compare(
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    encoder: Encoder,
    texts: Mapping[str, str] | None = None,
    reranker: Reranker | None = None,
) -> dict[str, list[int | None]]:
    """Rank with every retriever and every key; key ``question`` only where ``texts`` has them."""
    keys = [key for key in get_args(Key) if texts is not None or key != "question"]

    def index(mode: Mode, key: Key, by: Reranker | None = None) -> Index:
        return Index(
            entries, encoder, key=key, mode=mode, min_score=None, questions=texts, reranker=by
        )

    made = {
        f"{mode}, {key}": ranks(index(mode, key), asked) for mode in get_args(Mode) for key in keys
    }
    if reranker is not None:
        for key in keys:
            made[f"rerank, {key}"] = ranks(index("hybrid", key, reranker), asked)
    return made


def trained(folder: Path, lessons: Sequence[tuple[Index, Sequence[Asked]]]) -> None:
    """Train a cross-encoder to put a right entry before wrong ones that an index ranks high."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        get_linear_schedule_with_warmup,
    )

    torch.manual_seed(0)
    groups = _groups(lessons)
    start = locate(DEFAULT_ENCODER)
    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForSequenceClassification.from_pretrained(start, num_labels=1)
    model.base_model.embeddings.requires_grad_(False)  # few questions hold few words
    fresh = [*model.classifier.parameters(), *model.base_model.pooler.parameters()]
    optimizer = torch.optim.AdamW(
        [
            {"params": fresh, "lr": 1e-3},
            {"params": model.base_model.encoder.parameters(), "lr": 1e-4},
        ]
    )
    steps = -(-len(groups) // BATCH)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 20, steps)
    model.train()
    for first in range(0, len(groups), BATCH):
        some = groups[first : first + BATCH]
        pairs = [pair for group in some for pair in group]
        rows = tokenizer(pairs, truncation=True, max_length=LENGTH, padding=True)
        scores = model(**rows.convert_to_tensors("pt")).logits.view(len(some), 1 + WRONG)
        loss = cross_entropy(scores, torch.zeros(len(some), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        print(f"step {first // BATCH + 1} of {steps}: loss {loss.item():.3f}", file=sys.stderr)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _groups(lessons: Sequence[tuple[Index, Sequence[Asked]]]) -> list[list[tuple[str, str]]]:
    """Pair each question with a right entry, and then with ``WRONG`` wrong ones, shuffled."""
    rng = Random(0)
    groups = []
    for index, asked in lessons:
        held = {entry.id: entry for entry in index.entries}
        for one, hits in zip(asked, index.search([a.text for a in asked], k=DEPTH), strict=True):
            near = [hit.entry for hit in hits]
            right = next((e for e in near if e.id in one.right), held[min(one.right)])
            wrong = [entry for entry in near if entry.id not in one.right]
            if len(wrong) >= WRONG:
                chosen = [right, *rng.sample(wrong, WRONG)]
                groups.append([(one.text, entry.key("all")) for entry in chosen])
    rng.shuffle(groups)
    return groups


def by_group(
    entries: Sequence[Entry], asked: Sequence[Asked], encoder: Encoder, floor: float | None
) -> dict[str, Figures]:
    """Measure the default (hybrid, key ``all``) on each group of questions and on all."""
    index = Index(entries, encoder, min_score=floor)
    groups = {one.group: [a for a in asked if a.group == one.group] for one in asked}
    return {name: measure(index, some) for name, some in {**groups, "all": asked}.items()}


def _table(
    title: str,
    rows: Mapping[str, Figures],
    sizes: Mapping[str, int] | None = None,
    against: Mapping[str, stats.Pair] | None = None,
) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    for heading in (*(["n"] if sizes else []), "hit@1", "hit@3", "MRR"):
        table.add_column(heading, justify="right", no_wrap=True)
    if against:
        table.add_column("against", justify="right", no_wrap=True)
    for name, made in rows.items():
        cells = [f"{100 * value:.1f}" for value in (made.first, made.third, made.mrr)]
        if against:
            pair = against[name]
            low, high = pair.interval
            cells.append(f"{100 * pair.difference:+.1f} ({100 * low:+.1f} … {100 * high:+.1f})")
        table.add_row(name, *([str(sizes[name])] if sizes else []), *cells)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of all sets."""
    parser = argparse.ArgumentParser("scripts/bench retrieval", description=_first_line())
    parser.add_argument("--kb", type=Path, default=resources.builtin("kb"))
    parser.add_argument("--per-family", type=int, default=36)
    parser.add_argument("--per-fact", type=int, default=2)
    parser.add_argument("--sample", type=int, default=400, help="embedded questions asked")
    parser.add_argument("--reranker", type=Path, help="folder of a cross-encoder; trained if new")
    options = parser.parse_args(argv)

    encoder = load_encoder()
    shipped = list(store.load(options.kb).entries.values())
    synthetic = embedded(shipped, options.per_family, options.per_fact)
    pairs, reranker = read_pairs(), None
    if options.reranker is not None:
        some = Random(0).sample(synthetic.train, LESSONS)
        lessons = [(Index(shipped, encoder, min_score=None), pairs)]
        lessons.append((Index(synthetic.entries, encoder, min_score=None), some))
        reranker = CrossEncoder(str(options.reranker), options.reranker)
        if not (options.reranker / "config.json").is_file():
            trained(options.reranker, lessons)
    tested = Random(0).sample(synthetic.test, min(options.sample, len(synthetic.test)))
    console = tables.console()
    for name, entries, asked, texts in (
        ("shipped", shipped, pairs, None),
        ("held out", shipped, read_pairs(HELD_OUT), None),
        ("embedded", synthetic.entries, tested, synthetic.texts),
    ):
        title = f"{name}: {len(asked)} questions, {len(entries)} entries"
        made = compare(entries, asked, encoder, texts, None if asked is pairs else reranker)
        first = {row: [rank == 1 for rank in found] for row, found in made.items()}
        against = {row: stats.pair(first[DEFAULT], right) for row, right in first.items()}
        rows = {row: figures(found) for row, found in made.items()}
        console.print(_table(title, rows, against=against))
        sizes = {one.group: sum(a.group == one.group for a in asked) for one in asked}
        for floor in (None, MIN_SCORE):
            title = f"{name}: {DEFAULT}, " + (f"score from {floor}" if floor else "no floor")
            groups = by_group(entries, asked, encoder, floor)
            console.print(_table(title, groups, {**sizes, "all": len(asked)}))
    return 0


def _first_line() -> str:
    return (__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
