"""Failure mining: a student answers training questions by the path of evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from nesy import prompts, student
from nesy.answer import attempt, prepare
from nesy.kb.search import IndexSearch
from nesy.progress import Advance, Progress, listed
from nesy.recipe import Recipe
from nesy.runs import Run, finished, in_order
from nesy.types import Attempt, Completion, Question, Sampling

_BATCH = 128  # questions whose answers are stored at once
_TITLES = {
    "mining": "failure mining",
    "untrained": "what the untrained student fails on",
    "admission": "failures with a new entry",
    "validation": "validation",
    "candidates": "new questions",
}


def failures_first(
    recipe: Recipe, run: Run, questions: Sequence[Question], progress: Progress
) -> list[Question]:
    """Put what the untrained student fails on first, for money that may not reach for all."""
    attempts = answer_questions(recipe, run, None, "untrained", questions, progress)
    correct = {a.question for a in attempts if a.outcome == "correct"}
    return sorted(questions, key=lambda question: question.id in correct)


def mine_failures(
    recipe: Recipe, run: Run, adapter: Path, questions: Sequence[Question], progress: Progress
) -> list[Attempt]:
    """Let the student answer training questions; whatever is not correct is a failure."""
    asked = of_each_task(questions, recipe.knowledge.mine)
    attempts = answer_questions(recipe, run, adapter, "mining", asked, progress)
    outcomes = Counter(str(attempt.outcome) for attempt in attempts)
    progress.say(f"  {listed(outcomes)}")
    run.finish("mining", **outcomes)
    return [attempt for attempt in attempts if attempt.outcome != "correct"]


def answer_questions(
    recipe: Recipe,
    run: Run,
    adapter: Path | None,
    name: str,
    questions: Sequence[Question],
    progress: Progress,
    search: IndexSearch | None = None,
    distilled: bool = False,
) -> list[Attempt]:
    """Let a student answer training questions into ``<name>.jsonl``.

    It is asked as that of the general distillation, or when ``distilled`` as the recipe asks it.
    """
    known = {attempt.question for attempt in run.read(name, Attempt)}
    waiting = [question for question in questions if question.id not in known]
    waiting.sort(key=lambda question: -len(question.text))
    if waiting:
        lm = student.load_student(recipe, adapter)
        lm = student.answering(recipe, lm) if distilled else lm
        prompt = student.prompt(recipe) if distilled else prompts.load(student.PROMPT)
        sampling = Sampling(max_tokens=recipe.student.max_tokens)
        with progress.stage(_TITLES[name.partition("-")[0]], len(waiting), "questions") as advance:
            asked = prepare(waiting, prompt, search)
            made = finished(lm, [one.messages for one in asked], sampling, _BATCH)
            # In their order, so that the records of a killed run are those of any other.
            pairs = zip(asked, in_order(_counted(made, advance)), strict=True)
            while some := list(islice(pairs, _BATCH)):
                run.append(name, [attempt(*pair) for pair in some])
    chosen = {question.id for question in questions}
    return [a for a in run.read(name, Attempt) if a.question in chosen]


def _counted(
    made: Iterable[tuple[int, Completion]], advance: Advance
) -> Iterator[tuple[int, Completion]]:
    """Tell of each that is there, which may be long before those that come first."""
    for done, one in enumerate(made, 1):
        advance(done)
        yield one


def of_each_task(questions: Sequence[Question], count: int | None) -> list[Question]:
    """The first questions of each task, and all that are known to rest on a fact.

    A procedure is one entry, however many fail for want of it; a fact that is not asked for has
    none.
    """
    seen = Counter[str]()
    chosen = []
    for question in questions:
        seen[question.task] += 1
        if count is None or question.facts or seen[question.task] <= count:
            chosen.append(question)
    return chosen
