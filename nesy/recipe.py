"""A recipe: one YAML file that says everything a distillation does, checked and frozen.

A recipe with ``base: <other>`` takes from that one what it does not say itself, so that a file
holds a method and nothing else.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
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
    beta2: float = Field(0.999, gt=0, lt=1)
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

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is as it was before it could be said, which changes no older recipe."""
        plain: dict[str, Any] = handler(self)
        if self.beta2 == type(self).model_fields["beta2"].default:
            del plain["beta2"]
        return plain


class Knowledge(Section):
    """Which failures give knowledge, where the drafts go, and how knowledge is looked up.

    ``mine`` is how many training questions a task the first student answers; those that are known
    to rest on a fact it answers all. What an entry made from at most ``special`` questions says is
    too rare to be learned by heart: its questions are left out of the views that show no knowledge.
    """

    mine: int | None = Field(None, ge=1)
    special: int | None = Field(None, ge=1)
    pack: str = "distilled"
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    mode: Literal["dense", "bm25", "hybrid"] = "hybrid"
    key: Literal["question", "when", "facts", "all"] = "all"
    k: int = Field(1, ge=1)
    min_score: float | None = Field(None, ge=-1, le=1)
    rerank: str | None = None
    gate: float | None = Field(None, ge=0, le=1)


class View(Section):
    """One kind of training example: an input, a target, and how much it counts.

    ``prompts`` are files of ``prompts/``: the messages of all of them, with what the student
    writes in between, are the input, and the ``target`` of the last is the target. The input
    shows no knowledge, or what the question or its rationale retrieves; with ``required`` a
    question that retrieves none is left out. ``share`` is the part of the questions that are
    shown so, ``special`` the part of those whose knowledge is special (see ``Knowledge``; by
    default ``share`` too). ``weight`` is that of the view's mean loss beside the others'; without
    it every trained token counts alike.
    """

    prompts: tuple[str, ...] = Field(("student",), min_length=1)
    knowledge: Literal["none", "question", "rationale"] = "none"
    required: bool = False
    share: float = Field(1.0, ge=0, le=1)
    special: float | None = Field(None, ge=0, le=1)
    weight: float | None = Field(None, gt=0)


NESYCD: Mapping[str, View] = {
    "AD": View(knowledge="question", required=True),  # (x, k) -> r, y
    "AP": View(prompts=("student-answer",), knowledge="question"),  # x[, k] -> y
    "DC": View(),  # x -> r, y
}
"""The views of NesyCD (augmented distillation), of which a recipe may say what differs, or the
share alone."""


class Answering(Section):
    """How the distilled student answers.

    ``prompts`` are asked in turn: each later one follows what the student wrote to those before
    it. Without ``knowledge`` nothing is retrieved.
    """

    prompts: tuple[str, ...] = Field(("student",), min_length=1)
    knowledge: bool = True


class Balance(Section):
    """How much of each task the last training reads: what is short, and what is not known yet.

    Of a task whose mined questions the first student all failed it reads at most ``tokens`` of
    questions and rationales; of others less, by the share that it failed, but not less than the
    part ``mastered`` of that. Special knowledge (see ``Knowledge``) does not count.
    """

    tokens: int = Field(ge=1)
    mastered: float = Field(1.0, ge=0, le=1)


class Contrast(Section):
    """What the first student wrote wrongly, as what the second shall not write (QCRD).

    ``weight`` is that of a token beside one that is learned; a wrong rationale has the part of
    it that its words share with the right one, so that a near miss counts more than noise.
    ``agreement`` is the share of a question's samples that must have the right answer for one of
    their rationales to be learned (self-consistency).
    """

    weight: float = Field(gt=0, le=1)
    agreement: float | None = Field(None, gt=0, le=1)


class Criticism(Section):
    """Trained critics (folders) without whose consent nothing is learned, and how strict they are.

    One reads question and rationale, one what an entry applies to and what it says. Of what is
    valid each leaves the share ``recall``, as its threshold was chosen.
    """

    rationales: str | None = None
    entries: str | None = None
    recall: float = Field(0.8, gt=0, le=1)

    @model_validator(mode="after")
    def _names_one(self) -> Criticism:
        if not (self.rationales or self.entries):
            raise ValueError("give the folder of a critic for rationales or entries")
        return self


class Rounds(Section):
    """Further trainings on new questions, of the kind that the student fails (PGKD).

    There are ``count`` at most, each with ``questions`` new ones; ``validation`` questions tell
    which tasks fail and which round is the best. After ``patience`` rounds without a higher
    accuracy no more follow.
    """

    count: int = Field(2, ge=1)
    questions: int = Field(300, ge=1)
    validation: int = Field(200, ge=1)
    patience: int = Field(1, ge=1)


