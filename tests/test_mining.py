"""Which training questions are mined, and which are trained on after that."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from nesy import pretrained, recipe
from nesy.progress import Progress
from nesy.runs import Run
from nesy.stages.augmentation import needed
from nesy.stages.mining import of_each_task
from nesy.stages.questions import training_questions
from nesy.types import Attempt, Completion, Outcome, Question
from nesy.views import Lesson


def test_every_fact_and_some_of_each_procedure_are_mined() -> None:
    questions, _ = training_questions(recipe.load("embedded", ["data.per_family=40"]))
    on_facts = {question.id for question in questions if question.facts}
    chosen = of_each_task(questions, 5)
    assert on_facts < {question.id for question in chosen} < {question.id for question in questions}
    plain = [question for question in questions if not question.facts]
    counts = Counter(question.task for question in chosen if not question.facts)
    assert counts == dict.fromkeys((question.task for question in plain), 5)
    places = {question.id: place for place, question in enumerate(questions)}
    assert chosen == sorted(chosen, key=lambda question: places[question.id])
    assert of_each_task(questions, None) == questions


def test_a_task_is_read_by_its_length_and_as_it_is_needed(tmp_path: Path) -> None:
    questions = [
        Question(f"{task}/{n}", "b", task, "train", "1 + 1?", "2", "number")
        for task in ("can", "half", "never", "other")
        for n in range(200)
    ]
    lessons = [Lesson(one.id, one.text, "1 + 1 = 2.", "2") for one in questions]
    tokenizer = pretrained.load_tokenizer(pretrained.locate("tiny"))
    count = len(tokenizer.encode("1 + 1?\n1 + 1 = 2."))
    outcomes: dict[str, tuple[Outcome, ...]] = {
        "can": ("correct", "correct"),
        "half": ("correct", "wrong"),
        "never": ("truncated", "unparsed"),
    }
    mined = [
        Attempt(f"{task}/{n}", task, (), "", Completion("2", "stop", 1, 1), "2", None, one, one)
        for task, some in outcomes.items()
        for n, one in enumerate(some)
    ]
    with Run.create(tmp_path / "run", "a: 1\n") as run:
        run.append("mining", mined)
        said: list[str] = []
        progress = Progress(quiet=True)
        progress.say = said.append  # type: ignore[method-assign]

        def kept(balance: recipe.Balance | None) -> tuple[list[Lesson], Counter[str]]:
            asked = recipe.load("embedded").model_copy(update={"balance": balance})
            some = list(needed(asked, run, questions, lessons, frozenset({"can/7"}), progress))
            return some, Counter(one.question.partition("/")[0] for one in some)

        some, counts = kept(recipe.Balance(tokens=300 * count, mastered=0.1))
        assert 15 < counts["can"] < 50 and 130 < counts["half"] < 170
        assert counts["never"] == counts["other"] == 200
        assert "can/7" in {one.question for one in some}
        assert said == [f"balance: {len(some):,} of 800 rationales are trained on"]
        assert kept(recipe.Balance(tokens=300 * count, mastered=0.1))[0] == some
        _, counts = kept(recipe.Balance(tokens=100 * count))
        assert all(75 < counts[task] < 125 for task in ("can", "half", "never", "other"))
        assert kept(None)[0] == lessons
