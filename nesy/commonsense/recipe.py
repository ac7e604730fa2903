"""A recipe of symbolic knowledge distillation: one YAML file, checked and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from nesy import recipe
from nesy.recipe import Section, Settings

FOLDER = "commonsense/recipes"


class Corpus(Section):
    """What the teacher is asked for."""

    teacher: str
    relations: tuple[str, ...] = Field(min_length=1)
    events: int = Field(ge=1)
    shown: int = Field(10, ge=1)
    event_top_p: float = Field(0.9, gt=0, le=1)
    drop: float = Field(0.2, ge=0, lt=1)
    tails: int = Field(10, ge=1)
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(0.9, gt=0, le=1)
    max_tokens: int = Field(12, ge=1)
    seed: int = 0


class Labels(Section):
    """Where the labels of the critic come from, and how many."""

    source: Literal["world", "people"] = "people"
    count: int = Field(ge=10)
    seed: int = 0


class CriticTraining(Section):
    """How the critic is trained; see ``nesy.critic.Settings``.

    A triple is scored under ``draws`` of names for its persons, averaged; with 0 once, as
    PersonX and PersonY.
    """

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    layers: int | None = Field(2, ge=1)
    learning_rate: float = Field(3e-4, gt=0)
    head_rate: float = Field(1e-3, gt=0)
    head_epochs: int = Field(20, ge=0)
    epochs: int = Field(6, ge=1)
    patience: int = Field(2, ge=1)
    batch_size: int = Field(32, ge=1)
    max_length: int = Field(64, ge=8)
    draws: int = Field(1, ge=0)
    seed: int = 0
    device: str = "auto"


class Filters(Section):
    """Recall that each level of the filter aims at.

    A level keeps the same share of every event's triples, the likeliest; the share is chosen on
    validation events.
    """

    low: float = Field(0.95, gt=0, le=1)
    high: float = Field(0.8, gt=0, le=1)

    @model_validator(mode="after")
    def _low_keeps_more(self) -> Filters:
        if self.low <= self.high:
            raise ValueError(f"low ({self.low}) must keep more than high ({self.high})")
        return self


class Student(Section):
    """What is trained on the triples of each level, and how it is asked.

    Each level's student reads the same number of triples, ``reads``, so that the one of a
    smaller corpus is not also the one that was trained less.
    """

    model: str
    rank: int = Field(32, ge=1)
    alpha: float = Field(64, gt=0)
    embeddings: bool = False
    learning_rate: float = Field(2e-4, gt=0)
    reads: int = Field(ge=1)
    batch_size: int | None = Field(32, ge=1)
    batch_tokens: int = Field(4096, ge=64)
    max_length: int = Field(128, ge=16)
    top_p: float = Field(0.9, gt=0, le=1)
    max_tokens: int = Field(24, ge=1)
    seed: int = 0
    device: str = "auto"
    dtype: str = "auto"


class CommonsenseRecipe(Settings):
    """The whole of a symbolic knowledge distillation."""

    corpus: Corpus
    labels: Labels
    critic: CriticTraining = CriticTraining()
    filters: Filters = Filters()
    student: Student


def load(name: str, overrides: Sequence[str] = ()) -> CommonsenseRecipe:
    """Load a recipe by name or path and apply ``section.key=value`` overrides.

    Raises:
        RecipeError: unknown recipe, unknown key (with the nearest one), or unusable value.
    """
    return recipe.read(CommonsenseRecipe, FOLDER, name, overrides)


def parse(text: str, where: str) -> CommonsenseRecipe:
    """Read a resolved recipe back, as a run folder holds it.

    Raises:
        RecipeError: it is not such a recipe of this version.
    """
    return recipe.parse_as(CommonsenseRecipe, text, where)
