"""What one run takes over from another, or makes anew: the names of its stages, in one place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from nesy import recipe as recipes
from nesy.asking import Teacher
from nesy.progress import Progress
from nesy.recipe import Recipe
from nesy.runs import RECIPE, Run


def common(recipe: Recipe) -> dict[str, Any]:
    """Return what decides rationales, failures and knowledge of a recipe."""
    plain = recipe.model_dump(mode="json")
    made = {name: plain[name] for name in ("data", "teacher", "student")}
    after = ("augmented_epochs", "init")
    made["train"] = {k: v for k, v in plain["train"].items() if k not in after}
    made["knowledge"] = {key: plain["knowledge"][key] for key in ("mine", "pack")}
    made["admission"] = bool(recipe.admission)
    made["critic"] = plain["critic"]
    made["rounds"] = plain["rounds"]
    made["local_sgd"] = plain["local_sgd"]
    return made


def decisive(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the student: all of a recipe but how it answers."""
    plain = recipe.model_dump(mode="json", exclude={"description", "name", "answer"})
    del plain["knowledge"]["gate"]
    return plain


def take_over(recipe: Recipe, run: Run, like: Path) -> None:
    """Copy the stages of another run that this one would repeat as they are.

    Raises:
        InputError: there is no run.
    """
    other = Run.open(like)
    theirs = recipes.parse((like / RECIPE).read_text("utf-8"), str(like / RECIPE))
    if common(theirs) != common(recipe) or other.done("critic") != run.done("critic"):
        return
    files = ["rationales.jsonl", "failed.jsonl"]
    stages = ["rationales"]
    if recipe.general and theirs.general:
        shutil.copytree(like / "stage1", run.folder / "stage1", dirs_exist_ok=True)
        files.append("preflight-stage1.json")
        stages.append("stage1")
    if recipe.symbolic and theirs.symbolic:
        files += ["mining.jsonl", "knowledge.jsonl", "admission.jsonl"]
        stages += ["mining", "entries"]
    if decisive(theirs) == decisive(recipe):
        for phase in _folders(recipe):
            if (like / phase).is_dir():  # rounds may end early
                shutil.copytree(like / phase, run.folder / phase, dirs_exist_ok=True)
            files.append(f"preflight-{phase}.json")
        files += [f"{name}.jsonl" for name in _records(recipe)]
        stages += _stages(recipe)
    for name in files:
        if (like / name).is_file():
            shutil.copyfile(like / name, run.folder / name)
    for stage in stages:
        if other.done(stage) is not None:
            run.finish(stage, **other.done(stage) or {})


def undo_what_rests_on_fewer(
    recipe: Recipe, run: Run, teacher: Teacher, lessons: int, progress: Progress
) -> None:
    """Make a student anew that was trained before failed requests were answered."""
    phases = _folders(recipe)
    trained_on = (run.done("stage1") or {}).get("examples", lessons)
    if teacher.retried or trained_on != lessons:
        progress.say("requests that had failed are answered: the student is trained anew")
        run.undo(
            ("stage1", "mining", "entries", *_stages(recipe)),
            folders=("stage1", *phases),
            records=("mining", "knowledge", "admission", *_records(recipe)),
        )


def phases_of(recipe: Recipe) -> list[str]:
    """Return the names of the trainings after the general one; the last makes the adapter."""
    return [*(f"phase{number}" for number in range(1, len(recipe.shrink or (1.0,)))), "adapter"]


def _folders(recipe: Recipe) -> list[str]:
    """The names of all trainings after the general one; the adapter is one of the rounds."""
    count = -1 if recipe.rounds is None else recipe.rounds.count
    return [*(f"round{number}" for number in range(count + 1)), *phases_of(recipe)]


def _stages(recipe: Recipe) -> list[str]:
    """The stages after the knowledge has been made."""
    rounds = [name for name in _folders(recipe) if name.startswith("round")]
    kinds = ("retrieval", "rationales", "entries")
    made = [f"{kind}-{name}" for name in rounds for kind in kinds]
    return ["retrieval", *made, "rounds", *_folders(recipe)]


def _records(recipe: Recipe) -> list[str]:
    """The names of what these trainings read, and of what was answered between them."""
    made = [examples_of(name) for name in _folders(recipe)]
    names = [name for name in _folders(recipe) if name.startswith("round")]
    return made + [f"{what}-{name}" for name in names for what in ("validation", "candidates")]


def examples_of(phase: str) -> str:
    """Return the name of the records that hold the examples of a training."""
    return "augmented" if phase == "adapter" else f"augmented-{phase}"