class Generate(Section):
    """Knowledge that the student writes where retrieval finds none (GenRead, CooK).

    At most ``words`` words of it are shown; with ``relevance`` it must be so near to the question
    (cosine), with ``sure`` the student so sure of it.
    """

    prompt: str = "student-knowledge"
    max_tokens: int = Field(96, ge=1)
    words: int = Field(60, ge=1)
    relevance: float | None = Field(0.35, ge=-1, le=1)
    sure: float | None = Field(0.5, ge=0, le=1)


class Verify(Section):
    """The student checks whether its knowledge was right and followed, or answers again (KALMV)."""

    prompt: str = "student-verify"
    tries: int = Field(2, ge=1)


class LocalSGD(Section):
    """Copies of a small student that train side by side on a CPU; on a GPU there is one.

    Each takes ``steps`` of its own, after which all go on from the mean of their weights.
    """

    copies: int = Field(2, ge=2)
    steps: int = Field(4, ge=1)


class WhiteBox(Section):
    """The student also follows the next-token probabilities of a teacher with local weights.

    ``weight`` is that of ``loss`` beside the cross entropy's, which has the rest; ``temperature``
    above 1 makes both probabilities flatter, so that unlikely words count more.
    """

    loss: Literal["forward-kl", "reverse-kl", "js", "sinkhorn"] = "forward-kl"
    weight: float = Field(0.5, gt=0, le=1)
    temperature: float = Field(1.0, gt=0)


class Settings(Section):
    """What a recipe of any kind can: it has a description, a hash, and is written as YAML.

    ``name`` is the file's, of a recipe that has a base.
    """

    description: str = ""
    name: str | None = None

    @property
    def sha(self) -> str:
        """Hash of the resolved recipe."""
        return hashlib.sha256(self.dump().encode()).hexdigest()

    def dump(self) -> str:
        """The resolved recipe as YAML text.

        A section that is off is left out, so that one which is new changes no older recipe.
        """
        plain = self.model_dump(mode="json")
        out = StringIO()
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump({key: value for key, value in plain.items() if value is not None}, out)
        return out.getvalue()


