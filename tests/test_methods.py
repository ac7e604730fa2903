"""The methods of nesy/recipes/: each is asked what it was trained on, and they share work."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import small

from nesy import cli_distill, distill, pretrained, resources, student, views
from nesy import recipe as recipes
from nesy.answer import answer
from nesy.asking import Settings
from nesy.errors import InputError
from nesy.kb import store
from nesy.progress import Progress
from nesy.runs import Run
from nesy.types import Completion, Example, Hit, Messages, Question, Sampling

METHODS = [name for name in resources.names("recipes") if recipes.load(name).name is not None]
ENTRY = SimpleNamespace(lesson="Convert first.", facts=("A baker's dozen is 13 items.",))
QUESTION = Question("q/1", "b", "t", "train", "Two baker's dozens?", "26", "number")
LESSON = views.Lesson("q/1", QUESTION.text, "2 * 13 = 26.", "26", (ENTRY,), (ENTRY,))
SMALL_BUDGET = [
    *("data.benchmark=synth-gsm", "data.limit=12", "train.rank=4", "train.general_epochs=1"),
    *("student.max_tokens=16", "knowledge.mode=bm25", "knowledge.min_score=null"),
]


class Told:
    """Answers every pass as the training has it written, and keeps what it was asked."""

    name = fingerprint = "told"

    def __init__(self, targets: dict[Messages, str]) -> None:
        self.asked: list[Messages] = []
        self._targets = targets

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        self.asked += prompts
        return [Completion(self._targets.get(one, ""), "stop", 5, 3) for one in prompts]


def found(questions: Sequence[Question]) -> list[list[Any]]:
    return [[SimpleNamespace(hit=Hit("e", 1.0, 1), entry=ENTRY)] for _ in questions]


def test_every_published_method_is_there() -> None:
    assert set(METHODS) >= {
        *("answer-only", "std-cot", "step-by-step", "mt-cot", "cascod", "kard", "skintern"),
        *("nesycd", "nesycd-gated"),
    }


def test_methods_differ_in_the_method_only() -> None:
    base = distill.common(recipes.load("embedded"))
    for name in METHODS:
        made = recipes.load(name)
        assert distill.common(made) == base, name
        assert made.budget == 2, name
        assert made.description, name


@pytest.mark.parametrize("chat", [False, True], ids=["plain", "chat"])
@pytest.mark.parametrize("name", METHODS)
def test_what_is_trained_is_what_is_asked(name: str, chat: bool) -> None:
    recipe = recipes.load(name)
    tokenizer = small.tokenizer(chat)
    shown = LESSON
    if recipe.shrink is not None and recipe.shrink[-1] == 0:  # what the last training shows
        shown = views.Lesson("q/1", LESSON.text, LESSON.rationale, LESSON.answer)
    every = {name: view.model_copy(update={"share": 1.0}) for name, view in recipe.views.items()}
    examples = views.examples([shown], every)
    trained = {
        one.messages: pretrained.example_ids(tokenizer, one.messages, one.target)
        for one in examples
    }
    targets = {one.messages: one.target for one in examples}
    lm = Told(targets)
    search = found if recipe.answering.knowledge else None
    (attempt,) = answer(
        [QUESTION], student.answering(recipe, lm), student.prompt(recipe), Sampling(), search
    )
    assert len(lm.asked) == len(recipe.answering.prompts)
    for messages in lm.asked:
        assert pretrained.prompt_ids(tokenizer, messages) == trained[messages].prompt
    assert attempt.outcome == "correct"
    assert attempt.completion.prompt_tokens == 5 * len(lm.asked)
    assert attempt.completion.completion_tokens == 3 * len(lm.asked)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All methods on a random student, in one go: (plan, what was made, knowledge base)."""
    there = tmp_path_factory.mktemp("methods")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NESY_HOME", str(there / "home"))
        patch.chdir(there)
        model = small.save(there / "student", "llama", context=1024)
        (there / "kb").mkdir()
        plan = cli_distill.planned(
            METHODS, [*SMALL_BUDGET, f"student.model={model}"], there / "runs"
        )
        done = cli_distill.distilled(plan, there / "kb", Progress(quiet=True), Settings())
        yield plan, done, there / "kb"


def test_the_methods_share_what_the_teacher_wrote(made: Any) -> None:
    plan, done, kb = made
    assert {folder.name for _, folder in plan} == set(METHODS)
    first = done[0].run
    entries = {id_ for id_ in store.load(kb).entries if id_.startswith("distilled.")}
    assert entries
    for (recipe, folder), one in zip(plan, done, strict=True):
        assert one.rationales == 12
        same = ["rationales.jsonl"]
        if recipe.general:
            same.append("stage1/adapter_model.safetensors")
        else:
            assert not (folder / "stage1").exists()
        if recipe.symbolic:
            same += ["mining.jsonl", "knowledge.jsonl"]
        else:
            assert (one.failures, one.entries, dict(one.merge)) == (0, 0, {})
        for name in same:
            assert (folder / name).read_bytes() == (first / name).read_bytes(), name
        assert (folder / "adapter/adapter_model.safetensors").is_file()
        assert (folder / "manifest.json").is_file()


def test_the_methods_read_as_many_tokens(made: Any) -> None:
    plan, _, _ = made
    read = {}
    for recipe, folder in plan:
        stages = Run.open(folder)
        names = ["adapter", *(f"phase{n}" for n in range(1, len(recipe.shrink or (1,))))]
        names += ["stage1"] if recipe.train.init == "stage1" else []
        read[recipe.name] = sum(stages.done(name)["tokens"] for name in names)
    unit = Run.open(plan[0][1]).done("stage1")["tokens"]
    for name, tokens in read.items():
        assert 1.8 * unit <= tokens <= 3 * unit, name  # a training ends at a whole step


def test_a_gate_trains_no_other_student(made: Any) -> None:
    plan, _, _ = made
    there = {recipe.name: folder for recipe, folder in plan}
    for name in ("adapter/adapter_model.safetensors", "adapter/training.json", "augmented.jsonl"):
        assert (there["nesycd-gated"] / name).read_bytes() == (there["nesycd"] / name).read_bytes()


def test_knowledge_shrinks_to_nothing(made: Any) -> None:
    plan, _, _ = made
    folder = next(folder for recipe, folder in plan if recipe.name == "skintern")
    run = Run.open(folder)
    names = ("augmented-phase1", "augmented-phase2", "augmented-phase3", "augmented")
    shown = [
        {e.question: len(e.messages[-1].content) for e in run.read(name, Example)} for name in names
    ]
    for question in shown[0]:
        lengths = [one[question] for one in shown]
        assert lengths == sorted(lengths, reverse=True)
    assert sum(shown[0].values()) > sum(shown[1].values()) > sum(shown[2].values())
    assert sum(shown[2].values()) > sum(shown[3].values())
    assert all("Knowledge" not in e.messages[-1].content for e in run.read(names[3], Example))


def test_a_recipe_is_named_once() -> None:
    with pytest.raises(InputError, match="names std-cot twice"):
        cli_distill.planned(["std-cot", "std-cot"], [], None)
