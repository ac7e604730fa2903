"""A recipe: one YAML file that says everything a distillation does, checked and frozen."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nesy import resources
from nesy.errors import RecipeError


class Section(BaseModel):
    """A group of settings: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which questions are distilled on."""

    benchmark: str
    tasks: tuple[str, ...] | None = None
    per_family: int | None = Field(None, ge=1)
    per_fact: int | None = Field(None, ge=1)
    extra_benchmark: str | None = None
    extra_per_family: int | None = Field(None, ge=1)
    limit: int | None = Field(None, ge=1)
    seed: int = 0


class Teacher(Section):
    """Who writes rationales and knowledge, and how it is sampled."""

    model: str
    rationale_prompt: str = "teacher-rationale"
    knowledge_prompt: str = "teacher-knowledge"
    samples: int = Field(1, ge=1)
    temperature: float = Field(0.8, ge=0)
    max_tokens: int = Field(2048, ge=1)
    knowledge_max_tokens: int = Field(1024, ge=1)
    target_visible: bool = True


class Student(Section):
    """What is trained, and how it writes."""

    model: str
    max_tokens: int = Field(320, ge=1)
    calculator: Literal["off", "plain", "annotated"] = "off"
    device: str = "auto"
    dtype: str = "auto"


class Training(Section):
    """LoRA settings shared by both trainings; the epochs of each stand apart."""

    rank: int = Field(32, ge=1)
    alpha: float = Field(64, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    embeddings: bool = False
    learning_rate: float = Field(2e-4, gt=0)
    general_epochs: float = Field(3.0, gt=0)
    augmented_epochs: float = Field(3.0, gt=0)
    batch_size: int | None = Field(32, ge=1)
    batch_tokens: int = Field(4096, ge=64)
    warmup: float = Field(0.1, ge=0, lt=1)
    max_length: int = Field(4096, ge=16)
    gradient_checkpointing: bool = False
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: Literal["4bit"] | None = None
    held_out: int | None = Field(None, ge=1)
    evaluations: int = Field(4, ge=1)
    patience: int | None = Field(None, ge=1)
    init: Literal["base", "stage1"] = "stage1"
    seed: int = 0


class Knowledge(Section):
    """Where the drafts of a distillation go and how knowledge is looked up."""

    pack: str = "distilled"
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    mode: Literal["dense", "bm25", "hybrid"] = "hybrid"
    key: Literal["question", "when", "facts", "all"] = "all"
    k: int = Field(1, ge=1)
    min_score: float | None = Field(None, ge=-1, le=1)
    rerank: str | None = None
    gate: float | None = Field(None, ge=0, le=1)


class Views(Section):
    """Share of the training questions that appear under each view of the augmented training."""

    AD: float = Field(1.0, ge=0, le=1)
    AP: float = Field(1.0, ge=0, le=1)
    DC: float = Field(1.0, ge=0, le=1)


class Settings(Section):
    """What a recipe of any kind can: it has a description, a hash, and is written as YAML."""

    description: str = ""

    @property
    def sha(self) -> str:
        """Hash of the resolved recipe."""
        return hashlib.sha256(self.dump().encode()).hexdigest()

    def dump(self) -> str:
        """The resolved recipe as YAML text."""
        out = StringIO()
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump(self.model_dump(mode="json"), out)
        return out.getvalue()


class Recipe(Settings):
    """The whole of a distillation. ``null`` is off; units and directions stand in the YAML."""

    data: Data
    teacher: Teacher
    student: Student
    train: Training = Training()
    knowledge: Knowledge = Knowledge()
    views: Views = Views()


Kind = TypeVar("Kind", bound=Settings)


def load(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Load ``recipes/<name>.yaml`` or a path and apply ``section.key=value`` overrides.

    Raises:
        RecipeError: unknown recipe, unknown key (with the nearest one), or unusable value;
            the message names the file and line, or the override.
    """
    return read(Recipe, "recipes", name, overrides)