class Recipe(Settings):
    """The whole of a distillation. ``null`` is off; units and directions stand in the YAML.

    ``views`` are what the student is trained on last. ``budget`` is how many tokens the
    trainings that it goes through read together, counted in readings of all questions with their
    rationales; without it the epochs stand as they are.
    ``balance`` is how much of each task the last training reads.
    ``shrink`` trains in several stages, each of which shows that share of the knowledge.
    ``kb_budget`` is how many tokens of knowledge a question is shown at most.
    ``contrast`` adds the first student's wrong answers, to be unlearned. With ``admission`` a new
    entry must help with a failure that it was not made from to enter the knowledge base.
    ``critic`` drops rationales or new entries that a trained critic holds to be invalid.
    ``whitebox`` has the student follow the teacher's probabilities in the last training.
    ``generate`` has the student write knowledge where none is found, ``verify`` has it check its
    answers; a view must train each of them.
    ``local_sgd`` has copies of the student train side by side on a CPU.
    ``rounds`` splits the last training: what the student fails on steers what it is taught next.
    """

    data: Data
    teacher: Teacher
    student: Student
    train: Training = Training()
    knowledge: Knowledge = Knowledge()
    views: dict[str, View] = Field(default_factory=lambda: dict(NESYCD))
    answer: Answering | None = None
    budget: float | None = Field(None, gt=0)
    balance: Balance | None = None
    shrink: tuple[float, ...] | None = Field(None, min_length=1)
    kb_budget: int | None = Field(None, ge=1)
    contrast: Contrast | None = None
    admission: bool | None = None
    critic: Criticism | None = None
    whitebox: WhiteBox | None = None
    local_sgd: LocalSGD | None = None
    rounds: Rounds | None = None
    generate: Generate | None = None
    verify: Verify | None = None

    @field_validator("views", mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Complete the views that are NesyCD's: a share alone, or what differs from them."""
        if not isinstance(given, dict):
            return given
        return {
            name: {
                **NESYCD[name].model_dump(),
                **(view if isinstance(view, dict) else {"share": view}),
            }
            if name in NESYCD and not isinstance(view, View)
            else view
            for name, view in given.items()
        }

    @field_validator("views")
    @classmethod
    def _trains(cls, views: dict[str, View]) -> dict[str, View]:
        used = [view for view in views.values() if view.share > 0]
        if not used:
            raise ValueError("no view has a share, so nothing can be trained")
        if len({view.weight is None for view in used}) > 1:
            raise ValueError("give every view a weight, or none")
        for name, view in views.items():
            if view.special is not None and view.knowledge == "none":
                raise ValueError(f"{name} shows no knowledge, so special questions are never in it")
        return views

    @field_validator("shrink")
    @classmethod
    def _shares(cls, shrink: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if shrink is not None and not all(0 <= share <= 1 for share in shrink):
            raise ValueError("a share is 0 to 1")
        return shrink

    @field_serializer("views")
    def _shortly(self, views: dict[str, View]) -> dict[str, Any]:
        return {
            name: view.share
            if name in NESYCD and view == NESYCD[name].model_copy(update={"share": view.share})
            else view.model_dump(mode="json")
            for name, view in views.items()
        }

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Recipe:
        if self.contrast is not None and not self.symbolic:
            raise ValueError("contrast needs a view with knowledge: without one, none is mined")
        if self.contrast is not None and self.contrast.agreement and self.teacher.samples == 1:
            raise ValueError(
                "contrast.agreement needs teacher.samples: one sample agrees with itself"
            )
        if self.admission and not self.symbolic:
            raise ValueError("admission needs a view with knowledge: without one, there is none")
        for section, asked in (("generate", self.generate), ("verify", self.verify)):
            trained = {view.prompts[-1] for view in self.views.values() if view.share > 0}
            if asked is not None and asked.prompt not in trained:
                raise ValueError(f"{section} needs a view whose last prompt is {asked.prompt}")
        if self.verify is not None and len(self.answering.prompts) > 1:
            raise ValueError("verify needs an answer that is given in one pass")
        if self.rounds is not None and self.shrink is not None:
            raise ValueError("rounds and shrink both split the last training; leave one out")
        kind = self.teacher.model.partition(":")[0]
        if self.whitebox is not None and kind in ("solver", "openai", "scripted", "transcripts"):
            raise ValueError(
                f"whitebox needs the teacher's probabilities, which {self.teacher.model} does not "
                "give; set teacher.model to hf:<name> or a folder"
            )
        return self

    @property
    def answering(self) -> Answering:
        """How the student answers; by default in one go, with the knowledge that is found."""
        return self.answer or Answering()

    @property
    def symbolic(self) -> bool:
        """Whether some view shows knowledge, so that there must be a knowledge base."""
        return any(view.knowledge != "none" and view.share > 0 for view in self.views.values())

    @property
    def general(self) -> bool:
        """Whether a first student is trained: to start from, or to fail and so make knowledge."""
        return self.symbolic or self.train.init == "stage1"


Kind = TypeVar("Kind", bound=Settings)


def load(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Load ``recipes/<name>.yaml`` or a path and apply ``section.key=value`` overrides.

    Raises:
        RecipeError: unknown recipe, unknown key (with the nearest one), or unusable value;
            the message names the file and line, or the override.
    """
    return read(Recipe, "recipes", name, overrides)


def meant(benchmark: str | None) -> str:
    """Return the recipe for who names none: one called as its benchmark, else the embedded one.

    Raises:
        RecipeError: that recipe is wrong.
    """
    if benchmark in resources.names("recipes") and load(benchmark).data.benchmark == benchmark:
        return benchmark
    return "embedded"


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
        if override.startswith("base="):
            _apply(document, override)
    if "base" in document:
        document = _over_base(kind, folder, document, path)
    for override in overrides:
        if not override.startswith("base="):
            _apply(document, override)
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        lines = [_explain(kind, where, path, overrides, problem) for problem in error.errors()]
        raise RecipeError("\n".join(lines)) from error


def _over_base(
    kind: type[Kind], folder: str, document: dict[str, Any], path: Path
) -> dict[str, Any]:
    """Lay a method over its base: section by section, but its views replace those of the base."""
    given = {key: value for key, value in document.items() if key != "base"}
    under = read(kind, folder, str(document["base"]))
    if under.name is not None:
        place = f"{resources.shown(path)}:{_line_of(path, ['base'])}"
        raise RecipeError(f"{place}: base: {under.name} has a base itself; name that one")
    merged = under.model_dump(mode="json")
    for key, value in given.items():
        section = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if section and key != "views" else value
    return {**merged, "name": path.stem}


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
        if target.get(section) is None:  # it is off, or takes all its defaults
            target[section] = {}
        target = target[section]
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
            model = _under(model, part)
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


def _under(held: Any, key: str) -> Any:
    """What may stand under a key of a section, or of a mapping: a section if it can be one."""
    fields = getattr(held, "model_fields", None)
    inner = get_args(held)[1] if fields is None else fields[key].annotation
    if get_origin(inner) is dict:
        return inner
    return next((one for one in get_args(inner) if hasattr(one, "model_fields")), inner)


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
