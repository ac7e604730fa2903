"""What a distillation will ask its teacher for, and cost: a range for each stage, nothing asked."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from nesy import models, prompts
from nesy.completions import CachedLM, Completions
from nesy.models.flow import Terms
from nesy.recipe import Recipe
from nesy.spend import Budget, Price, price_of
from nesy.stages.rationales import asking
from nesy.types import Messages, Question, Sampling

_PROMPTS = 200  # rendered to estimate the length of all
_ENOUGH = 5  # replies that tell how long the others will be
_SHORTEST = 32  # tokens of an answer, where none is known
_BYTES = (5.0, 3.0)  # of a token: the range that the usual vocabularies have on English text
_DEVIATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Range:
    """From the least to the most that is likely."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a stage will ask for; ``usd`` is ``None`` where the price is unknown.

    ``stored`` requests of it are answered already; ``basis`` says where the length of the
    answers comes from.
    """

    stage: str
    calls: Range
    stored: int
    prompt_tokens: Range
    completion_tokens: Range
    usd: Range | None
    basis: str


def estimate(
    recipe: Recipe,
    questions: Sequence[Question],
    failures: int | None,
    terms: Terms,
    sample: int = 0,
    max_usd: float | None = None,
) -> list[Estimate]:
    """Estimate the stages that ask the teacher.

    ``failures`` is the number of the student's, if it is known. With ``sample`` that many
    questions are asked for good first; their answers are stored, and the distillation uses them.

    Raises:
        ModelError: the teacher can't be loaded, or doesn't answer the sample.
        BudgetReached: the sample could cost more than ``max_usd``.
    """
    spec, store = recipe.teacher.model, Completions()
    price = price_of(spec)
    lm = models.load(spec, terms=terms, budget=Budget(price, max_usd))
    teacher = CachedLM(lm, store, run="samples", price=price)
    teacher.stage = "rationales"
    prompt = prompts.load(recipe.teacher.rationale_prompt)
    rendered = [asking(prompt, question) for question in questions]
    stored = 0
    for number in range(recipe.teacher.samples):
        sampling = Sampling(
            temperature=recipe.teacher.temperature,
            max_tokens=recipe.teacher.max_tokens,
            seed=number,
        )
        if sample and number == 0:
            teacher.generate(rendered[:sample], sampling)
        stored += teacher.known(rendered, sampling)
    calls = len(questions) * recipe.teacher.samples - stored
    new = 0 if recipe.rounds is None else recipe.rounds.count * recipe.rounds.questions
    knowledge = prompts.load(recipe.teacher.knowledge_prompt)
    wrong = "word " * min(256, recipe.student.max_tokens // 2)
    asked = [knowledge.render(question=q.text, wrong=wrong, target=q.target) for q in questions]
    return [
        _stage(
            "rationales",
            Range(calls, calls + new * recipe.teacher.samples),
            stored,
            _tokens(rendered),
            *_lengths(store, teacher.name, "rationales", recipe.teacher.max_tokens),
            price,
        ),
        _stage(
            "knowledge",
            Range(failures or 0, (len(questions) if failures is None else failures) + new),
            0,
            _tokens(asked),
            *_lengths(store, teacher.name, "knowledge", recipe.teacher.knowledge_max_tokens),
            price,
        ),
    ]


def total(stages: Sequence[Estimate]) -> Range | None:
    """Return what all stages cost together, in USD; ``None`` where a price is unknown."""
    known = [stage.usd for stage in stages if stage.usd is not None]
    if len(known) < len(stages):
        return None
    return Range(sum(usd.least for usd in known), sum(usd.most for usd in known))


def _stage(
    name: str,
    calls: Range,
    stored: int,
    prompt: Range,
    completion: Range,
    basis: str,
    price: Price | None,
) -> Estimate:
    """Multiply calls by the tokens of one, and tokens by the price."""
    read = Range(calls.least * prompt.least, calls.most * prompt.most)
    written = Range(calls.least * completion.least, calls.most * completion.most)
    usd = None
    if price is not None:
        usd = Range(
            price.usd(round(read.least), round(written.least)),
            price.usd(round(read.most), round(written.most)),
        )
    return Estimate(name, calls, stored, read, written, usd, basis)


def _tokens(prompts_: Sequence[Messages]) -> Range:
    """Tokens of a prompt, from the bytes of some."""
    some = Random(0).sample(list(prompts_), min(_PROMPTS, len(prompts_)))
    sizes = [sum(len(m.content.encode()) for m in messages) for messages in some]
    around = _mean(sizes)
    return Range(around.least / _BYTES[0], around.most / _BYTES[1])


def _lengths(store: Completions, model: str, stage: str, limit: int) -> tuple[Range, str]:
    """Tokens of an answer: as those that this teacher gave, else anything up to the limit."""
    seen = store.lengths(model, stage)
    if len(seen) < _ENOUGH:
        return Range(min(_SHORTEST, limit), limit), "no answers of this teacher yet"
    around = _mean(seen)
    return Range(around.least, min(limit, around.most)), f"{len(seen):,} answers of this teacher"


def _mean(values: Sequence[int]) -> Range:
    """The mean, give or take two standard errors."""
    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else mean
    return Range(max(0.0, mean - _DEVIATIONS * error), mean + _DEVIATIONS * error)
