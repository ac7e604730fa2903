"""Rounds: failures steer what comes next, the best round is kept, a second call repeats nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import small

from nesy import distill, estimate, methods, recipe, student
from nesy.errors import RecipeError, TrainingError
from nesy.kb import store
from nesy.kb.extract import Extraction
from nesy.models.flow import Terms
from nesy.progress import Progress
from nesy.runs import Run
from nesy.stages import rounds
from nesy.types import Attempt, Completion, Example, Messages, Question, Rationale, Sampling

SMALL = [
    *("data.benchmark=synth-gsm", "data.tasks=[points,savings]", "data.per_family=30"),
    *("data.per_fact=null", "train.rank=4", "train.general_epochs=1", "student.max_tokens=16"),
    *("knowledge.mode=bm25", "knowledge.min_score=null", "rounds.validation=10"),
    *("rounds.questions=6", "rounds.count=3"),
]


def question(number: int, task: str) -> Question:
    return Question(
        f"b/train/{task}/{number}", "b", task, "train", f"{task}{number}", "1", "number"
    )


def failure(asked: Question) -> Attempt:
    done = Completion("", "stop", 1, 1)
    return Attempt(asked.id, asked.task, (), "0", done, None, None, "wrong", "wrong")


def test_new_questions_are_of_the_tasks_that_fail() -> None:
    pool = [question(i, task) for task in "abc" for i in range(20)]
    failed = [failure(question(90 + i, "a")) for i in range(6)]
    failed += [failure(question(90 + i, "b")) for i in range(2)]
    found = rounds.candidates(pool, failed, 12)
    assert Counter(one.task for one in found) == {"a": 9, "b": 3}
    assert found == rounds.candidates(pool[::-1], failed, 12)
    assert [one.id for one in found] != sorted(one.id for one in found)
    assert Counter(o.task for o in rounds.candidates(pool, failed, 80)) == {"a": 20, "b": 20}


def test_what_was_wrong_and_sure_comes_first() -> None:
    failed = [failure(question(i, "a")) for i in range(4)]
    sure = {one.question: value for one, value in zip(failed, (0.1, 0.9, 0.5, 0.7), strict=True)}
    assert rounds.hardest(failed, sure, 2) == [failed[1], failed[3]]


def test_of_equals_the_first_round_is_kept() -> None:
    assert rounds.best([0.1, 0.4, 0.4, 0.2]) == 1


class Growing:
    """A student that answers ``points``, and ``savings`` once it had the round ``learned``."""

    name = fingerprint = "growing"

    def __init__(self, questions: Sequence[Question], adapter: Path, learned: str) -> None:
        self._questions = questions
        self._knows = {"points"} | ({"savings"} if adapter.name >= learned else set())

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        said = []
        for messages in prompts:
            asked = next(q for q in self._questions if q.text in messages[-1].content)
            answer = asked.target if asked.task in self._knows else "-1"
            said.append(Completion(f"So the answer is {answer}.", "stop", 5, 5))
        return said

    def confidences(self, prompts: Sequence[Messages], tokens: int) -> list[float]:
        return [len(messages[-1].content) % 7 / 7 for messages in prompts]


def test_failures_steer_the_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    model = small.save(tmp_path / "student", "llama", context=1024)
    (tmp_path / "kb").mkdir()
    made = recipe.load("nesycd-rounds", [*SMALL, f"student.model={model}", "rounds.patience=2"])
    wide = recipe.changed(made, "data.per_family=60")
    questions = student.training_questions(wide)

    def load(_: recipe.Recipe, adapter: Path) -> Growing:
        return Growing(questions, adapter, "round1")

    monkeypatch.setattr(student, "load_student", load)
    folder = tmp_path / "run"
    told = distill.distill(made, folder, tmp_path / "kb", Progress(quiet=True))
    run = Run.open(folder)
    base = {one.id for one in student.training_questions(made)}
    accuracies = run.done("adapter")["accuracies"]  # type: ignore[index]
    assert [round(one, 1) for one in accuracies] == [0.5, 1.0]  # nothing fails: no more follows
    weights = "adapter_model.safetensors"
    assert (folder / "adapter" / weights).read_bytes() == (folder / "round1" / weights).read_bytes()
    validated = {one.question for one in run.read("validation-round0", Attempt)}
    tried = run.read("candidates-round0", Attempt)
    assert len(validated) == 10
    assert len(tried) == 12
    assert {one.task for one in tried} == {"savings"}  # only they fail
    new = {r.question for r in run.read("rationales", Rationale)} - base
    assert len(new) == 6
    assert new < {one.question for one in tried}
    for kind in ("augmented-round0", "augmented-round1"):
        learned = {one.question for one in run.read(kind, Example)}
        assert not learned & validated
        assert bool(learned & new) == (kind == "augmented-round1")
        assert learned & base
    written = run.read("knowledge", Extraction)
    assert new <= {one.question for one in written}
    entries = store.load(tmp_path / "kb").entries
    assert new & {q for entry in entries.values() for q in entry.questions}
    assert (told.questions, told.rationales, told.failures) == (66, 66, len(written))
    trained = [path.parent.name for path in methods._trainings(made, folder)]
    assert trained[-2:] == ["round0", "round1"]
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert distill.distill(made, folder, tmp_path / "kb", Progress(quiet=True)) == told
    assert {path: path.read_bytes() for path in files} == files


def test_rounds_end_when_they_do_not_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    model = small.save(tmp_path / "student", "llama", context=1024)
    (tmp_path / "kb").mkdir()
    sets = [*SMALL, f"student.model={model}", "base=embedded"]
    made = recipe.load("std-cot", sets)
    distill.distill(made, tmp_path / "run", tmp_path / "kb", Progress(quiet=True))
    run = Run.open(tmp_path / "run")
    assert run.done("adapter")["accuracies"] == [0.0, 0.0]  # type: ignore[index]
    assert not (tmp_path / "run/round2").exists()
    read = [run.done(f"round{n}")["tokens"] for n in (0, 1)]  # type: ignore[index]
    assert read[1] == pytest.approx(read[0], rel=0.5)  # the budget is shared
    assert not list((tmp_path / "kb").glob("*.yaml"))


def test_what_splits_the_training_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="rounds and shrink both split the last training"):
        recipe.load("skintern", ["rounds.count=2"])


def test_an_estimate_counts_the_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    made = recipe.load("nesycd-rounds", [*SMALL, "rounds.count=2"])
    rationales, knowledge = estimate.estimate(made, [question(0, "a")], None, Terms())
    assert rationales.calls == estimate.Range(1, 1 + 2 * 6)
    assert knowledge.calls == estimate.Range(0, 1 + 2 * 6)


def test_too_few_questions_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    model = small.save(tmp_path / "student", "llama", context=1024)
    (tmp_path / "kb").mkdir()
    sets = [*SMALL, f"student.model={model}", "rounds.validation=1000"]
    with pytest.raises(TrainingError, match="questions of synth-gsm are not trained on, too few"):
        distill.distill(
            recipe.load("std-cot", sets), tmp_path / "run", tmp_path / "kb", Progress(quiet=True)
        )
