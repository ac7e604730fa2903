"""Read the answer out of a completion and grade it: number, choice, text or boolean.

Two rules stand side by side. The strict one is the benchmarks' official one: the text after
the last ``So the answer is `` (or ``#### `` for numbers), final dot dropped, compared
exactly. The lenient one finds the answer that a careful reader would find and compares
values: numbers as exact decimals, choices by letter or option text, text without regard to
case and punctuation. An empty completion is never correct, and where no answer can be found
none is made up.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nesy import latex
from nesy.numerals import canonical, number, numbers_in
from nesy.types import AnswerKind, Completion, Outcome, Question

Rule = Literal["lenient", "strict"]
PHRASE = "So the answer is "


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer found in a text.

    ``value`` is its canonical form (``18``, ``(B)``, ``Yes``, text), ``rule`` how it was
    found, ``span`` the half-open range of characters it was read from.
    """

    value: str
    rule: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Graded:
    """A graded completion: the lenient answer with its rule, and the outcome under both rules."""

    answer: str | None
    rule: str | None
    outcome: Outcome
    outcome_strict: Outcome


def grade(completion: Completion, question: Question) -> Graded:
    """Grade a completion under the lenient and the strict rule.

    A number whose target is an expression, as ``2\\sqrt{3}``, is read as text and compared by
    ``nesy.latex``. Without an answer the outcome is ``truncated`` if the completion ended at
    its limit, else ``unparsed``; so is a wrong number or text that stands at the very end of
    such a one.
    """
    text = completion.text
    cut_off = completion.finish == "length"
    expression = question.kind == "number" and latex.is_expression(question.target)
    kind: AnswerKind = "text" if expression else question.kind
    found = extract(text, kind, question.choices, "lenient")
    if cut_off and found is not None and found.rule in _GUESSES:
        found = None  # a number somewhere in an unfinished rationale is no answer
    strict = extract(text, kind, question.choices, "strict")

    def same(value: str) -> bool:
        if expression:
            return latex.equal(latex.written(value), question.target)
        return matches(value, question.target, kind, question.choices)

    def outcome(seen: Extracted | None, right: bool) -> Outcome:
        if seen is not None and right:
            return "correct"
        if cut_off and (seen is None or _touches_end(seen, text, kind)):
            return "truncated"
        return "unparsed" if seen is None else "wrong"

    return Graded(
        answer=None if found is None else found.value,
        rule=None if found is None else found.rule,
        outcome=outcome(found, found is not None and same(found.value)),
        outcome_strict=outcome(
            strict,
            strict is not None and _exact(strict.value, kind) == _exact(question.target, kind),
        ),
    )


def extract(
    text: str, kind: AnswerKind, choices: Sequence[str] = (), rule: Rule = "lenient"
) -> Extracted | None:
    """Find the answer in a completion, or ``None`` if it has none.

    The last answer phrase that an answer follows wins; what runs on into a next question is
    not read. ``choices`` are the option texts in order, used when ``kind`` is ``choice``.
    """
    start, end = own_part(text)
    if rule == "strict":
        return _strict(text, start, end, kind)
    marker = _CHOICE_MARKER if kind == "choice" else _MARKER
    found = list(marker.finditer(text, start, end))
    limits = [*(m.start() for m in found), end][1:]
    segments = [(m.end(), limit, str(m.lastgroup)) for m, limit in zip(found, limits, strict=True)]
    if kind == "text":  # "the answer is" is too common in prose to beat the full phrase
        segments.sort(key=lambda segment: segment[2] in _FULL_PHRASES)
    for first, limit, name in reversed(segments):
        read = _READ[kind](text, first, limit, choices)
        if read is not None:
            return Extracted(read[0], name, read[1])
    return _without_phrase(text, start, end, kind, choices)


def matches(value: str, target: str, kind: AnswerKind, choices: Sequence[str] = ()) -> bool:
    """Compare an extracted value with a target under the lenient rule."""
    if not value.strip():
        return False
    if kind == "number":
        ours, theirs = number(value), number(target)
        return ours is not None and ours == theirs
    if kind == "boolean":
        return _BOOLEAN_SENSE.get(_plain(value)) == _BOOLEAN_SENSE.get(_plain(target), "")
    if kind == "choice":
        return _as_label(value, choices) == _as_label(target, choices)
    return _plain(value) == _plain(target)