def read(kind: type[Kind], folder: str, name: str, overrides: Sequence[str] = ()) -> Kind:
    """Load a recipe of a kind from ``<folder>/<name>.yaml`` or a path; see ``load``.

    Raises:
        RecipeError: unknown recipe, unknown key (with the nearest one), or unusable value;
            the message names the file and line, or the override.
    """
    path = resources.find(folder, name)
    document = resources.read_yaml(path)
    where = resources.shown(path)
    if not isinstance(document, dict):
        raise RecipeError(f"{where}:1: a recipe is a mapping of sections")
    for override in overrides:
        _apply(document, override)
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        lines = [_explain(kind, where, path, overrides, problem) for problem in error.errors()]
        raise RecipeError("\n".join(lines)) from error


def parse(text: str, where: str) -> Recipe:
    """Read a resolved recipe back, as a run folder holds it.

    Raises:
        RecipeError: it is not a recipe of this version.
    """
    return parse_as(Recipe, text, where)


def parse_as(kind: type[Kind], text: str, where: str) -> Kind:
    """Read a resolved recipe of a kind back; see ``parse``.

    Raises:
        RecipeError: it is not a recipe of this kind and version.
    """
    try:
        return kind.model_validate(YAML(typ="safe", pure=True).load(text))
    except (ValidationError, YAMLError) as error:
        raise RecipeError(f"{where}: not a recipe of this version of nesy: {error}") from error


def changed(recipe: Recipe, *overrides: str) -> Recipe:
    """Return a recipe with ``section.key=value`` overrides.

    Raises:
        RecipeError: unknown key or unusable value.
    """
    document = recipe.model_dump(mode="json")
    for override in overrides:
        _apply(document, override)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        lines = [
            _explain(type(recipe), "recipe", None, overrides, problem) for problem in error.errors()
        ]
        raise RecipeError("\n".join(lines)) from error


def _apply(document: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator:
        raise RecipeError(f"--set {override}: write section.key=value")
    target = document
    *sections, last = key.strip().replace("-", "_").split(".")
    for section in sections:
        target = target.setdefault(section, {})
        if not isinstance(target, dict):
            raise RecipeError(f"--set {override}: {section} is not a section")
    try:
        target[last] = YAML(typ="safe", pure=True).load(value)
    except YAMLError as error:
        raise RecipeError(f"--set {override}: the value is not YAML") from error


def _explain(
    kind: type[Settings], where: str, path: Path | None, overrides: Sequence[str], problem: Any
) -> str:
    location = [str(part) for part in problem["loc"]]
    name = ".".join(location)
    text = problem["msg"]
    if problem["type"] == "extra_forbidden":
        model: Any = kind
        for part in location[:-1]:
            model = model.model_fields[part].annotation
        known = list(model.model_fields)
        close = difflib.get_close_matches(location[-1], known, n=1)
        text = (
            f"unknown key (did you mean {close[0]}?)"
            if close
            else f"unknown key; known: {', '.join(known)}"
        )
    asked = next((one for one in reversed(overrides) if _overrides(one, location)), None)
    if asked is not None:
        return f"--set {asked}: {name}: {text}"
    return f"{where}: {name}: {text}" if path is None else _in_file(where, path, location, text)


def _overrides(override: str, location: list[str]) -> bool:
    """Whether a value at ``location`` was set by an override."""
    key = override.partition("=")[0].strip().replace("-", "_").split(".")
    return key[: len(location)] == location[: len(key)]


def _in_file(where: str, path: Path, location: list[str], text: str) -> str:
    return f"{where}:{_line_of(path, location)}: {'.'.join(location)}: {text}"


def _line_of(path: Path, location: list[str]) -> int:
    """Line of a key in the file, or of the nearest above it."""
    node = YAML(typ="rt").load(path.read_text("utf-8"))
    line = 1
    for part in location:
        if not hasattr(node, "lc") or part not in node:
            break
        line = node.lc.key(part)[0] + 1
        node = node[part]
    return line
