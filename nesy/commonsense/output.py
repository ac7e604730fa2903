"""Measures as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Column, Table

from nesy.commonsense.distillation import Round, Stats
from nesy.commonsense.measures import Gain, Measured
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
        yield _rounds(stats.systems["student high"], stats.rounds)


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


def _rounds(start: Measured, rounds: Sequence[Round]) -> Table:
    table = _measures("self-imitation")
    table.add_column("kept", justify="right")
    table.add_column("gain", justify="right", no_wrap=True)
    table.add_row("student high", *_cells(start), "", "")
    for one in rounds:
        kept = f"{one.kept:,} of {one.written:,}"
        gained = f"{points(one.gain.difference)} ({_bounds(one.gain)})"
        table.add_row(f"round {one.round}", *_cells(one.student), kept, gained)
    return table


def _bounds(gain: Gain) -> str:
    return f"{points(gain.interval[0])} … {points(gain.interval[1])}"