def own_part(text: str) -> tuple[int, int]:
    """Return the range of a completion that answers its own question.

    It starts after a closed ``</think>`` block and ends before a special token or a line that
    opens a next question. An unclosed ``<think>`` block holds no answer.
    """
    start = text.rfind("</think>") + len("</think>") if "</think>" in text else 0
    end = len(text)
    if start == 0 and text.lstrip().startswith("<think>"):
        end = 0
    for match in _RUN_ON.finditer(text, start, end):
        if text[start : match.start()].strip():
            return start, match.start()
    return start, end


_RUN_ON = re.compile(
    r"\n[ \t]*(?:\*\*|#+ ?)?(?:Q|Question|Problem|Exercise|Knowledge|User|Human|Instruction)"
    r"(?: ?\d+)?(?:\*\*)?[ \t]*:|<\|[^|>\n]{1,40}\|>|</s>|<eos>|<end_of_turn>"
)
_MARKERS = (
    r"(?P<phrase>\bso,? the (?:final |correct )?answer is\b)"
    r"|(?P<hash>\#{4})"
    r"|(?P<boxed>\\boxed\s*(?=\{))"
    r"|(?P<label>^[ \t>*\#_]*(?:(?:the )?(?:final |correct )?answer|a)[*_]*[ \t]*:)"
    r"|(?P<answer>\b(?:the|my|our|this|final|correct|right|best) (?:final |correct |right |best )?"
    r"(?:answer|option|choice|result)(?: (?:choice|option|here|to [^.:\n]{1,60}?))?"
    r" (?:is|was|=|will be|would be|should be|must be)\b)"
)
_CHOICE_LABEL = (
    r"|(?P<choice>^[ \t>*\#_]*(?:the )?(?:final|correct|right|best) (?:choice|option)[*_]*[ \t]*:)"
)
_MARKER = re.compile(_MARKERS, re.IGNORECASE | re.MULTILINE)
_CHOICE_MARKER = re.compile(_MARKERS + _CHOICE_LABEL, re.IGNORECASE | re.MULTILINE)
_FULL_PHRASES = ("phrase", "hash", "boxed", "label")
_GUESSES = ("last number", "last option", "last word", "whole text", "first word", "conclusion")
_SHORT = 200  # characters of a completion that can be an answer and nothing else
_NEGATED = re.compile(r"[\s*:]*(?:not|neither|n't)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=[*_\"')\]]*(?:\s|$))|\n|$")


def _strict(text: str, start: int, end: int, kind: AnswerKind) -> Extracted | None:
    position, name = text.rfind(PHRASE, start, end), "phrase"
    if position >= 0:
        position += len(PHRASE)
    if kind == "number":
        hashed = text.rfind("####", start, end)
        if hashed > position:
            position, name = hashed + len("####"), "hash"
    if position < 0:
        return None
    first, last = _trim(text, position, end)
    if last > first and text[last - 1] == ".":
        last -= 1
    return Extracted(text[first:last], name, (first, last)) if last > first else None


def _exact(value: str, kind: AnswerKind) -> str:
    return value.replace(",", "") if kind == "number" else value


def _touches_end(found: Extracted, text: str, kind: AnswerKind) -> bool:
    return kind in ("number", "text") and not text[found.span[1] :].strip(" \t$*")


def _trim(text: str, start: int, end: int, drop: str = "") -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in drop):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in drop):
        end -= 1
    return start, end


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    first, _ = _trim(text, start, end, ":*_ ")
    stop = _SENTENCE_END.search(text, first, end)
    return first, stop.start() if stop else end


def _read_number(
    text: str, start: int, end: int, choices: Sequence[str]
) -> tuple[str, tuple[int, int]] | None:
    if _NEGATED.match(text, start, end):
        return None
    first, last = _sentence(text, start, end)
    equals = text.rfind("=", first, last)
    if equals >= 0:  # "so the answer is 16 - 3 = 13"
        after = next(numbers_in(text, equals + 1, last), None)
        if after is not None:
            return canonical(after[0]), after[1]
    found = next(numbers_in(text, first, last), None)
    return None if found is None else (canonical(found[0]), found[1])


# --- choices -----------------------------------------------------------------------------

