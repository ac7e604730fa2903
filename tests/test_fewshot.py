"""Worked examples: which are shown, and how."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nesy import prompts
from nesy.answer import prepare
from nesy.benchmarks import load
from nesy.errors import InputError, PromptError
from nesy.fewshot import PROMPT, examples
from nesy.types import Question

DATA = os.environ.get("NESY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
POOL = [
    Question(f"b/train/t{i % 2}/{i}", "b", f"t{i % 2}", "train", f"What is {i}?", f"{i}", "number")
    for i in range(20)
]


def asked(text: str = "What is 99?", task: str = "t0") -> Question:
    return Question("b/test/0", "b", task, "test", text, "99", "number")


def test_examples_are_of_the_task_and_fixed_by_the_seed() -> None:
    chosen = examples(POOL, 3, seed=0)(asked())
    assert len({q.id for q in chosen}) == 3
    assert {q.task for q in chosen} == {"t0"}
    assert chosen == examples(list(reversed(POOL)), 3, seed=0)(asked("What is 7?"))
    assert chosen != examples(POOL, 3, seed=1)(asked())
    assert list(chosen) == list(examples(POOL, 4, seed=0)(asked()))[:3]
    assert {q.task for q in examples(POOL, 20, seed=0)(asked(task="other"))} == {"t0", "t1"}


def test_a_question_is_never_its_own_example() -> None:
    first, *others = examples(POOL, 4, seed=0)(asked())
    again = examples(POOL, 3, seed=0)(asked(f" {first.text.upper()}\n"))
    assert list(again) == others
    doubled = examples([*POOL, *POOL], 10, seed=0)(asked())
    assert len({q.id for q in doubled}) == 10


def test_too_few_examples_are_told() -> None:
    with pytest.raises(InputError, match=r"b/test/0: only 10 other questions .* 11 were asked"):
        examples(POOL, 11, seed=0)(asked())


def test_examples_stand_before_the_question_as_it_is_shown_without() -> None:
    prompt = prompts.load(PROMPT)
    worked = Question(
        "b/train/0", "b", "t0", "train", "1 + 1?", "2", "number", rationale="1 + 1 = 2."
    )
    plain = prepare([asked()], prompts.load("student"))[0].messages
    shown = prepare([asked()], prompt, None, lambda _: [worked, POOL[4]])[0].messages
    assert shown[-1].content == (
        "Question: 1 + 1?\nAnswer: 1 + 1 = 2. So the answer is 2.\n\n"
        "Question: What is 4?\nAnswer: So the answer is 4.\n\n" + plain[-1].content
    )
    assert prepare([asked()], prompt)[0].messages == plain
    assert all(stop.startswith("\n") for stop in prompt.stop)


def test_stop_is_a_list_of_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts").mkdir()
    Path("prompts/mine.yaml").write_text("stop: Q\nmessages: [{role: user, content: x}]\n")
    with pytest.raises(PromptError, match="`stop` is a list of texts"):
        prompts.load("mine")


@needs_data
def test_gsm8k_examples_are_worked_and_of_the_training_split() -> None:
    choose = examples(load("gsm8k", "train"), 5, seed=0)
    for question in load("gsm8k", "test", limit=5):
        for example in choose(question):
            assert example.id.startswith("gsm8k/train/")
            assert example.rationale
            assert "<<" not in example.rationale
            assert "####" not in example.rationale
