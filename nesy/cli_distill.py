"""``nesy distill``: several recipes in one go, and the estimate of ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from nesy import distill, estimate
from nesy import recipe as recipes
from nesy.asking import Settings
from nesy.distill import Distilled
from nesy.errors import InputError
from nesy.estimate import Estimate, Range
from nesy.progress import Progress
from nesy.recipe import Recipe
from nesy.runs import RECIPE, Run
from nesy.spend import prices_file
from nesy.stages.questions import training_questions
from nesy.stages.sharing import common, decisive
from nesy.types import Attempt


def planned(
    names: Sequence[str], overrides: Sequence[str], output_dir: Path | None
) -> list[tuple[Recipe, Path]]:
    """Return the recipes and their run folders, in the order in which they can share most.

    Raises:
        RecipeError: a recipe is unknown or wrong.
        InputError: a recipe is named twice.
    """
    plan: dict[Path, Recipe] = {}
    for name in names:
        recipe = recipes.load(name, overrides)
        folder = Path("runs") / f"{Path(name).stem}-{recipe.sha[:8]}"
        if output_dir is not None:
            folder = output_dir if len(names) == 1 else output_dir / Path(name).stem
        if folder in plan:
            raise InputError(f"--recipe names {Path(name).stem} twice")
        plan[folder] = recipe
    made = [(recipe, folder) for folder, recipe in plan.items()]
    writing = [(recipe, folder) for recipe, folder in made if recipe.symbolic]
    for recipe, folder in writing[1:]:
        first = writing[0]
        same_pack = recipe.knowledge.pack == first[0].knowledge.pack
        if same_pack and common(recipe) != common(first[0]):
            raise InputError(
                f"{first[1].name} and {folder.name} make different entries for one pack "
                f"({recipe.knowledge.pack}); distil them in folders of their own (nesy init)"
            )
    return sorted(made, key=lambda one: (not one[0].symbolic, not one[0].general))


def distilled(
    plan: Sequence[tuple[Recipe, Path]], kb: Path, progress: Progress, asking: Settings
) -> list[Distilled]:
    """Distil by each recipe; rationales, failures and knowledge come from the first like it.

    Raises:
        NesyError: as ``distill.distill``; the recipes that ended before are kept.
    """
    made: list[Distilled] = []
    for number, (recipe, folder) in enumerate(plan):
        before = [one for one in plan[:number] if common(one[0]) == common(recipe)]
        same = [one for one in before if decisive(one[0]) == decisive(recipe)]
        like = next((there for _, there in [*same, *before]), None)
        if len(plan) > 1:
            progress.say(f"recipe {recipe.name or folder.name} ({number + 1} of {len(plan)})")
        made.append(distill.distill(recipe, folder, kb, progress, asking, like))
    return made


def estimated(recipe: Recipe, folder: Path, asking: Settings, sample: int) -> list[Estimate]:
    """Estimate a distillation; a run in ``folder`` tells how many failures there are.

    Raises:
        InputError: the benchmark's data are missing.
        ModelError: the teacher can't be loaded.
    """
    questions, _ = training_questions(recipe)
    failures = None
    if (folder / RECIPE).is_file():
        run = Run.open(folder)
        if run.done("mining") is not None:
            failures = sum(a.outcome != "correct" for a in run.read("mining", Attempt))
    return estimate.estimate(recipe, questions, failures, asking.terms, sample, asking.max_usd)


def document(recipe: Recipe, stages: Sequence[Estimate]) -> dict[str, Any]:
    """Return the estimate as plain JSON values."""
    total = estimate.total(stages)
    return {
        "teacher": recipe.teacher.model,
        "stages": [asdict(stage) for stage in stages],
        "usd": None if total is None else asdict(total),
    }


def table(stages: Sequence[Estimate]) -> Table:
    """Return the estimate as a table."""
    made = Table(box=None, pad_edge=False)
    for name in ("stage", "calls", "stored", "prompt tokens", "completion tokens", "USD"):
        made.add_column(name, justify="left" if name == "stage" else "right")
    made.add_column("length of answers from")
    for s in stages:
        usd = "unknown" if s.usd is None else _shown(s.usd, 2)
        tokens = (_shown(s.prompt_tokens), _shown(s.completion_tokens))
        made.add_row(s.stage, _shown(s.calls), f"{s.stored:,}", *tokens, usd, s.basis)
    return made


def remarks(recipe: Recipe, stages: Sequence[Estimate]) -> list[str]:
    """Return the sum, or what is missing for one."""
    total = estimate.total(stages)
    if total is None:
        missing = f"the price of {recipe.teacher.model} is unknown: it is not in {prices_file()}"
        return [f"{missing}; a ./prices.yaml of your own is read instead, make it a copy of that"]
    return [f"in all {_shown(total, 2)} USD, by {prices_file()}; nothing was asked or written"]


def _shown(found: Range, digits: int = 0) -> str:
    least, most = f"{found.least:,.{digits}f}", f"{found.most:,.{digits}f}"
    return least if least == most else f"{least} to {most}"
