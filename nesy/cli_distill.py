"""``nesy distill --dry-run``: the estimate as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from nesy import distill, estimate
from nesy.asking import Settings
from nesy.estimate import Estimate, Range
from nesy.recipe import Recipe
from nesy.runs import RECIPE, Run
from nesy.spend import prices_file
from nesy.types import Attempt


def estimated(recipe: Recipe, folder: Path, asking: Settings, sample: int) -> list[Estimate]:
    """Estimate a distillation; a run in ``folder`` tells how many failures there are.

    Raises:
        InputError: the benchmark's data are missing.
        ModelError: the teacher can't be loaded.
    """
    questions, _ = distill.training_questions(recipe)
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
        return [f"the price of {recipe.teacher.model} is unknown: it is not in {prices_file()}"]
    return [f"in all {_shown(total, 2)} USD, by {prices_file()}; nothing was asked or written"]


def _shown(found: Range, digits: int = 0) -> str:
    least, most = f"{found.least:,.{digits}f}", f"{found.most:,.{digits}f}"
    return least if least == most else f"{least} to {most}"
