"""What a person writes into ``eval/<benchmark>.yaml``: where questions come from and what they are.

The docstrings and descriptions of the fields become the help that an editor shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)

from nesy import resources
from nesy.errors import BenchmarkError, InputError
from nesy.types import AnswerKind

_GENERATED = ("train", "test", "test-new-facts")
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


Texts = Annotated[
    Annotated[Text, Tag("one")] | Annotated[tuple[Text, ...], Tag("several")],
    Discriminator(_one_or_several),
]


class Columns(_Strict):
    """Which column of a row holds what; ``a.b`` is the key ``b`` inside the column ``a``."""

    question: Text = Field(description="Column with the question's text.")
    target: Text = Field(description="Column with the right answer.")
    passage: Text | None = Field(None, description="Column with a text shown before the question.")
    choices: Texts | None = Field(
        None,
        description="Column with the option texts, or several columns with one each. Leave out "
        "where the question's text already lists its options.",
    )
    target_after: Text | None = Field(
        None, description="The target is what follows the last occurrence of this, as '#### '."
    )
    task: Text | None = Field(None, description="Column with the name of the task.")
    drop: Text | None = Field(
        None,
        description="Regular expression of what is removed from the question's text and from "
        "the worked solution before `target_after`.",
    )


class Hub(_Strict):
    """A copy on the Hugging Face hub."""

    path: Text = Field(description="Dataset, as openai/gsm8k; {task} stands for the task.")
    config: Text | None = Field(None, description="Configuration; {task} stands for the task.")
    revision: Text = Field("main", description="Branch, tag or commit.")
    splits: Mapping[Name, Text] = Field(
        description="Our split: the hub's split, or several as train+validation."
    )


class Task(_Strict):
    """One task of a benchmark."""

    kind: AnswerKind | None = Field(None, description="Kind of answer, if not the benchmark's.")
    count: int | None = Field(None, ge=1, description="Questions in the full copy, all splits.")
    chance: float | None = Field(None, ge=0, le=100, description="Accuracy of guessing, per cent.")


class Case(_Strict):
    """A completion and the answer that must be read out of it; the test suite runs it."""

    completion: str
    answer: Text | None = Field(description="Lenient answer; null: there is none.")
    kind: AnswerKind | None = Field(None, description="Kind of answer, if not the benchmark's.")
    choices: tuple[Text, ...] = ()


class Definition(_Strict):
    """A benchmark: its header, where its questions are, and how a row becomes a question."""

    name: Name
    title: Text = Field(description="Name that papers use.")
    example: Text = Field(description="One question with its answer, for the reader.")
    link: Text
    paper: Text
    licence: Text
    kind: AnswerKind | None = Field(None, description="number | choice | text | boolean")
    chance: float = Field(0.0, ge=0, le=100, description="Accuracy of guessing, per cent.")
    counts: Mapping[Name, int] = Field(
        default_factory=dict, description="Questions in the full copy, by split."
    )
    tasks: Mapping[Name, Task] = Field(default_factory=dict, description="The tasks by name.")
    generated: Mapping[Name, int] | None = Field(
        None, description="Embedded benchmark: questions a family, by split."
    )
    files: Mapping[Name, Texts] = Field(
        default_factory=dict,
        description="Our split: file beside this one or in $NESY_DATA, or several names of which "
        "the first that is there is read; {task} stands for the task, * for any name. The same "
        "name in another format (.jsonl, .json, .parquet, .csv) or in the hub's pieces will do.",
    )
    rows: Text | None = Field(None, description="Key of the list of rows in a JSON file.")
    hub: Hub | None = None
    columns: (
        Annotated[
            Annotated[Columns, Tag("one")] | Annotated[tuple[Columns, ...], Tag("several")],
            Discriminator(_one_or_several),
        ]
        | None
    ) = Field(
        None,
        description="Columns of a row; of several layouts the first whose question a row has.",
    )
    carve: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of each task's questions that is the test split: the ceil(share * n) "
        "with the lowest sha256 of their text. The rest is the train split.",
    )
    reported: Name = Field(
        "test",
        description="Split that papers report; what is evaluated by default, unless the student "
        "was trained on this benchmark.",
    )
    cases: tuple[Case, ...] = Field(description="Extraction cases, at least 3.", min_length=3)

    @model_validator(mode="after")
    def _is_complete(self) -> Definition:
        if (self.generated is None) == (not self.files and self.hub is None):
            raise ValueError("a benchmark needs `generated`, or `files` or `hub`")
        if self.generated is not None and set(self.generated) - set(_GENERATED):
            raise ValueError(f"`generated` may have the splits {', '.join(_GENERATED)}")
        if self.generated is None and self.columns is None:
            raise ValueError("`files` and `hub` need `columns`")
        if self.generated is None and self.kind is None and not self.tasks:
            raise ValueError("`kind` is missing: number, choice, text or boolean")
        for name, task in self.tasks.items():
            if task.kind is None and self.kind is None:
                raise ValueError(f"task {name} needs a `kind`, or the benchmark one for all")
        if self.carve is not None and set(self.sources) != {"all"}:
            raise ValueError("`carve` divides one split named `all`; name no other split")
        if self.reported not in ("test", *self.splits):
            raise ValueError(f"`reported` is one of the splits {', '.join(self.splits)}")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """Splits as they are stored, in the order in which they are written."""
        hub = self.hub.splits if self.hub is not None else {}
        return tuple(dict.fromkeys([*self.files, *hub]))

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that may be asked for."""
        if self.generated is not None:
            return tuple(self.generated)
        stored = ("train", "test") if self.carve is not None else self.sources
        train = ("train",) if self.stored("train") else ()
        return tuple(dict.fromkeys([*train, *stored, "all"]))

    def stored(self, split: str) -> tuple[str, ...]:
        """Return the stored splits that hold a split's questions.

        Without a stored ``train`` that is whatever is stored beside ``test``, as the ``dev`` and
        ``validation`` of MMLU.
        """
        if split == "all" or self.carve is not None:
            return self.sources
        if split == "train" and split not in self.sources:
            return tuple(source for source in self.sources if source not in ("test", "all"))
        return (split,)

    @property
    def layouts(self) -> tuple[Columns, ...]:
        """The ways in which rows may hold their question."""
        if self.columns is None:
            return ()
        return (self.columns,) if isinstance(self.columns, Columns) else self.columns

    def patterns(self, source: str) -> tuple[str, ...]:
        """Return the names that the local file of a stored split may have."""
        names = self.files.get(source, ())
        return (names,) if isinstance(names, str) else names


