"""Whether two LaTeX expressions are equal, by math-verify (extra ``math``).

A model can write an expression that would be computed for ever, so another process does it and
is stopped when it takes too long.
"""

from __future__ import annotations

import atexit
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec

from nesy.errors import NesyError

TIMEOUT = 5.0  # seconds for one comparison
_START = 120.0  # seconds for the process to import sympy, once
_SIGNS = re.compile(
    r"[\\^_{}√π∞]|(?<![A-Za-z])[A-Za-z](?![A-Za-z])|\d\s*[-+*=<>]\s*\d|,\s*-?\d+\s*[\])]"
)
_NUMBER = re.compile(r"-?[$€£]?\d[\d,]*(\.\d+)?%?|-?\\d?frac\{\d+\}\{\d+\}")
_IN_TEXT = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]")

_workers: list[subprocess.Popen[str]] = []


@cache
def installed() -> bool:
    """Whether math-verify is there."""
    return find_spec("math_verify") is not None


def is_expression(target: str) -> bool:
    """Whether a target is more than a number, as ``2\\sqrt{3}``, ``x^2 + 1`` or ``(1, 2)``."""
    bare = target.strip(" .")
    if _NUMBER.fullmatch(bare.strip("$ ")):
        return False
    return _SIGNS.search(bare.strip("$ ")) is not None


def written(text: str) -> str:
    """Return the expression in an answer: what stands in braces or between signs of LaTeX."""
    bare = text.strip()
    if bare.startswith("{"):
        return bare[1 : _closing(bare)]
    found = _IN_TEXT.search(bare)
    return next(group for group in found.groups() if group) if found else bare.strip("$ .")


def equal(one: str, other: str, timeout: float = TIMEOUT) -> bool:
    """Whether two expressions are the same as text or, with math-verify, in value.

    What takes longer than ``timeout`` seconds is not equal.
    """
    if _bare(one) == _bare(other):
        return True
    if not installed() or not _bare(one):
        return False
    if not _workers:
        _start()
    return _ask(f"{json.dumps([one, other])}\n", timeout) == "true"


def serve() -> None:
    """Compare the pairs of expressions on stdin, a JSON line each; the process of ``equal``."""
    from math_verify import parse, verify

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        one, other = (parse(f"${text}$", parsing_timeout=None) for text in json.loads(line))
        same = bool(one) and bool(other) and verify(other, one, timeout_seconds=None)
        sys.stdout.write(f"{json.dumps(bool(same))}\n")
        sys.stdout.flush()


def _closing(text: str) -> int:
    """Index of the brace that closes the first one, or the length."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return index
    return len(text)


def _bare(text: str) -> str:
    plain = re.sub(r"\\(?:left|right|,|!|;|displaystyle)|[\s$]", "", text)
    return re.sub(r"\\[dt]frac", r"\\frac", plain).rstrip(".")


def _start() -> None:
    _workers.append(
        subprocess.Popen(
            [sys.executable, "-P", "-c", "from nesy.latex import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    )
    if _ask("", _START) is None:
        raise NesyError(
            f"math-verify did not start within {_START:.0f} s, so LaTeX can't be compared; "
            "try again, or install it anew: pip install --force-reinstall 'nesy[math]'"
        )


def _ask(line: str, timeout: float) -> str | None:
    """Send a line and return the reply; a process that is late or gone is stopped."""
    worker = _workers[0]
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("the process has no pipes")
    with ThreadPoolExecutor(1) as reader:
        try:
            worker.stdin.write(line)
            worker.stdin.flush()
            reply = reader.submit(worker.stdout.readline).result(timeout).strip()
        except (TimeoutError, BrokenPipeError):
            reply = ""
        if not reply:
            worker.kill()  # before the reader is waited for, whom this lets go
    if not reply:
        _stop()
    return reply or None


@atexit.register
def _stop() -> None:
    while _workers:
        worker = _workers.pop()
        worker.kill()
        worker.communicate()
