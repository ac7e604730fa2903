"""Progress of long work on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

_QUIET_SECONDS = 15.0  # least time between two plain lines of a stage


class Advance(Protocol):
    """Report where a stage is: ``done`` of its total, with a short note such as a loss."""

    def __call__(self, done: int, note: str = "") -> None:
        """Show it."""


class Progress:
    """Where a command shows what it is doing; ``quiet`` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, markup=False, soft_wrap=True)

    @contextmanager
    def stage(self, title: str, total: int, unit: str) -> Iterator[Advance]:
        """Show a stage of ``total`` ``unit``s with its rate and the time left."""
        begun = time.monotonic()
        done_last = 0
        if self._console.is_terminal:
            bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=self._console,
                transient=True,
            )
            with bars:
                task = bars.add_task(title, total=total, rate="", note="")

                def show(done: int, note: str = "") -> None:
                    nonlocal done_last
                    done_last = done
                    bars.update(task, completed=done, rate=_rate(done, begun, unit), note=note)

                yield show
        else:
            spoken = begun

            def tell(done: int, note: str = "") -> None:
                nonlocal spoken, done_last
                done_last = done
                now = time.monotonic()
                if now - spoken < _QUIET_SECONDS or not done:
                    return
                spoken = now
                left = (now - begun) * max(0, total - done) / done
                said = (
                    f"  {title}: {done:,}/{total:,}, {_rate(done, begun, unit)}, {left:.0f} s left"
                )
                self.say(f"{said}, {note}" if note else said)

            yield tell
        seconds = time.monotonic() - begun
        self.say(f"  {title}: {done_last:,} {unit} in {seconds:.1f} s")


def _rate(done: int, begun: float, unit: str) -> str:
    seconds = max(time.monotonic() - begun, 1e-6)
    return f"{done / seconds:,.0f} {unit}/s"


def listed(figures: Mapping[str, Any]) -> str:
    """Return figures in words, those above zero: ``wrong answer 3, kept 40``."""
    return ", ".join(f"{str(k).replace('_', ' ')} {v:,}" for k, v in figures.items() if v) or "none"
