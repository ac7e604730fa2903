"""The page on which a person labels triples by single keys; every verdict is saved at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from nesy.commonsense.labels import Session, Verdict, worded

_VERDICTS: dict[str, Verdict] = {"a": "valid", "r": "invalid", "s": "skipped"}
_KEYS = "a accept   r reject   s skip   u undo   q stop"
Key = Callable[[], str]


def label(session: Session, key: Key, console: Console, labeller: str) -> None:
    """Show one triple after another until all are labelled or the person stops."""
    note = ""
    while (triple := session.next) is not None:
        console.clear()
        counts = session.counts
        done = sum(counts.values())
        console.print(
            Text(
                f"{done:,} of {session.total:,}   valid {counts['valid']}   "
                f"invalid {counts['invalid']}   skipped {counts['skipped']}   "
                f"labeller {labeller}",
                style="dim",
            )
        )
        console.print(Text(f"\n  {triple.head}.", style="bold"))
        console.print(Text(f"  {worded(triple)}\n", style="bold cyan"))
        console.print(Text(f"{_KEYS}   {note}".rstrip(), style="dim"))
        pressed = key()
        note = ""
        if pressed in _VERDICTS:
            session.say(_VERDICTS[pressed])
        elif pressed == "u":
            note = "" if session.undo() else "nothing to undo"
        elif pressed in ("q", ""):
            return
        else:
            note = f"{pressed!r} is no key of this page"


@contextmanager
def keys() -> Iterator[Key]:
    """Read single keys from a terminal, or characters from what is piped in (``""`` at its end)."""
    if not sys.stdin.isatty():
        yield _piped
        return
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)
    try:
        yield lambda: os.read(number, 1).decode("utf-8", "replace").lower()
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _piped() -> str:
    while (char := sys.stdin.read(1)).isspace():
        pass
    return char.lower()
