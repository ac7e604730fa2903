"""General distillation: the teacher's rationales, and the lessons that are made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from nesy import prompts, views
from nesy.asking import Request, Teacher
from nesy.critic import Critic, Pair
from nesy.errors import TrainingError
from nesy.models.calculator import without_notes
from nesy.progress import Advance, Progress, listed
from nesy.prompts import Prompt
from nesy.recipe import Recipe, View
from nesy.runs import Run
from nesy.scoring import grade
from nesy.stages.critics import REJECTED, rejections
from nesy.types import Completion, Example, Messages, Question, Rationale, Sampling

_PHRASE = "So the answer is"
_BATCH = 128  # rationales that are stored at once


def write_rationales(
    recipe: Recipe,
    run: Run,
    teacher: Teacher,
    critics: Mapping[str, Critic],
    questions: Sequence[Question],
    progress: Progress,
    stage: str = "rationales",
) -> list[Rationale]:
    """Let the teacher solve the training questions; keep what ends in the target."""
    prompt = prompts.load(recipe.teacher.rationale_prompt)
    by_id = {question.id: question for question in questions}
    known = {(r.question, r.sample) for r in run.read("rationales", Rationale)}
    samples = range(recipe.teacher.samples)
    waiting = len({(q.id, sample) for q in questions for sample in samples} - known)
    with progress.stage("rationales", waiting, "questions") as advance:
        begun = 0
        for sample in samples:
            requests = [
                Request(q.id, sample, asking(prompt, q))
                for q in questions
                if (q.id, sample) not in known
            ]
            sampling = Sampling(
                temperature=recipe.teacher.temperature,
                max_tokens=recipe.teacher.max_tokens,
                seed=sample,
            )
            shown = partial(_advance_from, advance, begun)
            begun += len(requests)
            answers = teacher.ask("rationales", requests, sampling, shown)
            for some in _batches(answers):
                made = [judged(by_id[asked.question], sample, c) for asked, c in some]
                pairs = [Pair(by_id[asked.question].text, c.text.strip()) for asked, c in some]
                rejected = rejections(recipe, critics, "rationales", pairs)
                made = [
                    replace(one, kept=False, reason=REJECTED) if one.kept and bad else one
                    for one, bad in zip(made, rejected, strict=True)
                ]
                run.append("rationales", made)
    rationales = [r for r in run.read("rationales", Rationale) if r.question in by_id]
    reasons = Counter(r.reason for r in rationales)
    failed = Counter(f"failed: {one.reason}" for one in teacher.failed("rationales").values())
    progress.say(f"  {listed(reasons + failed)}")
    run.finish(stage, **reasons)
    return rationales


def asking(prompt: Prompt, question: Question) -> Messages:
    """What the teacher is asked about a question; the student's own prompt will do as well.

    Raises:
        PromptError: the prompt needs something else.
    """
    return prompt.render(question=question.text, entries=())


def judged(question: Question, sample: int, completion: Completion) -> Rationale:
    """Keep what ends in the target by steps, or say why not."""
    graded = grade(completion, question)
    steps, phrase, _ = completion.text.rpartition(_PHRASE)
    reason = "kept"
    if graded.outcome == "truncated":
        reason = "truncated"
    elif not phrase or graded.answer is None:
        reason = "no answer phrase"
    elif graded.outcome != "correct":
        reason = "wrong answer"
    elif not steps.strip():
        reason = "no steps"
    text = steps.strip() if phrase else completion.text.strip()
    return Rationale(question.id, sample, text, graded.answer, reason == "kept", reason)


def lessons_of(
    recipe: Recipe, questions: Sequence[Question], rationales: Sequence[Rationale]
) -> list[views.Lesson]:
    """Pair each kept rationale with its question; the same steps twice count once.

    Their order is that of samples and questions, whenever a rationale was answered. What the
    student's calculator writes for it, the student need not learn to.
    """
    mode = recipe.student.calculator
    by_id = {question.id: question for question in questions}
    place = {question.id: number for number, question in enumerate(questions)}
    asked = (r for r in rationales if r.question in by_id)
    ordered = sorted(asked, key=lambda r: (r.sample, place[r.question]))
    kept = {(r.question, r.text): r for r in ordered if r.kept}
    return [
        views.Lesson(q.id, q.text, without_notes(r.text, mode), q.target)
        for r in kept.values()
        for q in (by_id[r.question],)
    ]


def denoised(
    recipe: Recipe,
    lessons: list[views.Lesson],
    rationales: Sequence[Rationale],
    progress: Progress,
) -> list[views.Lesson]:
    """Leave out what the teacher's own samples contradict, if the recipe says so."""
    if recipe.contrast is None or recipe.contrast.agreement is None:
        return lessons
    kept = views.agreed(lessons, rationales, recipe.contrast.agreement)
    progress.say(f"self-consistency: {len(kept):,} of {len(lessons):,} rationales are learned")
    if not kept:
        raise TrainingError(
            f"contrast.agreement={recipe.contrast.agreement:g} leaves no rationale; lower it"
        )
    return kept


def general_examples(lessons: Sequence[views.Lesson]) -> list[Example]:
    """Return what the general distillation trains on: each question with its steps.

    Raises:
        TrainingError: there are no lessons.
    """
    made = views.examples(lessons, {"std-cot": View()})
    if not made:
        raise TrainingError("no rationale was kept, so there is nothing to train the student on")
    return made


def _advance_from(advance: Advance, begun: int, done: int, note: str = "") -> None:
    advance(begun + done, note)


def _batches(answers: Iterable[tuple[Request, Completion]]) -> Iterator[list[Any]]:
    """Cut a stream into lists, so that records are synced to the disk in groups."""
    source = iter(answers)
    while some := list(islice(source, _BATCH)):
        yield some
