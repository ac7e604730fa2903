"""Where evaluations lie: below the distillation run that they evaluate, or elsewhere.

An evaluation is a run folder with the conditions that each of its cells is answered under.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nesy import resources
from nesy.errors import InputError
from nesy.runs import RECIPE, Run

CONDITIONS = "conditions"


def below(run: Path) -> list[Path]:
    """Return the evaluations of a distillation run; the one that was begun last comes last."""
    found = run.glob(f"eval/*/{CONDITIONS}.json")
    return [file.parent for file in sorted(found, key=lambda file: file.stat().st_mtime)]


def locate(path: Path) -> Run:
    """Open an evaluation, or the last one of a distillation run.

    Raises:
        InputError: the folder holds no run, or one that was not evaluated yet.
    """
    run = Run.open(path)
    if conditions(run):
        return run
    found = below(path)
    if not found:
        raise InputError(f"{resources.shown(path)}: not evaluated yet; run `nesy eval` first")
    return Run.open(found[-1])


def conditions(run: Run) -> Mapping[str, Any]:
    """Return under which conditions each cell of an evaluation is answered, by its records."""
    return run.read_json(CONDITIONS) or {}


def distilled(evaluation: Path, named: str) -> Path:
    """Return the distillation run of an evaluation that names it in its settings.

    The run may have been moved since with what lies below it, or be read from elsewhere.

    Raises:
        InputError: it is not there.
    """
    for run in (Path(named), evaluation.resolve().parent.parent):
        if (run / RECIPE).is_file():
            return run
    raise InputError(f"{resources.shown(evaluation)}: its run {named} is not there")
