"""The critics of a recipe, which drop what the teacher wrote before it is learned or merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nesy.critic import Critic, Pair
from nesy.errors import InputError
from nesy.recipe import Recipe
from nesy.runs import Run

REJECTED = "below the critic's threshold"


def load_critics(recipe: Recipe, run: Run) -> dict[str, Critic]:
    """Load the critics of a recipe, by what they judge.

    Raises:
        InputError: the run was begun with other ones, or a critic has no such threshold.
        ModelError: there is no critic in a folder.
    """
    asked = recipe.critic
    named = {"rationales": asked and asked.rationales, "entries": asked and asked.entries}
    found = {
        kind: Critic(Path(folder), recipe.student.device)
        for kind, folder in named.items()
        if folder
    }
    if asked is not None:
        for one in found.values():
            one.threshold(asked.recall)
        known = {kind: one.fingerprint for kind, one in found.items()}
        if run.done("critic") not in (None, known):
            raise InputError(
                f"{run.folder}: a critic has changed since this run was begun; choose another "
                "--output-dir"
            )
        run.finish("critic", **known)
    return found


def rejections(
    recipe: Recipe, critics: Mapping[str, Critic], kind: str, pairs: Sequence[Pair]
) -> list[bool]:
    """Return whether the critic of a kind holds each to be invalid; none is without a critic."""
    judge = critics.get(kind)
    if judge is None or recipe.critic is None:
        return [False] * len(pairs)
    least = judge.threshold(recipe.critic.recall)
    return [score < least for score in judge.score(pairs)]
