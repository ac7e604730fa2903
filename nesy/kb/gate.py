"""The confidence gate (NesyCD): only a question of which the student is unsure retrieves.

The confidence c(x) is the mean, over the first tokens that the student writes greedily for the
question without knowledge, of the probability of the best token minus that of the second. A
question retrieves iff c(x) <= threshold. The threshold is fitted on questions that the student
was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nesy import picture, stats
from nesy.errors import InputError, ModelError
from nesy.kb.index import Found
from nesy.kb.search import Searching
from nesy.prompts import Prompt
from nesy.runs import messages_sha
from nesy.types import LM, Messages, Question

TOKENS = 16
"""Tokens over which the confidence is averaged."""

_FOLDS = 5


class GatedSearch:
    """A search that gives nothing to a question of which the student is sure."""

    def __init__(self, search: Searching, lm: LM, prompt: Prompt, threshold: float) -> None:
        """Raises ModelError if the model can't say how sure it is."""
        self._search = search
        self._lm = lm
        self._prompt = prompt
        self._threshold = threshold
        self._known: dict[str, float] = {}
        _teller(lm)

    def __call__(self, questions: Sequence[Question]) -> list[list[Found]]:
        """Return the entries found for each question, best first; none for a sure one."""
        sure = self._confidences(questions)
        unsure = [i for i, value in enumerate(sure) if value <= self._threshold]
        found: list[list[Found]] = [[] for _ in questions]
        some = self._search([questions[i] for i in unsure]) if unsure else []
        for i, entries in zip(unsure, some, strict=True):
            found[i] = entries
        return found

    def _confidences(self, questions: Sequence[Question]) -> list[float]:
        # A resumed evaluation asks twice: which answers still hold, and what to ask anew.
        rendered = [self._prompt.render(question=q.text, entries=[]) for q in questions]
        keys = [messages_sha(messages) for messages in rendered]
        new = {k: q for k, q in zip(keys, questions, strict=True) if k not in self._known}
        told = confidences(self._lm, self._prompt, list(new.values()))
        self._known |= dict(zip(new, told, strict=True))
        return [self._known[key] for key in keys]


def confidences(lm: LM, prompt: Prompt, questions: Sequence[Question]) -> list[float]:
    """Return c(x) of each question in [0, 1], asked in full and without knowledge.

    Raises:
        ModelError: the model can't say how sure it is.
    """
    return sureness(lm, [prompt.render(question=q.text, entries=[]) for q in questions])


def sureness(lm: LM, prompts: Sequence[Messages]) -> list[float]:
    """Return how sure a model is of what it writes to each prompt, in [0, 1].

    Raises:
        ModelError: the model can't say how sure it is.
    """
    while (inner := getattr(lm, "lm", None)) is not None:  # what only stores or chains answers
        lm = inner
    told: list[float] = _teller(lm)(prompts, TOKENS) if prompts else []
    return told


def _teller(lm: LM) -> Any:
    teller = getattr(lm, "confidences", None)
    if teller is None:
        raise ModelError(
            f"{lm.name} does not tell the probabilities of its tokens, which knowledge.gate and "
            "generate.sure need; use local weights, or set both to null"
        )
    return teller


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold of the risk-coverage curve.

    ``coverage`` is the share of questions answered without knowledge (c(x) > threshold),
    ``risk`` the share of wrong answers among them, ``accuracy`` that of all questions when
    the others retrieve.
    """

    threshold: float
    coverage: float
    risk: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted threshold with what it is worth, all over the same held-out questions.

    ``alone`` and ``knowledge`` are the accuracies without and always with knowledge,
    ``fitted`` that of the threshold on the questions it was fitted on, and ``checked`` on
    questions it was not fitted on (5 folds); ``gain`` compares these with always retrieving.
    ``area`` is the area under the risk-coverage curve; lower is better.
    """

    threshold: float
    questions: int
    retrieving: float
    alone: float
    knowledge: float
    fitted: float
    checked: float
    gain: stats.Pair
    area: float
    curve: tuple[Point, ...]


def fit(confidence: Sequence[float], alone: Sequence[bool], knowledge: Sequence[bool]) -> Fit:
    """Choose the threshold with the most right answers; of equals the one that retrieves most.

    ``alone`` and ``knowledge`` say which questions are right without and with knowledge.

    Raises:
        InputError: fewer questions than folds.
    """
    total = len(confidence)
    if total < _FOLDS:
        raise InputError(f"{total} held-out questions; a threshold needs at least {_FOLDS}")
    curve = risk_coverage(confidence, alone, knowledge)
    threshold = _best(curve)
    checked: list[bool] = []
    always: list[bool] = []
    for fold in range(_FOLDS):
        rest = [i for i in range(total) if i % _FOLDS != fold]
        known = [[values[i] for i in rest] for values in (alone, knowledge)]
        chosen = _best(risk_coverage([confidence[i] for i in rest], *known))
        for i in range(fold, total, _FOLDS):
            checked.append(knowledge[i] if confidence[i] <= chosen else alone[i])
            always.append(knowledge[i])
    return Fit(
        threshold=threshold,
        questions=total,
        retrieving=sum(value <= threshold for value in confidence) / total,
        alone=sum(alone) / total,
        knowledge=sum(knowledge) / total,
        fitted=max(point.accuracy for point in curve),
        checked=sum(checked) / total,
        gain=stats.pair(always, checked),
        area=_area(confidence, alone),
        curve=curve,
    )


def drawn(made: Fit) -> str:
    """The risk-coverage curve as an SVG image."""
    answered = [point for point in made.curve if point.coverage]  # of no answer there is no risk
    return picture.curve(
        [(point.coverage, point.risk) for point in answered],
        "coverage: share of questions answered without knowledge, surest first",
        "risk: share of wrong answers among them; dashed: all questions with knowledge",
        level=1 - made.knowledge,
        marks={
            f"gate {point.threshold:.2f}": (point.coverage, point.risk)
            for point in answered
            if point.threshold == made.threshold
        },
    )


def risk_coverage(
    confidence: Sequence[float], alone: Sequence[bool], knowledge: Sequence[bool]
) -> tuple[Point, ...]:
    """Return a point for each threshold that tells the questions apart, lowest first.

    The first has threshold 0 (only c(x) = 0 retrieves), the last 1 (every question retrieves).
    """
    total = len(confidence)
    order = sorted(range(total), key=lambda i: confidence[i])
    values = [confidence[i] for i in order]
    cuts = [(a + b) / 2 for a, b in pairwise(values) if a < b]
    points = []
    position, right_below = 0, 0
    wrong_above = total - sum(alone)
    right_above = sum(alone)
    for threshold in (0.0, *(cut for cut in cuts if cut > 0), 1.0):
        while position < total and values[position] <= threshold:
            question = order[position]
            right_below += knowledge[question]
            right_above -= alone[question]
            wrong_above -= not alone[question]
            position += 1
        above = total - position
        points.append(
            Point(
                threshold,
                above / total,
                wrong_above / above if above else 0.0,
                (right_below + right_above) / total,
            )
        )
    return tuple(points)


def _best(curve: Sequence[Point]) -> float:
    return max(curve, key=lambda point: (point.accuracy, point.threshold)).threshold


def _area(confidence: Sequence[float], alone: Sequence[bool]) -> float:
    """Mean risk over all coverages, answering the surest questions first."""
    wrong = 0
    risks = []
    for rank, i in enumerate(sorted(range(len(alone)), key=lambda i: -confidence[i]), 1):
        wrong += not alone[i]
        risks.append(wrong / rank)
    return sum(risks) / len(risks)
