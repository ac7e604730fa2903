"""Measures as tables for a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Column, Table

from nesy.commonsense.asking import Corpus
from nesy.commonsense.distillation import Round, Stats
from nesy.commonsense.measures import Gain, Measured
from nesy.commonsense.pairs import Measured as PairsMeasured
from nesy.commonsense.rules import Applied
from nesy.critic import Report
from nesy.tables import interval, percent, points


def tables(stats: Stats) -> Iterator[Table]:
    """Systems by level of the filter, gains, and the rounds if there were any."""
    made = _measures("filter by system")
    for name, row in stats.systems.items():
        if name == "student none":
            made.add_section()
        made.add_row(name, *_cells(row))
    made.caption = "unique triples on events that no training saw; 95 % over events"
    yield made
    yield _gains(stats.gains)
    if stats.rounds:
        yield from _rounds(stats.systems["student high"], stats.rounds)


def thresholds(report: Report) -> Table:
    """What the critic's thresholds, chosen on validation, keep of the test labels."""
    table = Table(Column("recall aimed at", no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("threshold", "kept", "precision", "recall"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("(all kept)", "", "100.0", percent(report.test.valid), "100.0")
    for recall, at in report.at.items():
        shares = [percent(share) for share in (at.kept, at.precision, at.recall)]
        table.add_row(recall, f"{at.threshold:.3f}", *shares)
    table.caption = (
        f"test of {report.test.pairs:,} pairs: AUC {report.test.auc:.3f}, "
        f"calibration error {report.test.error:.3f}; thresholds from validation"
    )
    return table


def pairs(measured: PairsMeasured) -> Iterator[Table]:
    """The critic beside the baselines on the test half, and what its thresholds keep."""
    table = Table(Column("scored by", no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("AUC", "95 %", "precision at R .5", "at R .8"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in measured.rows:
        at = [percent(row.quality.precision[recall]) for recall in ("0.5", "0.8")]
        bounds = f"{row.interval[0]:.3f}\N{EN DASH}{row.interval[1]:.3f}"
        table.add_row(row.name, f"{row.quality.auc:.3f}", bounds, *at)
    table.caption = (
        f"{measured.training:,} pairs for training, {measured.validation:,} for validation, "
        f"{measured.test:,} for testing, of which {percent(measured.report.test.valid)} % are valid"
    )
    yield table
    yield thresholds(measured.report)


def applied(made: Applied) -> Table:
    """What rules gave, step by step."""
    table = _measures("rules")
    for name, row in (
        ("filled in", made.filled),
        ("verified by the critic", made.verified),
        ("the rarest", made.rare),
    ):
        table.add_row(name, *_cells(row))
    return table


def corpus(held: Corpus) -> Table:
    """What the teacher wrote."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("events", "tails", "kept by relation", "kept by split"):
        table.add_column(heading, no_wrap=True)
    columns = [
        [f"{count:,} {name}" for name, count in counts.items()]
        for counts in (held.events, held.tails, held.relations, held.splits)
    ]
    for row in itertools.zip_longest(*columns, fillvalue=""):
        table.add_row(*row)
    return table


def _measures(title: str) -> Table:
    table = Table(Column(title, no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("triples", "heads", "tails", "soft", "bits", "valid %", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(row: Measured) -> list[str]:
    valid = [percent(row.valid), interval(row.interval)] if row.judged else ["", ""]
    numbers = [row.triples, row.heads, row.tails, row.soft]
    return [*(f"{number:,}" for number in numbers), f"{row.entropy:.2f}", *valid]


def _gains(gains: Sequence[Gain]) -> Table:
    table = Table(Column("validity, first → second", no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("points", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for gain in gains:
        table.add_row(f"{gain.first} → {gain.second}", points(gain.difference), _bounds(gain))
    return table


def _rounds(start: Measured, rounds: Sequence[Round]) -> Iterator[Table]:
    """What each round's student is worth, and what it was made of."""
    made = _measures("self-imitation")
    made.add_row("student high", *_cells(start))
    told = Table(Column("self-imitation", no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("written", "kept", "trained on", "gain", "95 %"):
        told.add_column(heading, justify="right", no_wrap=True)
    for one in rounds:
        name = f"round {one.round}"
        made.add_row(name, *_cells(one.student))
        counts = (f"{count:,}" for count in (one.written, one.kept, one.trained_on))
        told.add_row(name, *counts, points(one.gain.difference), _bounds(one.gain))
    told.caption = "gain of validity over the student of the high filter"
    yield made
    yield told


def _bounds(gain: Gain) -> str:
    return f"{points(gain.interval[0])} … {points(gain.interval[1])}"
