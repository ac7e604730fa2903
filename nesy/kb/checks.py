"""What `nesy kb check` looks for beyond the format: wrong sums, near-duplicates, leaks.

Each check is a function from entries to problems; ``run`` calls them all.
"""

from __future__ import annotations

import ast
import datetime
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal

from nesy.kb.bm25 import words_of
from nesy.kb.entry import Entry, Pack

_MAX_LENGTH = 500  # characters of a check
_MAX_NODES = 200  # nodes of its syntax tree
_MAX_BITS = 4096  # size of a whole number that a step may make
_NEAR = 0.85  # Jaccard similarity of word shingles from which two entries count as duplicates
_OWN_NUMBERS = 3
_OVERLAP = 8  # words in a row shared with a question
_NUMBER = re.compile(r"(?<![\w.])[-+]?\$?\d[\d,]*(?:\.\d+)?")
_URL = re.compile(r"https?://[\w.-]+(:\d+)?([/?#]\S*)?")
_BEING = re.compile(r"\s(?:is|are|was|were|has|have)\s")
_NEGATIONS = frozenset({"not", "no", "never", "isn't", "aren't", "doesn't", "don't", "cannot"})
_TOKEN = re.compile(r"[^\W_]+(?:['.,][^\W_]+)*")

_OPEN = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "PDDL-1.0", "ODC-By-1.0", "MIT", "Apache-2.0")
_COMMON = frozenset({"", "yes", "no", "true", "false", "valid", "invalid"})
_ALLOWED = (
    *(ast.Expression, ast.Compare, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.And, ast.Or),
    *(ast.Constant, ast.Call, ast.Name, ast.Load),
)

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend in an entry (or a pack); a warning alone does not fail the check."""

    entry: str
    check: str
    severity: Severity
    message: str


def run(
    entries: Mapping[str, Entry], reach: Callable[[str], str | None] | None = None
) -> list[Problem]:
    """Run every check that needs nothing but the entries, and ``reach`` for ``dead_links``."""
    held = list(entries.values())
    return [
        *wrong_checks(held),
        *near_duplicates(held),
        *contradictions(held),
        *dead_links(held, reach),
    ]


def wrong_checks(entries: Iterable[Entry]) -> list[Problem]:
    """Recompute each ``check:`` expression."""
    problems = []
    for entry in entries:
        if entry.check is not None:
            reason = false(entry.check)
            if reason is not None:
                problems.append(Problem(entry.id, "check", "error", f"check: {reason}"))
    return problems


def false(expression: str) -> str | None:
    """Return why an expression is not true, or ``None`` when it is.

    It may use numbers, texts in quotes, ``True``, ``False``, ``pi``, arithmetic,
    comparisons, ``and or not in``, and abs, min, max, round, floor, ceil, sqrt, gcd, lcm,
    factorial, comb, perm, len, close(a, b), weekday(y, m, d), days(y, m, d) and leap(y).
    Length, nesting and the size of numbers are bounded, and so is its time.
    """
    import simpleeval

    if len(expression) > _MAX_LENGTH:
        return f"longer than {_MAX_LENGTH} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return f"{expression} is not an expression such as 3 * 13 == 39"
    nodes = list(ast.walk(tree))
    if len(nodes) > _MAX_NODES:
        return f"more than {_MAX_NODES} parts"
    for node in nodes:
        if not isinstance(node, _ALLOWED) and type(node) not in _operators():
            return f"{expression}: {type(node).__name__} has no place in a check"
    evaluator = simpleeval.SimpleEval(
        operators=_operators(), functions=_FUNCTIONS, names={"pi": math.pi}
    )
    try:
        value = evaluator.eval(expression.strip())
    except simpleeval.InvalidExpression as error:
        return f"{expression}: {error}"
    except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError) as error:
        return f"{expression} can't be computed: {error}"
    if value is True:
        return None
    if value is False:
        return f"{expression} is false{_sides(tree, evaluator)}"
    return f"{expression} is {value}, which is neither true nor false; compare it with =="


def _sides(tree: ast.Expression, evaluator: Any) -> str:
    """Say what the left side of a failed comparison comes to."""
    if not isinstance(tree.body, ast.Compare) or len(tree.body.ops) != 1:
        return ""
    left = ast.unparse(tree.body.left)
    return f": {left} is {evaluator.eval(left)}"


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise ValueError("the number is too large")
    return value


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > _MAX_BITS:
        raise ValueError("the exponent is too large")
    if isinstance(base, int) and base.bit_length() * abs(exponent) > _MAX_BITS:
        raise ValueError("the power is too large")
    return base**exponent


def _arithmetic(step: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(left: Any, right: Any) -> Any:
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise ValueError("arithmetic needs numbers")
        return _bounded(step(left, right))

    return checked


@cache
def _operators() -> Mapping[type[ast.AST], Callable[..., Any]]:
    return {
        ast.Add: _arithmetic(operator.add),
        ast.Sub: _arithmetic(operator.sub),
        ast.Mult: _arithmetic(operator.mul),
        ast.Div: _arithmetic(operator.truediv),
        ast.FloorDiv: _arithmetic(operator.floordiv),
        ast.Mod: _arithmetic(operator.mod),
        ast.Pow: _arithmetic(_power),
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.In: lambda left, right: left in right,
        ast.NotIn: lambda left, right: left not in right,
        ast.Not: operator.not_,
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
    }


def _small(function: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*values: int) -> Any:
        if any(abs(value) > 500 for value in values):
            raise ValueError("an argument is too large")
        return _bounded(function(*values))

    return checked


def _round(value: float, digits: int = 0) -> float:
    if abs(digits) > 30:
        raise ValueError("too many digits")
    return round(value, digits) if digits else round(value)


def _weekday(year: int, month: int, day: int) -> str:
    return datetime.date(year, month, day).strftime("%A")


def _days(year: int, month: int, day: int) -> int:
    return datetime.date(year, month, day).toordinal()


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": _round,
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "gcd": math.gcd,
    "lcm": math.lcm,
    "factorial": _small(math.factorial),
    "comb": _small(math.comb),
    "perm": _small(math.perm),
    "len": len,
    "close": lambda left, right: math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9),
    "weekday": _weekday,
    "days": _days,
    "leap": _leap,
}


def near_duplicates(entries: Sequence[Entry], threshold: float = _NEAR) -> list[Problem]:
    """Name each entry that says nearly what an earlier one says."""
    return [
        Problem(later, "near-duplicate", "warning", f"says nearly what {first} says ({score:.2f})")
        for first, later, score in duplicates(entries, threshold)
    ]


def duplicates(entries: Sequence[Entry], threshold: float = _NEAR) -> list[tuple[str, str, float]]:
    """Return pairs of entries that say nearly the same: ids and similarity in [0, 1].

    Candidates come from MinHash; the similarity is the exact Jaccard similarity of words and
    word pairs. Entries whose numbers differ, or of which each has a word that the other lacks
    (another subject in the same sentence), are no duplicates, however alike.
    """
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=64)
    shingles: dict[str, frozenset[str]] = {}
    found: dict[str, Entry] = {}
    pairs = []
    for entry in entries:
        text = entry.key("all")
        own = _shingles(text)
        signature = MinHash(num_perm=64, seed=1)
        signature.update_batch([shingle.encode() for shingle in own])
        for other in lsh.query(signature):
            score = len(own & shingles[other]) / len(own | shingles[other])
            if score >= threshold and _same_subject(text, found[other].key("all")):
                pairs.append((other, entry.id, score))
        if entry.id not in found:
            lsh.insert(entry.id, signature)
            shingles[entry.id], found[entry.id] = own, entry
    return sorted(pairs)


def _same_subject(one: str, other: str) -> bool:
    first, second = set(words_of(one)), set(words_of(other))
    return numbers(one) == numbers(other) and (first <= second or second <= first)


def contradictions(entries: Iterable[Entry]) -> list[Problem]:
    """Name entries for the same ``when`` whose facts can't both be true, or may not.

    Facts that differ in nothing but their numbers or a negation are an error; facts that say
    different things of the same subject ("X is ...") a warning.
    """
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    said_of: dict[tuple[str, str], tuple[str, str]] = {}
    problems = []
    for entry in entries:
        when = entry.when.lower()
        for fact in entry.facts:
            other = seen.setdefault((when, _bare(fact)), (entry.id, fact))
            first = said_of.setdefault((when, _subject(fact)), (entry.id, fact))
            severity: Severity | None = None
            if other[0] != entry.id and _differ(other[1], fact):
                severity = "error"
            elif first[0] != entry.id and _words(first[1]) != _words(fact) and _subject(fact):
                severity, other = "warning", first
            if severity is not None:
                verb = "contradicts" if severity == "error" else "may contradict"
                message = f"{verb} {other[0]}: {fact!r} against {other[1]!r}"
                problems.append(Problem(entry.id, "contradiction", severity, message))
    return problems


def _bare(fact: str) -> str:
    """Return a fact without what a contradiction would change: numbers and negations."""
    return " ".join(w for w in _NUMBER.sub("#", fact.lower()).split() if w not in _NEGATIONS)


def _differ(one: str, other: str) -> bool:
    denied = [sum(word in _NEGATIONS for word in text.lower().split()) % 2 for text in (one, other)]
    return numbers(one) != numbers(other) or denied[0] != denied[1]


def _subject(fact: str) -> str:
    """Return what a statement is about: the words before its first verb of being or having."""
    found = _BEING.search(fact.lower())
    return "" if found is None else fact.lower()[: found.start()]


def dead_links(
    entries: Iterable[Entry], reach: Callable[[str], str | None] | None = None
) -> list[Problem]:
    """Name entries whose ``source.url`` is no address or, with ``reach``, is not there.

    ``reach`` returns why an address can't be reached, ``None`` if it can; it is asked once an
    address.
    """
    problems = []
    told: dict[str, str | None] = {}
    for entry in entries:
        url = entry.source.get("url")
        if url is None:
            continue
        if not isinstance(url, str) or not _URL.fullmatch(url):
            problems.append(Problem(entry.id, "link", "error", f"source.url {url} is no address"))
            continue
        if reach is not None:
            if url not in told:
                told[url] = reach(url)
            if told[url] is not None:
                message = f"source.url {url} can't be reached: {told[url]}"
                problems.append(Problem(entry.id, "link", "error", message))
    return problems


def overlaps(entries: Iterable[Entry], questions: Mapping[str, str]) -> list[Problem]:
    """Name entries that hold eight words in a row of a question, given by id and text."""
    grams: dict[tuple[str, ...], str] = {}
    for id_, text in questions.items():
        for gram in _grams(_words(text)):
            grams.setdefault(gram, id_)
    problems = []
    for entry in entries:
        text = "\n".join([entry.key("all"), entry.example or ""])
        for gram in _grams(_words(text)):
            if gram in grams:
                message = f"copies words of question {grams[gram]}: {' '.join(gram)!r}"
                problems.append(Problem(entry.id, "leak", "error", message))
                break
    return problems


def unused(entries: Iterable[Entry], retrieved: Mapping[str, int]) -> list[Problem]:
    """Name entries that no question of a run was given; ``retrieved`` counts hits by id."""
    message = "was given to no question of the run"
    return [
        Problem(entry.id, "unused", "warning", message)
        for entry in entries
        if not retrieved.get(entry.id)
    ]


def licenses(packs: Mapping[str, Pack]) -> list[Problem]:
    """Name packs whose license is none that lets them be shared."""
    return [
        Problem(name, "license", "warning", f"license {pack.license} is none of {', '.join(_OPEN)}")
        for name, pack in packs.items()
        if pack.license not in _OPEN
    ]


def leaks(entry_text: str, question_text: str, target: str) -> str | None:
    """Return how knowledge gives away the question it was made from, or ``None``.

    It does when it holds the target as a word of its own (a bare letter and
    yes/no are too common to tell), three or more of the question's own numbers, or eight words in
    a row of the question.
    """
    reason = _target_copied(entry_text, target)
    if reason is not None:
        return reason
    shared = set(numbers(entry_text)) & set(numbers(question_text))
    if len(shared) >= _OWN_NUMBERS:
        return f"it copies the question's numbers {', '.join(sorted(shared))}"
    grams = set(_grams(_words(question_text)))
    for gram in _grams(_words(entry_text)):
        if gram in grams:
            return f"it copies the question's words {' '.join(gram)!r}"
    return None


def _target_copied(entry_text: str, target: str) -> str | None:
    wanted = target.strip().rstrip(".")
    if (len(wanted) == 1 and wanted.isalpha()) or wanted.lower() in _COMMON:
        return None
    if _NUMBER.fullmatch(wanted):
        if _number(wanted) in numbers(entry_text):
            return f"it holds the answer {wanted}"
        return None
    pattern = rf"(?<!\w){re.escape(wanted.lower())}(?!\w)"
    if re.search(r"\w", wanted) and re.search(pattern, entry_text.lower()):
        return f"it holds the answer {wanted!r}"
    return None


def numbers(text: str) -> tuple[str, ...]:
    """Return the numbers of a text in order, without signs of thousands or currency."""
    return tuple(_number(found) for found in _NUMBER.findall(text))


def _number(text: str) -> str:
    bare = text.replace(",", "").replace("$", "").lstrip("+")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare


def _grams(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + _OVERLAP]) for i in range(len(words) - _OVERLAP + 1)]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _TOKEN.findall(text)]


def _shingles(text: str) -> frozenset[str]:
    words = _words(text)
    return frozenset([*words, *(f"{a} {b}" for a, b in pairwise(words))])
