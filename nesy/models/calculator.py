"""A calculator at decode time: after ``a op b =`` the exact result is written for the student.

A small model plans a computation well and carries digits badly. Two forms are known:

* ``annotated``: inside GSM8K's ``<<6*9=`` the value of the expression follows, so the model
  writes ``>>54`` itself; nothing is done after a plain ``=``.
* ``plain``: as ``annotated``, and after a spaced operation (``6 * 9 =``) the result follows
  too, unless the model's own next token opens ``<<``, in which case that form decides.

The result is written only if it is exact: an integer, or a decimal of at most 6 places.
Right after it no token that starts with a digit may follow, so 54 never becomes 540.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from nesy.errors import ModelError

Mode = Literal["off", "plain", "annotated"]
MODES: tuple[Mode, ...] = ("off", "plain", "annotated")
_PLACES = 6
_LONGEST = 40  # tokens of text that are looked back on for an operation
_MOST_DIGITS = 30

_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
_ANNOTATED = re.compile(r"<<([-+*/().\d\s]+)=$")
_PLAIN = re.compile(
    rf"(?:^\s*|[^\w\s.,)%$+*/-]\s*|[^-+*/\s]\s+)(-?{_NUMBER}) ([-+*/]) (-?{_NUMBER}) =$"
)
_NOTE = re.compile(r"<<([^<>=]*)=([^<>=]*)>>")
_TOKEN = re.compile(rf"\s*({_NUMBER}|[-+*/()])")


@dataclass(slots=True)
class Desk:
    """What the calculator remembers about one completion while it is written."""

    waiting: str | None = None
    forced: list[int] = field(default_factory=list)
    no_digit: bool = False


class Calculator:
    """Watches completions token by token and says which token must come next."""

    def __init__(self, tokenizer: Any, mode: Mode) -> None:
        """Prepare for one tokenizer.

        Raises:
            ModelError: ``mode`` is not one of off, plain, annotated.
        """
        if mode not in MODES:
            raise ModelError(f"calculator {mode!r}: use one of {', '.join(MODES)}")
        self.mode = mode
        self._tokenizer = tokenizer
        self._equals: frozenset[int] = frozenset()
        self.digits: list[int] = []
        if mode != "off":
            raw = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
            texts = [token or "" for token in raw]
            self._equals = frozenset(i for i, text in enumerate(texts) if text.endswith("="))
            self.digits = [
                i for i, text in enumerate(texts) if text[:1].isascii() and text[:1].isdigit()
            ]

    def choose(self, desk: Desk, token: int) -> int:
        """Return the token that is written: ``token``, the model's own choice, or a forced one."""
        desk.no_digit = False
        if desk.waiting is not None:
            text = self._tokenizer.decode([token])
            if text.lstrip().startswith(("<", "=")):
                desk.waiting = None
            elif not text.strip() and "\n" not in text and text:
                desk.waiting = desk.waiting.lstrip()
            else:
                desk.forced = self._ids("=", desk.waiting)
                desk.waiting = None
        if desk.forced:
            token = desk.forced.pop(0)
            desk.no_digit = not desk.forced
        return token

    def watch(self, desk: Desk, written: Sequence[int]) -> None:
        """Look at a completion whose last token has just been written."""
        if desk.forced or not written or written[-1] not in self._equals:
            return
        text = self._tokenizer.decode(written[-_LONGEST:])
        if len(written) > _LONGEST:
            text = "+" + text  # what stands before is unknown, so nothing may start there
        annotated = _ANNOTATED.search(text)
        if annotated:
            result = evaluate(annotated[1])
            if result is not None:
                desk.forced = self._ids("=", result)
            return
        if self.mode == "plain":
            result = _completed(_PLAIN.search(text))
            if result is not None:
                desk.waiting = " " + result

    def _ids(self, before: str, text: str) -> list[int]:
        """Token ids of ``text`` as it follows ``before`` in running text."""
        start: list[int] = self._tokenizer.encode(before, add_special_tokens=False)
        whole: list[int] = self._tokenizer.encode(before + text, add_special_tokens=False)
        if whole[: len(start)] == start:
            return whole[len(start) :]
        alone: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return alone


def without_notes(text: str, mode: Mode) -> str:
    """Leave out the annotations that a student with a calculator of that mode need not write.

    Those are in mode ``plain`` the ones right after an operation that it completes by itself:
    ``6 * 9 = <<6*9=54>>54`` becomes ``6 * 9 = 54``, but of ``6*9=<<6*9=54>>54`` nothing is left
    out, because without spaces an operation may be anything.
    """
    if mode != "plain":
        return text
    kept, end = "", 0
    for note in _NOTE.finditer(text):
        kept += text[end : note.start()]
        end = note.end()
        result = _completed(_PLAIN.search(kept.rstrip()))
        needless = result is not None and result == note[2] == evaluate(note[1])
        if not (needless and text.startswith(note[2], end)):
            kept += note[0]
    return kept + text[end:]


def evaluate(expression: str) -> str | None:
    """Compute an expression of numbers, ``+ - * /`` and parentheses exactly.

    Returns the result as plain digits, or ``None`` if it is malformed, divides by zero, or
    does not end within 6 decimals.
    """
    tokens: list[str] = []
    place = 0
    expression = expression.rstrip()
    while place < len(expression):
        match = _TOKEN.match(expression, place)
        if match is None or len(match[1]) > _MOST_DIGITS:
            return None
        tokens.append(match[1])
        place = match.end()
    try:
        value = _sum(tokens)
    except (ZeroDivisionError, _MalformedError):
        return None
    return None if tokens else _written(value)


def _completed(plain: re.Match[str] | None) -> str | None:
    return evaluate(f"({plain[1]}) {plain[2]} ({plain[3]})") if plain else None


class _MalformedError(Exception):
    """The expression is no arithmetic."""


def _sum(tokens: list[str]) -> Fraction:
    value = _product(tokens)
    while tokens and tokens[0] in "+-":
        sign = tokens.pop(0)
        term = _product(tokens)
        value = value + term if sign == "+" else value - term
    return value


def _product(tokens: list[str]) -> Fraction:
    value = _factor(tokens)
    while tokens and tokens[0] in "*/":
        sign = tokens.pop(0)
        factor = _factor(tokens)
        value = value * factor if sign == "*" else value / factor
    return value


def _factor(tokens: list[str]) -> Fraction:
    if not tokens:
        raise _MalformedError
    first = tokens.pop(0)
    if first == "-":
        return -_factor(tokens)
    if first == "(":
        value = _sum(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise _MalformedError
        return value
    if first in "+*/)":
        raise _MalformedError
    return Fraction(first)


def _written(value: Fraction) -> str | None:
    scaled = value * 10**_PLACES
    if scaled.denominator != 1:
        return None
    if value.denominator == 1:
        return str(value.numerator)
    whole, rest = divmod(abs(scaled.numerator), 10**_PLACES)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{rest:0{_PLACES}d}".rstrip("0")
