"""The distillation, top to bottom (NesyCD, arXiv 2409.13203).

1. general distillation: the teacher writes rationales; the correct ones train the student;
2. failure mining: that student answers the training questions by the path of evaluation;
3. symbolic distillation: the teacher reads each failure and writes knowledge, which becomes
   draft entries of the knowledge base;
4. augmented distillation: every training question retrieves knowledge, and the student is
   trained on the views AD (with it), AP (answer only) and DC (without it);
5. with ``rounds``: what this student fails on steers which new questions go through 1 to 4.

Another recipe trains on other views; without knowledge in any of them, 2 and 3 fall away. What
the same questions, teacher and student give all recipes alike, a run takes over from another.

Each stage appends its records as they come and is skipped once it has ended, so a distillation
that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nesy import train, workers
from nesy.asking import Settings, Teacher
from nesy.kb import store
from nesy.kb.extract import Extraction
from nesy.progress import Progress
from nesy.recipe import Recipe
from nesy.runs import Run
from nesy.stages.augmentation import augmented_examples
from nesy.stages.critics import load_critics
from nesy.stages.knowledge import write_knowledge
from nesy.stages.mining import failures_first, mine_failures
from nesy.stages.questions import draw_questions, hold_out
from nesy.stages.rationales import denoised, general_examples, lessons_of, write_rationales
from nesy.stages.rounds import Made, train_in_rounds
from nesy.stages.sharing import take_over, undo_what_rests_on_fewer
from nesy.stages.training import epochs_of, judge_of, train_student
from nesy.types import Attempt


@dataclass(frozen=True, slots=True)
class Distilled:
    """What a distillation made: where, and how much of it."""

    run: Path
    adapter: Path
    pack: Path
    questions: int
    rationales: int
    failures: int
    entries: int
    merge: Mapping[str, int]
    reasons: Mapping[str, int]
    failed: Mapping[str, int]
    usd: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}


def distill(
    recipe: Recipe,
    folder: Path,
    kb: Path,
    progress: Progress,
    asking: Settings | None = None,
    like: Path | None = None,
) -> Distilled:
    """Run a distillation into ``folder``; its draft entries go to ``kb``.

    ``like`` is the folder of a finished run, from which is taken over what does not depend on
    how the two recipes differ: rationales, failures, knowledge.

    Raises:
        BudgetReached: the next request could pass the cap of ``asking``; all answers are kept.
        InputError: ``folder`` holds another run, or data are missing.
        ModelError: teacher or student can't be loaded or can't answer.
        TrainingError: there is nothing to learn from.
    """
    store.load(kb)  # a broken knowledge base is told before anything is spent
    if recipe.local_sgd is not None:
        workers.ahead()
    with Run.create(folder, recipe.dump()) as run:
        asking = asking or Settings()
        teacher = Teacher(recipe.teacher.model, run, asking)
        critics = load_critics(recipe, run)
        if like is not None and run.done("questions") is None:
            take_over(recipe, run, like)
        questions = draw_questions(recipe, run, progress)
        first = questions
        if asking.max_usd is not None:
            first = failures_first(recipe, run, questions, progress)
        rationales = write_rationales(recipe, run, teacher, critics, first, progress)
        held_out = hold_out(recipe, questions)
        lessons = lessons_of(recipe, [q for q in questions if q not in held_out], rationales)
        undo_what_rests_on_fewer(recipe, run, teacher, len(lessons), progress)
        general = general_examples(lessons)
        stage1: Path | None = None
        failures: list[Attempt] = []
        extractions: list[Extraction] = []
        if recipe.general:
            judge = judge_of(recipe, held_out, None)
            epochs = recipe.train.general_epochs
            stage1 = train_student(recipe, run, "stage1", general, None, epochs, progress, judge)
        if recipe.symbolic and stage1 is not None:
            failures = mine_failures(recipe, run, stage1, questions, progress)
            extractions = write_knowledge(
                recipe, run, teacher, critics, stage1, questions, failures, kb, progress
            )
        adapter = folder / "adapter"
        if run.done("adapter") is None or not (adapter / train.REPORT).is_file():
            before = stage1 if recipe.train.init == "stage1" else None
            lessons = denoised(recipe, lessons, rationales, progress)
            if recipe.rounds is not None:
                made = Made(questions, lessons, failures, extractions)
                train_in_rounds(
                    recipe,
                    run,
                    teacher,
                    critics,
                    kb,
                    made,
                    general,
                    stage1,
                    recipe.rounds,
                    progress,
                )
            else:
                augmented = augmented_examples(
                    recipe, run, kb, questions, lessons, failures, extractions, progress
                )
                shares = epochs_of(recipe, general, augmented, len(augmented))
                for (name, examples), epochs in zip(augmented.items(), shares, strict=True):
                    # An adapter of an earlier phase is not yet to answer as the recipe does.
                    judge = judge_of(recipe, held_out, kb) if name == "adapter" else None
                    before = train_student(
                        recipe, run, name, examples, before, epochs, progress, judge
                    )

        counted = {
            "questions": len(questions),
            "rationales": sum(r.kept for r in rationales),
            "failures": len(failures),
            "entries": len({e.entry for e in extractions if e.kept}),
            **_figures(run, "rounds"),
        }
        done = Distilled(
            run=folder,
            adapter=adapter,
            pack=kb / f"{recipe.knowledge.pack}.yaml",
            questions=counted["questions"],
            rationales=counted["rationales"],
            failures=counted["failures"],
            entries=counted["entries"],
            merge=_figures(run, "entries"),
            reasons=dict(Counter(r.reason for r in rationales)),
            failed=teacher.reasons(),
            usd=teacher.spent(),
        )
        run.write_manifest(_manifest(recipe, run, done))
        return done


def _figures(run: Run, stage: str) -> dict[str, int]:
    return dict(run.done(stage) or {})


def _manifest(recipe: Recipe, run: Run, done: Distilled) -> dict[str, Any]:
    return {
        "recipe": hashlib.sha256(recipe.dump().encode()).hexdigest(),
        "questions": done.questions,
        "rationales": done.rationales,
        "failures": done.failures,
        "entries": done.entries,
    }
