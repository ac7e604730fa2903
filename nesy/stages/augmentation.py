"""Augmented distillation: each training question in the views, with what it retrieves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nesy import pretrained, student, views
from nesy.kb import store
from nesy.kb.compress import Compressor
from nesy.kb.extract import Extraction
from nesy.progress import Progress
from nesy.recipe import Recipe
from nesy.runs import Run
from nesy.stages.sharing import examples_of, phases_of
from nesy.types import Attempt, Example, Question


def augmented_examples(
    recipe: Recipe,
    run: Run,
    kb: Path,
    questions: Sequence[Question],
    lessons: Sequence[views.Lesson],
    failures: Sequence[Attempt],
    extractions: Sequence[Extraction],
    progress: Progress,
    name: str | None = None,
) -> dict[str, list[Example]]:
    """Render the training questions in the views, by training, each with what it retrieves.

    ``name`` is that of the one training, where it is not the recipe that says them.

    The examples are recorded: knowledge that is edited later does not change what a training
    that was interrupted goes on with.
    """
    phases = phases_of(recipe) if name is None else [name]
    stage = "retrieval" if name is None else f"retrieval-{name}"
    if run.done(stage) is not None:
        return {phase: run.read(examples_of(phase), Example) for phase in phases}
    found: dict[str, Any] = {}
    special = _special(recipe, extractions)
    if recipe.symbolic:
        lessons = needed(recipe, run, questions, lessons, special, progress)
        lessons, found = _shown(recipe, kb, questions, lessons, special, progress)
    made = {}
    for phase, share in zip(phases, recipe.shrink or (1.0,), strict=True):
        shown = lessons if share == 1 else _shrunk(kb, lessons, share)
        made[phase] = views.examples(shown, recipe.views, seed=recipe.train.seed, special=special)
        if recipe.contrast is not None:
            wrong = {a.question: a.completion.text for a in failures if a.outcome == "wrong"}
            made[phase] += views.contrasts(
                shown, wrong, recipe.views, recipe.contrast.weight, seed=recipe.train.seed
            )
        if recipe.verify is not None:
            wrong = {a.question: a.completion.text for a in failures if a.outcome == "wrong"}
            made[phase] += views.verdicts(
                shown, wrong, recipe.views, recipe.verify.prompt, seed=recipe.train.seed
            )
        (run.folder / f"{examples_of(phase)}.jsonl").unlink(missing_ok=True)
        run.append(examples_of(phase), made[phase])
    run.finish(stage, questions=len(found), with_knowledge=sum(map(bool, found.values())))
    return made


def _shown(
    recipe: Recipe,
    kb: Path,
    questions: Sequence[Question],
    lessons: Sequence[views.Lesson],
    special: frozenset[str],
    progress: Progress,
) -> tuple[list[views.Lesson], dict[str, Any]]:
    """Give the lessons that are shown knowledge what they retrieve; also return it by question."""
    search = student.load_search(recipe, kb, own=False)
    given = list(lessons)
    places = [
        place
        for place, one in enumerate(given)
        if views.reads(one.question, recipe.views, seed=recipe.train.seed, special=special)
    ]
    asked = {given[place].question for place in places}
    retrieving = {question.id: question for question in questions if question.id in asked}
    found = dict(zip(retrieving, search(list(retrieving.values())), strict=True))
    shown = sum(bool(some) for some in found.values())
    progress.say(f"retrieval: {shown:,} of {len(found):,} training questions are given knowledge")
    by_rationale: Sequence[Sequence[Any]] = [()] * len(places)
    if any(view.knowledge == "rationale" for view in recipe.views.values()):
        told = [given[place] for place in places]
        by_rationale = search([replace(retrieving[o.question], text=o.rationale) for o in told])
    for place, some in zip(places, by_rationale, strict=True):
        entries = tuple(one.entry for one in found[given[place].question])
        by = tuple(one.entry for one in some)
        given[place] = replace(given[place], entries=entries, by_rationale=by)
    return given, found


def needed(
    recipe: Recipe,
    run: Run,
    questions: Sequence[Question],
    lessons: Sequence[views.Lesson],
    special: frozenset[str],
    progress: Progress,
) -> Sequence[views.Lesson]:
    """Leave out lessons of the tasks of which the student would read too much."""
    balance, seed = recipe.balance, recipe.train.seed
    if balance is None:
        return lessons
    asked, failed, held = Counter[str](), Counter[str](), Counter[str]()
    for attempt in run.read("mining", Attempt):
        asked[attempt.task] += 1
        failed[attempt.task] += attempt.outcome != "correct"
    task_of = {question.id: question.task for question in questions}
    tokenizer = pretrained.load_tokenizer(pretrained.locate(recipe.student.model))
    texts = [f"{one.text}\n{one.rationale}" for one in lessons]
    for one, ids in zip(lessons, tokenizer(texts)["input_ids"], strict=True):
        if one.question not in special:
            held[task_of[one.question]] += len(ids)
    unknown = {task: failed[task] / asked[task] for task in asked}
    share = {
        task: balance.tokens * max(balance.mastered, unknown.get(task, 1.0)) / count
        for task, count in held.items()
    }
    kept = [
        one
        for one in lessons
        if one.question in special
        or views.draw(f"{seed}/{one.question}/balance") < share[task_of[one.question]]
    ]
    progress.say(f"balance: {len(kept):,} of {len(lessons):,} rationales are trained on")
    return kept


def _special(recipe: Recipe, extractions: Sequence[Extraction]) -> frozenset[str]:
    """The questions whose failure gave an entry that few others share."""
    if recipe.knowledge.special is None:
        return frozenset()
    made_from = Counter(one.entry for one in extractions if one.entry is not None)
    return frozenset(
        one.question
        for one in extractions
        if one.entry is not None and made_from[one.entry] <= recipe.knowledge.special
    )


def _shrunk(kb: Path, lessons: Sequence[views.Lesson], share: float) -> list[views.Lesson]:
    """Show the lessons a share of the words of their knowledge."""
    compressor = Compressor(store.load(kb).entries.values())

    def short(entries: Sequence[Any]) -> tuple[Any, ...]:
        kept = (compressor.share(entry, share) for entry in entries)
        return tuple(entry for entry in kept if entry is not None)

    return [
        replace(one, entries=short(one.entries), by_rationale=short(one.by_rationale))
        for one in lessons
    ]
