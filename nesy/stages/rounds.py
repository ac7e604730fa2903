"""Rounds (PGKD, Di Palo 2024): what the student fails on steers what it is taught next.

After each training the student answers validation questions, which it is never trained on. The
next questions are of the tasks that it fails, as many of each as its share of the failures; of
these it answers twice as many as are wanted, and those that it answers wrongly are kept, first
those that it was surest of (hard negatives).
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from nesy import benchmarks, student, views
from nesy.asking import Teacher
from nesy.critic import Critic
from nesy.errors import TrainingError
from nesy.kb import gate
from nesy.kb.extract import Extraction
from nesy.progress import Progress
from nesy.recipe import Recipe, Rounds
from nesy.runs import Run
from nesy.stages.augmentation import augmented_examples
from nesy.stages.knowledge import write_knowledge
from nesy.stages.mining import answer_questions
from nesy.stages.questions import unused_questions
from nesy.stages.rationales import denoised, lessons_of, write_rationales
from nesy.stages.training import epochs_of, train_student
from nesy.types import Attempt, Example, Question


@dataclass(frozen=True, slots=True)
class Made:
    """What the student is trained on, and what it was made from."""

    questions: list[Question]
    lessons: list[views.Lesson]
    failures: list[Attempt]
    extractions: list[Extraction]


def train_in_rounds(
    recipe: Recipe,
    run: Run,
    teacher: Teacher,
    critics: Mapping[str, Critic],
    kb: Path,
    made: Made,
    general: Sequence[Example],
    stage1: Path | None,
    asked: Rounds,
    progress: Progress,
) -> None:
    """Train on what there is, then on what the student's failures call for; keep the best."""
    left = {question.id: question for question in unused_questions(recipe, made.questions)}
    validation = benchmarks.sample(list(left.values()), asked.validation, recipe.data.seed)
    if len(validation) == len(left):
        raise TrainingError(
            f"rounds: {len(left)} questions of {recipe.data.benchmark} are not trained on, too few "
            f"for {asked.validation} to validate on and new ones; lower data.limit"
        )
    for question in validation:
        del left[question.id]
    adapter = stage1 if recipe.train.init == "stage1" else None
    lessons, accuracies = made.lessons, list[float]()
    for number in range(asked.count + 1):
        name = f"round{number}"
        examples = augmented_examples(
            recipe,
            run,
            kb,
            made.questions,
            lessons,
            made.failures,
            made.extractions,
            progress,
            name,
        )
        (epochs,) = epochs_of(recipe, general, examples, asked.count + 1)
        adapter = train_student(recipe, run, name, examples[name], adapter, epochs, progress, None)
        search = None
        if recipe.answering.knowledge:
            search = student.load_search(recipe, kb, own=False)
        answering = partial(
            answer_questions, recipe, run, adapter, progress=progress, search=search, distilled=True
        )
        attempts = answering(f"validation-{name}", validation)
        failed = [attempt for attempt in attempts if attempt.outcome != "correct"]
        accuracies.append(1 - len(failed) / len(attempts))
        progress.say(f"  {accuracies[-1]:.1%} of the validation questions are answered")
        kept = best(accuracies)
        if not failed or number - kept >= asked.patience or number == asked.count:
            break
        tried = candidates(list(left.values()), failed, 2 * asked.questions)
        wrong = [a for a in answering(f"candidates-{name}", tried) if a.outcome != "correct"]
        if not wrong:
            break
        new = [left[a.question] for a in wrong]
        sure = dict(zip((q.id for q in new), _confidences(recipe, adapter, new), strict=True))
        hard = hardest(wrong, sure, asked.questions)
        new = [left[attempt.question] for attempt in hard]
        for question in tried:
            del left[question.id]
        stage = f"rationales-{name}"
        written = write_rationales(recipe, run, teacher, critics, new, progress, stage)
        lessons = denoised(recipe, lessons_of(recipe, new, written), written, progress)
        if not lessons:
            break
        # As many of what was learned before keep it from being forgotten.
        old = Random(number).sample(made.lessons, min(len(lessons), len(made.lessons)))
        made = Made([*made.questions, *new], [*made.lessons, *lessons], [*made.failures, *hard], [])
        lessons = [*lessons, *old]
        if recipe.symbolic and stage1 is not None:
            stage = f"entries-{name}"
            questions, failures = made.questions, made.failures
            found = write_knowledge(
                recipe, run, teacher, critics, stage1, questions, failures, kb, progress, stage
            )
            made = replace(made, extractions=found)
    chosen = run.folder / f"round{kept}"
    progress.say(f"round {kept} is kept, with {accuracies[kept]:.1%}")
    shutil.copytree(chosen, run.folder / "adapter", dirs_exist_ok=True)
    run.finish(
        "rounds",
        questions=len(made.questions),
        rationales=len(made.lessons),
        failures=len(made.failures),
        entries=len({e.entry for e in made.extractions if e.kept}),
    )
    run.finish("adapter", accuracies=accuracies, **run.done(f"round{kept}") or {})


def _confidences(recipe: Recipe, adapter: Path, questions: Sequence[Question]) -> list[float]:
    lm = student.load_student(recipe, adapter)
    return gate.confidences(lm, student.prompt(recipe), questions)


def candidates(pool: Sequence[Question], failures: Sequence[Attempt], count: int) -> list[Question]:
    """Draw questions of the tasks that failed, in proportion to the failures.

    They are fewer than ``count`` where the pool holds no more of a task.
    """
    share = Counter(failure.task for failure in failures)
    left = {task: math.ceil(count * failed / len(failures)) for task, failed in share.most_common()}
    drawn = []
    for question in sorted(pool, key=lambda q: hashlib.sha256(q.id.encode()).digest()):
        if left.get(question.task, 0) > 0:
            left[question.task] -= 1
            drawn.append(question)
    return drawn[:count]


def hardest(
    failures: Sequence[Attempt], confidence: Mapping[str, float], count: int
) -> list[Attempt]:
    """Return the failures that the student was surest of, by question id."""
    return sorted(failures, key=lambda failure: -confidence[failure.question])[:count]


def best(accuracies: Sequence[float]) -> int:
    """Return the number of the first round with the highest accuracy."""
    return max(range(len(accuracies)), key=lambda number: accuracies[number])