_PARENTHESISED = re.compile(r"\(\s*([A-Z])\s*\)", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:(?:option|choice|answer|letter)\s+)?[(\[{]?\s*(?:\\?text\s*\{\s*)?[(\[]?"
    r"(?P<letter>[A-Za-z])[)\]}]*(?P<after>\s*(?:[.:,;)\]}*]|$)|\s+(?:because|since|as|which|is|"
    r"[-\u2013\u2014])\b)",
    re.IGNORECASE,
)

# A last sentence that says nothing else: "Therefore, B is correct.", "C is the best choice."
# Without either word an option may only be called true: "A is false. B is correct."
_CONCLUSION = re.compile(
    r"\s*(?P<so>(?:[Tt]herefore|[Tt]hus|[Hh]ence|[Ss]o|[Aa]ccordingly|[Ii]n conclusion),? )?"
    r"(?:(?:[Tt]he )?(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter) )?"
    r"[*_(\[]*(?P<letter>[A-Z])[*_)\]]* is (?:the )?(?:correct|right|best)"
    r"(?(so)(?: (?:answer|choice|option|one))?| (?:answer|choice|option|one))[*_]*[.!]?[*_]*"
)


def _read_choice(
    text: str, start: int, end: int, choices: Sequence[str]
) -> tuple[str, tuple[int, int]] | None:
    if _NEGATED.match(text, start, end):
        return None
    first, last = _line(text, start, end)
    _, stop = _sentence(text, first, last)
    first, _ = _trim(text, first, last, "*_`\"'\u201c\u2018$\\{ ")
    labels = list(_PARENTHESISED.finditer(text, first, stop))
    if labels and labels[0].start() == first:
        letters = [m[1].upper() for m in _hedged(text, labels)]
        value = " or ".join(f"({letter})" for letter in dict.fromkeys(letters))
        return value, (labels[0].start(), labels[len(letters) - 1].end())
    by_text = _option(text[first:stop], choices) or _option(text[first:last], choices)
    if by_text is not None and stop - first > 1:
        return by_text, (first, stop)
    label = _LABEL.match(text, first, last)
    if label is not None and _in_range(label["letter"], choices):
        return f"({label['letter'].upper()})", label.span("letter")
    if labels:
        distinct = dict.fromkeys(m[1].upper() for m in labels)
        value = " or ".join(f"({letter})" for letter in distinct)
        return value, (labels[0].start(), labels[-1].end())
    contained = [i for i, choice in enumerate(choices) if _contains(text[first:stop], choice)]
    longest = [i for i in contained if not any(_inside(choices, i, j) for j in contained)]
    if len(longest) == 1:
        return _letter(longest[0]), (first, stop)
    return None


def _hedged(text: str, labels: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the leading labels that are joined by "or", "and", a comma or a slash."""
    chain = labels[:1]
    for before, after in itertools.pairwise(labels):
        between = text[before.end() : after.start()]
        if not re.fullmatch(r"\s*(?:,|/|&|,?\s*\b(?:or|and)\b)\s*", between):
            break
        chain.append(after)
    return chain


def _line(text: str, start: int, end: int) -> tuple[int, int]:
    first, _ = _trim(text, start, end, ":*_ ")
    stop = text.find("\n", first, end)
    return first, end if stop < 0 else stop


def _letter(index: int) -> str:
    return f"({chr(ord('A') + index)})"


def _in_range(letter: str, choices: Sequence[str]) -> bool:
    index = ord(letter.upper()) - ord("A")
    return index < len(choices) if choices else letter.isupper()


def _option(text: str, choices: Sequence[str]) -> str | None:
    wanted = _plain(text)
    same = [i for i, choice in enumerate(choices) if wanted and _plain(choice) == wanted]
    return _letter(same[0]) if len(same) == 1 else None


def _contains(text: str, choice: str) -> bool:
    needle = re.escape(_plain(choice))
    return bool(needle) and bool(re.search(rf"(?<!\w){needle}(?!\w)", _plain(text)))


def _inside(choices: Sequence[str], index: int, other: int) -> bool:
    return index != other and _contains(choices[other], choices[index])


def _as_label(value: str, choices: Sequence[str]) -> str:
    if _PARENTHESISED.fullmatch(value.strip()):
        return value.strip().upper()
    return _option(value, choices) or _plain(value)


# --- booleans and text -------------------------------------------------------------------

_BOOLEAN_SENSE = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_BOOLEAN_SENSE |= {"valid": "valid", "invalid": "invalid"}
_BOOLEAN = re.compile(r"\b(yes|no|true|false|valid|invalid)\b", re.IGNORECASE)


def _read_boolean(
    text: str, start: int, end: int, choices: Sequence[str]
) -> tuple[str, tuple[int, int]] | None:
    first, last = _sentence(text, start, end)
    found = list(_BOOLEAN.finditer(text, first, last))
    if not found:
        return None
    if any(_opposed(found[0][1], other[1]) for other in found[1:]):
        between = text[found[0].end() : found[1].start()]
        if re.fullmatch(r"\s*(?:,|/|or|and|and/or)\s*", between):
            return text[found[0].start() : found[1].end()], (found[0].start(), found[1].end())
    value = found[0]
    if re.search(r"\bnot\s+(?:\w+\s+)?$", text[first : value.start()], re.IGNORECASE):
        opposite = {"valid": "invalid", "true": "False"}.get(value[1].lower())
        return None if opposite is None else (opposite, value.span())
    return value[1], value.span()


def _opposed(one: str, other: str) -> bool:
    return one.lower() != other.lower()


def _read_text(
    text: str, start: int, end: int, choices: Sequence[str]
) -> tuple[str, tuple[int, int]] | None:
    first, last = _line(text, start, end)
    stop = re.compile(r"[.!?](?=\s+[A-Z])").search(text, first, last)
    first, last = _trim(text, first, stop.start() if stop else last, "*_`")
    if last > first and text[last - 1] == ".":
        last -= 1
    for opening, closing in (('"', '"'), ("'", "'"), ("“", "”"), ("{", "}"), ("`", "`")):
        if last - first >= 2 and text[first] == opening and text[last - 1] == closing:
            inner = text[first + 1 : last - 1]
            if opening not in inner and closing not in inner and inner.strip(" <>[](){}"):
                first, last = first + 1, last - 1
    return (text[first:last], (first, last)) if text[first:last].strip() else None


def _plain(text: str) -> str:
    """Fold case, punctuation at the rim, list commas, quotes, markup and white space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = re.sub(r"\\text\s*\{([^}]*)\}", r"\1", folded)
    folded = re.sub("[\u2018\u2019]", "'", folded)
    if not any(character.isalnum() for character in folded):
        return re.sub(r"[\s,;.*`'\"]+", "", folded)  # brackets: spacing carries nothing
    folded = re.sub(r"[*`\"“”]+|(?<!\d)[,;]|[,;](?!\d)", " ", folded)
    return " ".join(folded.split()).strip(" .!?:'")


_READ = {
    "number": _read_number,
    "choice": _read_choice,
    "boolean": _read_boolean,
    "text": _read_text,
}


def _without_phrase(
    text: str, start: int, end: int, kind: AnswerKind, choices: Sequence[str]
) -> Extracted | None:
    """Read an answer that no phrase announces, where a reader could not mistake it."""
    first, end = _trim(text, start, end)
    if first == end:
        return None
    newline = text.rfind("\n", first, end)
    if kind == "number":
        numbers = list(numbers_in(text, newline + 1 if newline >= 0 else first, end))
        if not numbers or text[end - 1] in "=+-*/(<":  # breaks off inside a computation
            return None
        return Extracted(canonical(numbers[-1][0]), "last number", numbers[-1][1])
    opening = _BOOLEAN.match(text, first, end)
    if kind == "boolean" and opening is not None:
        return Extracted(opening[1], "first word", opening.span())
    closing = _last_sentence(text, first, end)
    if closing == first and kind == "choice" and end - first <= _SHORT:
        found = _read_choice(text, first, end, choices)
        if found is not None:
            return Extracted(found[0], "whole text", found[1])
    if kind == "choice":
        concluded = _CONCLUSION.fullmatch(text, closing, end)
        if concluded is not None and _in_range(concluded["letter"], choices):
            return Extracted(f"({concluded['letter']})", "conclusion", concluded.span("letter"))
        labels = list(_PARENTHESISED.finditer(text, closing, end))
        if len(labels) == 1 and _is_closed(text, end):
            return Extracted(f"({labels[0][1].upper()})", "last option", labels[0].span())
        return None
    if kind == "boolean":
        words = list(_BOOLEAN.finditer(text, closing, end))
        if len({word[1].lower() for word in words}) != 1 or not _is_closed(text, end):
            return None
        found = _read_boolean(text, closing, end, choices)
        return None if found is None else Extracted(found[0], "last word", found[1])
    if newline >= 0:
        return None
    found = _read_text(text, first, end, choices)
    return None if found is None else Extracted(found[0], "whole text", found[1])


def _last_sentence(text: str, start: int, end: int) -> int:
    ends = [m.end() for m in re.finditer(r"[.!?](?=\s)|\n", text[start : end - 1])]
    return start + ends[-1] if ends else start


def _is_closed(text: str, end: int) -> bool:
    """Whether a text ends as a sentence does, so was not broken off."""
    return text[end - 1] in ".!?)*\"'”" or _BOOLEAN.search(text, end - 8, end) is not None
