"""Open a recorded evaluation, to ask its questions again under another knowledge base."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from nesy import evaluate, prompts, resources, student
from nesy import recipe as recipes
from nesy.errors import InputError
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch, Searching
from nesy.prompts import Prompt
from nesy.recipe import Recipe
from nesy.runs import RECIPE, CachedLM, Completions, Run
from nesy.types import LM, Attempt, Question, Sampling

_CELLS = ("distilled + KB", "base + KB")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cell of an evaluation: its questions with their attempts, and how they were asked.

    ``adapter`` is the distilled student's, ``None`` for the student as it was before;
    ``weights`` the fingerprint that answered.
    """

    run: Run
    recipe: Recipe
    adapter: Path | None
    questions: list[Question]
    attempts: list[Attempt]
    prompt: Prompt
    sampling: Sampling
    weights: str

    def model(self) -> tuple[LM, LM]:
        """Load the student that answered; also return it with its completions stored.

        Raises:
            InputError: its weights are no longer the ones that answered.
            ModelError: it can't be loaded.
        """
        lm = student.load_student(self.recipe, self.adapter)
        if lm.fingerprint != self.weights:
            raise InputError(
                f"{resources.shown(self.run.folder)}: {lm.name} is not the model that answered, "
                "its weights or settings changed since; run `nesy eval` anew"
            )
        return lm, CachedLM(lm, Completions())

    def search(self, index: Index, lm: LM) -> Searching:
        """Return the search that the questions go through, with the gate if there was one."""
        return student.gated(self.recipe, IndexSearch(index), lm)


def open_recorded(path: Path) -> Recorded:
    """Open an evaluation folder, or the latest one of a run folder.

    Raises:
        InputError: there is none, or none of its cells was shown knowledge.
    """
    folder = _evaluation(path)
    run = Run.open(folder)
    where = resources.shown(folder)
    settings = json.loads(resources.read_text(folder / RECIPE))
    begun = run.read_json("conditions") or {}
    cell = next((c for c in _CELLS if evaluate.records(c) in begun), None)
    if cell is None:
        raise InputError(f"{where}: no cell was shown knowledge; evaluate without --no-kb")
    conditions = begun[evaluate.records(cell)]
    distilled = Path(settings["run"])
    if not (distilled / RECIPE).is_file():  # the folder was moved, or is used from elsewhere
        distilled = folder.parent.parent
    if not (distilled / RECIPE).is_file():
        raise InputError(f"{where}: its run {settings['run']} is not there")
    recipe = recipes.parse((distilled / RECIPE).read_text("utf-8"), str(distilled / RECIPE))
    if settings.get("calculator") is not None:
        recipe = recipes.changed(recipe, f"student.calculator={settings['calculator']}")
    if "gate" in settings:
        recipe = recipes.changed(recipe, f"knowledge.gate={json.dumps(settings['gate'])}")
    attempts = {attempt.question: attempt for attempt in evaluate.latest(run, cell)}
    questions = [q for q in run.read("questions", Question) if q.id in attempts]
    if not questions:
        raise InputError(f"{where}: no answers there yet; let `nesy eval` finish")
    return Recorded(
        run=run,
        recipe=recipe,
        adapter=None if cell.startswith("base") else distilled / "adapter",
        questions=questions,
        attempts=[attempts[question.id] for question in questions],
        prompt=prompts.load(conditions["prompt"]),
        sampling=Sampling(
            **{**conditions["sampling"], "stop": tuple(conditions["sampling"]["stop"])}
        ),
        weights=conditions["fingerprint"],
    )


def _evaluation(path: Path) -> Path:
    if (path / "conditions.json").is_file():
        return path
    if not (path / RECIPE).is_file():
        raise InputError(f"{resources.shown(path)}: no run here, it has no {RECIPE}")
    found = sorted(path.glob("eval/*/conditions.json"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise InputError(f"{resources.shown(path)}: not evaluated yet; run `nesy eval` first")
    return found[-1].parent
