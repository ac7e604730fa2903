"""The questions of a distillation: those it trains on, those held out, those left for later."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nesy import benchmarks, student
from nesy import recipe as recipes
from nesy.errors import TrainingError
from nesy.progress import Progress, listed
from nesy.recipe import Recipe
from nesy.runs import Run
from nesy.types import Question


def draw_questions(recipe: Recipe, run: Run, progress: Progress) -> list[Question]:
    """Return the training questions of a run, and say how many there are."""
    questions, figures = training_questions(recipe)
    run.finish("questions", **figures)
    progress.say(
        f"{len(questions):,} training questions of {recipe.data.benchmark} ({listed(figures)})"
    )
    return questions


def training_questions(recipe: Recipe) -> tuple[list[Question], dict[str, int]]:
    """Return the training questions, and how many there are of which kind.

    None is also a test question of the same benchmark.

    Raises:
        InputError: the benchmark is unknown, or its data are missing.
    """
    data = recipe.data
    own, extra = student.drawn(recipe)
    loaded = own + extra
    tests: set[str] = set()
    if "test" in benchmarks.definition(data.benchmark).splits:
        tests = {_bare(q.text) for q in benchmarks.load(data.benchmark, "test", tasks=data.tasks)}
    kept = [q for q in loaded if _bare(q.text) not in tests]
    unique = list({_bare(q.text): q for q in reversed(kept)}.values())[::-1]
    figures = {
        "questions": len(unique),
        "of_the_benchmark": len(own),
        "extra": len(extra),
        "equal_to_a_test_question": len(loaded) - len(kept),
        "repeated": len(kept) - len(unique),
    }
    return unique, figures


def unused_questions(recipe: Recipe, questions: Sequence[Question]) -> list[Question]:
    """Return questions that are not trained on; of a generated benchmark as many as are."""
    data = recipe.data
    wider = ["data.limit=null"]
    generated = benchmarks.definition(data.benchmark).generated
    if generated is not None:
        wider.append(f"data.per_family={2 * (data.per_family or generated['train'])}")
        if data.per_fact is not None:
            wider.append(f"data.per_fact={2 * data.per_fact}")
    found, _ = training_questions(recipes.changed(recipe, *wider))
    used = {_bare(question.text) for question in questions}
    return [question for question in found if _bare(question.text) not in used]


def hold_out(recipe: Recipe, questions: Sequence[Question]) -> list[Question]:
    """Return questions that the student is not trained on, chosen by their hash; none by default.

    Raises:
        TrainingError: none would be left to train on.
    """
    if recipe.train.held_out is None:
        return []
    if recipe.train.held_out >= len(questions):
        raise TrainingError(
            f"train.held_out={recipe.train.held_out} leaves none of {len(questions)} training "
            "questions to train on"
        )
    shuffled = sorted(questions, key=lambda q: hashlib.sha256(q.id.encode()).digest())
    return shuffled[: recipe.train.held_out]


def _bare(text: str) -> str:
    return " ".join(text.split()).lower()