def read_definition(name: str) -> tuple[Definition, Path]:
    """Read ``eval/<name>.yaml`` and return it with its path.

    Raises:
        BenchmarkError: no such file, or not a benchmark; the message lists every problem with
            file and line.
    """
    try:
        path = resources.find("eval", name)
        document = resources.read_document(path)
    except BenchmarkError:
        raise
    except InputError as error:
        raise BenchmarkError(str(error)) from error
    where = resources.shown(path)
    problems = [f"{where}:{line}:{column}: {text}" for (line, column), _, text in document.problems]
    if not problems:
        if not isinstance(document.value, dict):
            raise BenchmarkError(f"{where}:1:1: a benchmark is a mapping; see eval/gsm8k.yaml")
        try:
            return Definition.model_validate(document.value), path
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                problems.append(_problem(where, document, problem))
    raise BenchmarkError("\n".join(dict.fromkeys(problems)))


def _problem(where: str, document: resources.Document, problem: Any) -> str:
    steps = tuple(step for step in problem["loc"] if _is_step(document, step))
    line, column = document.keys.get(steps) or document.place(steps)
    name = ".".join(str(step) for step in steps)
    if problem["type"] == "extra_forbidden":
        last = str(problem["loc"][-1])
        return f"{where}:{line}:{column}: unknown key {last}{resources.near(last, _known(steps))}"
    if problem["type"] == "missing":
        inside = f"{name} needs" if name else "a benchmark needs"
        return f"{where}:{line}:{column}: {inside} `{problem['loc'][-1]}`"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}:{line}:{column}: {name + ': ' if name else ''}{message}"


def _is_step(document: resources.Document, step: str | int) -> bool:
    """Whether a part of pydantic's location is a key or an index, not the name of a type."""
    return isinstance(step, int) or any(step in steps for steps in document.keys)


def _known(steps: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Definition
    inside: dict[str, type[BaseModel]] = {"columns": Columns, "hub": Hub, "cases": Case}
    inside["tasks"] = Task
    for step in steps[:-1]:
        model = inside.get(str(step), model)
    return list(model.model_fields)
