"""The one path a question takes: retrieve, render, generate, extract, grade.

Distillation takes it to find the student's failures and evaluation to measure it, so a
knowledge base is built on exactly what is measured. Model, search and prompt are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from nesy.errors import ModelError
from nesy.prompts import Prompt, following
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

Without = Callable[[Sequence[Question], Sequence[frozenset[str]]], Sequence[Sequence[Retrieved]]]
"""As ``Search``, as if some entries, by id, were not there for each question."""

VERDICTS = ("right", "wrong knowledge", "not followed")
"""What a verifier says of an answer."""

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
    verifier: Verifier | None = None,
) -> list[Attempt]:
    """Answer questions in one batch; without ``search`` no knowledge is shown.

    With a ``verifier`` an answer that it refuses is given again.

    Raises:
        ModelError: the model could not answer, or gave another number of completions.
        PromptError: the prompt needs a variable other than those of ``prepare``.
    """
    prepared = prepare(questions, prompt, search)
    completions = lm.generate([one.messages for one in prepared], sampling)
    if len(completions) != len(prepared):
        raise ModelError(f"{lm.name}: {len(completions)} completions for {len(prepared)} prompts")
    made = [attempt(one, done) for one, done in zip(prepared, completions, strict=True)]
    return made if verifier is None else [one for _, one in verifier(prepared, made, sampling)]


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


@dataclass(frozen=True, slots=True)
class Verifier:
    """Has a model check answers that were given with knowledge, and answer again (KALMV).

    ``verdict`` follows the answer, and is answered by one of ``VERDICTS``. After ``wrong
    knowledge`` the question gets what ``without`` finds instead, or no knowledge; after ``not
    followed`` it is answered once more, by sampling. Where all of ``tries`` are refused, the first
    answer stands.
    """

    lm: LM
    prompt: Prompt
    verdict: Prompt
    without: Without
    tries: int

    def __call__(
        self, asked: Sequence[Prepared], made: Sequence[Attempt], sampling: Sampling
    ) -> list[tuple[Prepared, Attempt]]:
        """Return what each question was asked and answered last; tokens are those of all passes.

        ``prompt_sha`` stays that of the first prompt, which tells whether the answer still holds.

        Raises:
            ModelError: the model could not answer.
        """
        done = list(zip(asked, made, strict=True))
        now = {place: one for place, one in enumerate(done) if one[0].found}
        spent = [[one.completion] for one in made]
        refused = {place: frozenset[str]() for place in now}
        for number in range(self.tries + 1):
            verdicts = self._verdicts(now, spent)
            for place, verdict in verdicts.items():
                if verdict == "right":
                    done[place] = now.pop(place)
            if number == self.tries or not now:
                break
            for place, (one, _) in now.items():
                if verdicts[place] == "wrong knowledge":
                    refused[place] |= {found.hit.entry for found in one.found}
            places = [place for place in now if verdicts[place] == "wrong knowledge"]
            now |= self._again(now, places, spent, sampling, refused)
            places = [place for place in now if verdicts[place] == "not followed"]
            other = replace(sampling, temperature=sampling.temperature or 0.7, seed=number + 1)
            now |= self._again(now, places, spent, other)
            for place in [place for place, (one, _) in now.items() if not one.found]:
                done[place] = now.pop(place)
        return [
            (one, replace(it, prompt_sha=first.prompt_sha, completion=_summed(it, passes)))
            for (one, it), first, passes in zip(done, made, spent, strict=True)
        ]

    def _verdicts(
        self, now: dict[int, tuple[Prepared, Attempt]], spent: list[list[Completion]]
    ) -> dict[int, str]:
        """What is said of each answer; what can't be read refuses nothing."""
        prompts = [
            following(one.messages, made.completion.text, self.verdict)
            for one, made in now.values()
        ]
        said = self.lm.generate(prompts, Sampling(max_tokens=8)) if prompts else []
        found = {}
        for place, completion in zip(now, said, strict=True):
            spent[place].append(completion)
            text = completion.text.strip().lower()
            found[place] = next((one for one in VERDICTS if text.startswith(one)), "right")
        return found

    def _again(
        self,
        now: dict[int, tuple[Prepared, Attempt]],
        places: Sequence[int],
        spent: list[list[Completion]],
        sampling: Sampling,
        refused: dict[int, frozenset[str]] | None = None,
    ) -> dict[int, tuple[Prepared, Attempt]]:
        """Answer again, with other knowledge where some is refused."""
        asked = [now[place][0] for place in places]
        if refused is not None and asked:
            questions = [one.question for one in asked]
            found = self.without(questions, [refused[place] for place in places])
            asked = prepare(questions, self.prompt, lambda _: found)
        said = self.lm.generate([one.messages for one in asked], sampling) if asked else []
        for place, completion in zip(places, said, strict=True):
            spent[place].append(completion)
        pairs = zip(asked, said, strict=True)
        return dict(zip(places, ((one, attempt(one, done)) for one, done in pairs), strict=True))


def _summed(made: Attempt, passes: Sequence[Completion]) -> Completion:
    """The completion of an attempt with the tokens of all passes that led to it."""
    return replace(
        made.completion,
        prompt_tokens=sum(one.prompt_tokens for one in passes),
        completion_tokens=sum(one.completion_tokens for one in passes),
    )
