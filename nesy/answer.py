"""The one path a question takes: retrieve, render, generate, extract, grade.

Distillation takes it to find the student's failures and evaluation to measure it, so a
knowledge base is built on exactly what is measured. Model, search and prompt are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nesy.errors import ModelError
from nesy.prompts import Prompt
from nesy.runs import messages_sha
from nesy.scoring import grade
from nesy.types import LM, Attempt, Completion, Hit, Messages, Question, Sampling


class Retrieved(Protocol):
    """What a search returns for one entry: its place in the ranking, and the entry."""

    @property
    def hit(self) -> Hit:
        """Entry id, score and rank."""

    @property
    def entry(self) -> Any:
        """The entry, with at least the fields that the prompt reads."""


Search = Callable[[Sequence[Question]], Sequence[Sequence[Retrieved]]]
"""Find the entries to show with each question, best first; the result has the questions' order."""

Examples = Callable[[Question], Sequence[Question]]
"""Give the worked examples to show before a question."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question with the entries found for it and the messages that the model is shown."""

    question: Question
    found: tuple[Retrieved, ...]
    messages: Messages


def answer(
    questions: Sequence[Question],
    lm: LM,
    prompt: Prompt,
    sampling: Sampling,
    search: Search | None = None,
) -> list[Attempt]:
    """Answer questions in one batch; without ``search`` no knowledge is shown.

    Raises:
        ModelError: the model could not answer, or gave another number of completions.
        PromptError: the prompt needs a variable other than those of ``prepare``.
    """
    prepared = prepare(questions, prompt, search)
    completions = lm.generate([one.messages for one in prepared], sampling)
    if len(completions) != len(prepared):
        raise ModelError(f"{lm.name}: {len(completions)} completions for {len(prepared)} prompts")
    return [attempt(one, done) for one, done in zip(prepared, completions, strict=True)]


def prepare(
    questions: Sequence[Question],
    prompt: Prompt,
    search: Search | None = None,
    examples: Examples | None = None,
) -> list[Prepared]:
    """Retrieve for each question and render what the model will be shown.

    The prompt is given ``question``, ``entries`` and ``examples`` (without any: none).
    """
    found: Sequence[Sequence[Retrieved]] = [()] * len(questions)
    if search is not None and questions:
        found = search(questions)
    return [
        Prepared(
            question=question,
            found=tuple(some),
            messages=prompt.render(
                question=question.text,
                entries=[retrieved.entry for retrieved in some],
                examples=() if examples is None else examples(question),
            ),
        )
        for question, some in zip(questions, found, strict=True)
    ]


def attempt(prepared: Prepared, completion: Completion) -> Attempt:
    """Grade a completion of a prepared question and record how it came about."""
    graded = grade(completion, prepared.question)
    return Attempt(
        question=prepared.question.id,
        task=prepared.question.task,
        hits=tuple(retrieved.hit for retrieved in prepared.found),
        prompt_sha=messages_sha(prepared.messages),
        completion=completion,
        answer=graded.answer,
        rule=graded.rule,
        outcome=graded.outcome,
        outcome_strict=graded.outcome_strict,
    )
