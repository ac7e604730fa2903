"""Open a recorded evaluation, to ask its questions again under another knowledge base."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nesy import evaluate, evaluations, prompts, resources, student
from nesy import recipe as recipes
from nesy.completions import CachedLM, Completions
from nesy.errors import InputError
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch, Searching
from nesy.progress import Progress
from nesy.prompts import Prompt
from nesy.recipe import Recipe
from nesy.runs import RECIPE, Run, finished
from nesy.types import LM, Attempt, Completion, Messages, Question, Sampling

_BATCH = 64  # questions asked at a time of a model that does not stream
_CELLS = ("distilled + KB", "model + KB", "base + KB")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cell of an evaluation: its questions with their attempts, and how they were asked.

    ``adapter`` is the distilled student's, ``None`` for the student as it was before;
    ``weights`` the fingerprint that answered.
    """

    run: Run
    recipe: Recipe
    adapter: Path | None
    base_url: str | None
    questions: list[Question]
    attempts: list[Attempt]
    prompt: Prompt
    sampling: Sampling
    weights: str

    def model(self) -> tuple[LM, LM]:
        """Load the student that answered; also return it storing what it says and showing progress.

        Raises:
            InputError: its weights are no longer the ones that answered.
            ModelError: it can't be loaded.
        """
        loaded = student.load_student(self.recipe, self.adapter, base_url=self.base_url)
        lm = student.answering(self.recipe, loaded)
        if lm.fingerprint != self.weights:
            raise InputError(
                f"{resources.shown(self.run.folder)}: {lm.name} is not the model that answered, "
                "its weights or settings changed since; run `nesy eval` anew"
            )
        return lm, stored(lm)

    def search(self, index: Index, lm: LM) -> Searching:
        """Return the search that the questions go through, with the gate if there was one."""
        return student.gated(self.recipe, IndexSearch(index), lm)


class Watched:
    """A model that shows on stderr how far it is."""

    def __init__(self, lm: LM) -> None:
        self._lm = lm
        self.name = lm.name
        self.fingerprint = lm.fingerprint

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt.

        Raises:
            ModelError: the model could not answer.
        """
        made: dict[int, Completion] = {}
        with Progress().stage("answers", len(prompts), "questions") as advance:
            for index, completion in finished(self._lm, prompts, sampling, _BATCH):
                made[index] = completion
                advance(len(made))
        return [made[index] for index in range(len(prompts))]


def stored(lm: LM) -> LM:
    """Return the model storing what it says, and showing progress; nothing is asked twice."""
    return Watched(CachedLM(lm, Completions()))


def open_recorded(path: Path) -> Recorded:
    """Open an evaluation folder, or the latest one of a run folder.

    Raises:
        InputError: there is none, none of its cells was shown knowledge, or examples were.
    """
    run = evaluations.locate(path)
    folder = run.folder
    where = resources.shown(folder)
    settings = json.loads(resources.read_text(folder / RECIPE))
    begun = evaluations.conditions(run)
    cell = next((c for c in _CELLS if evaluate.records(c) in begun), None)
    if cell is None:
        raise InputError(
            f"{where}: no cell was shown knowledge; evaluate without "
            "--no-kb, or a --model with --kb"
        )
    if settings.get("num_fewshot"):
        raise InputError(f"{where}: examples were shown; evaluate without --num-fewshot")
    conditions = begun[evaluate.records(cell)]
    recipe, adapter = _student(folder, settings)
    if recipe.verify is not None:
        raise InputError(
            f"{where}: its answers were checked and given again, one by one; evaluate "
            "a run without verify"
        )
    attempts = {attempt.question: attempt for attempt in evaluate.latest(run, cell)}
    questions = [q for q in run.read("questions", Question) if q.id in attempts]
    if not questions:
        raise InputError(f"{where}: no answers there yet; let `nesy eval` finish")
    sampling = {**conditions["sampling"], "stop": tuple(conditions["sampling"]["stop"])}
    return Recorded(
        run=run,
        recipe=recipe,
        adapter=None if cell.startswith("base") else adapter,
        base_url=settings.get("base_url"),
        questions=questions,
        attempts=[attempts[question.id] for question in questions],
        prompt=prompts.load(conditions["prompt"]),
        sampling=Sampling(**sampling),
        weights=conditions["fingerprint"],
    )


def _student(folder: Path, settings: Mapping[str, Any]) -> tuple[Recipe, Path | None]:
    """Return the recipe that an evaluation's student was asked by, and its adapter."""
    names = ("calculator", "max_tokens", "dtype")
    changes = {f"student.{name}": settings.get(name) for name in names}
    changes |= {"knowledge.gate": settings.get("gate"), "kb_budget": settings.get("kb_budget")}
    if settings["run"] is None:
        recipe = recipes.load("embedded")
        changes["student.model"] = settings["model"]
        adapter = None if settings["adapter"] is None else Path(settings["adapter"])
    else:
        distilled = evaluations.distilled(folder, settings["run"])
        recipe = recipes.parse(resources.read_text(distilled / RECIPE), str(distilled / RECIPE))
        adapter = distilled / "adapter"
    given = [f"{key}={json.dumps(value)}" for key, value in changes.items() if value is not None]
    return recipes.changed(recipe, *given), adapter
