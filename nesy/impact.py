"""What an edit of the knowledge base does to the answers of a run, asking only what it touches.

A question is touched if what the model would be shown now differs from what it was shown. All
others keep their stored completion, so the result is that of answering everything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nesy.answer import Search, attempt, prepare
from nesy.errors import InputError, ModelError
from nesy.prompts import Prompt
from nesy.runs import messages_sha
from nesy.types import LM, Attempt, Question, Sampling


@dataclass(frozen=True, slots=True)
class Impact:
    """The attempts of all questions as they are now, in their order.

    ``affected`` are the questions that were answered again, with their attempts before and
    now; ``gained`` and ``lost`` count those that became, or no longer are, correct.
    """

    attempts: tuple[Attempt, ...]
    affected: tuple[tuple[Attempt, Attempt], ...]

    @property
    def gained(self) -> int:
        """Questions that only the present knowledge base answers right."""
        return sum(a.outcome != "correct" == b.outcome for a, b in self.affected)

    @property
    def lost(self) -> int:
        """Questions that only the knowledge base of the run answered right."""
        return sum(a.outcome == "correct" != b.outcome for a, b in self.affected)


def impact(
    questions: Sequence[Question],
    before: Sequence[Attempt],
    lm: LM,
    prompt: Prompt,
    sampling: Sampling,
    search: Search,
) -> Impact:
    """Bring the attempts of a run up to date with what ``search`` finds now.

    ``before`` are the run's attempts, one a question and in the same order.

    Raises:
        InputError: an attempt is of another question.
        ModelError: the model could not answer.
    """
    for question, old in zip(questions, before, strict=True):
        if old.question != question.id:
            raise InputError(f"the attempt at {old.question} stands where {question.id} should")
    prepared = prepare(questions, prompt, search)
    touched = [
        i
        for i, (one, old) in enumerate(zip(prepared, before, strict=True))
        if messages_sha(one.messages) != old.prompt_sha
    ]
    completions = {i: old.completion for i, old in enumerate(before)}
    made = lm.generate([prepared[i].messages for i in touched], sampling) if touched else []
    if len(made) != len(touched):
        raise ModelError(f"{lm.name}: {len(made)} completions for {len(touched)} prompts")
    completions |= dict(zip(touched, made, strict=True))
    # Also where nothing was asked: an edit moves the scores of the hits, and grading may be newer.
    now = tuple(attempt(one, completions[i]) for i, one in enumerate(prepared))
    return Impact(now, tuple((before[i], now[i]) for i in touched))
