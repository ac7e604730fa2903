"""Grading completions that were stored elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nesy.benchmarks import load
from nesy.errors import InputError
from nesy.stored import grade_file
from nesy.types import Question

DATA = os.environ.get("NESY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
QUESTIONS = [
    Question("b/test/t/0", "b", "t", "test", "One?", "1", "number"),
    Question("b/test/t/1", "b", "t", "test", "Two?\nReally?", "2", "number"),
]


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_rows_are_matched_by_index_or_text(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {"task": "t", "index": 1, "response": "So the answer is 2."},
        {"question": " One? ", "response": "So the answer is 3."},
        {"question": "Three?", "response": "So the answer is 3."},
    )
    stored = grade_file(path, QUESTIONS)
    assert [(a.question, a.outcome) for a in stored.attempts] == [
        ("b/test/t/1", "correct"),
        ("b/test/t/0", "wrong"),
    ]
    assert stored.unknown == [3]


def test_a_question_is_known_without_its_options(tmp_path: Path) -> None:
    def asked(index: int, text: str) -> Question:
        return Question(f"b/test/t/{index}", "b", "t", "test", text, "(B)", "choice", ("x", "y"))

    same = [asked(i, f"Pick.\nOptions:\n(A) {i}\n(B) y") for i in (1, 2)]
    path = write(
        tmp_path / "a.jsonl",
        {"question": "Which?", "response": "So the answer is (B)."},
        {"question": "Pick.", "response": "So the answer is (B)."},
        {"question": "Pick.", "task": "t", "index": 2, "response": "So the answer is y."},
    )
    stored = grade_file(path, [asked(0, "Which?\nOptions:\n(A) x\n(B) y"), *same])
    assert [(a.question, a.outcome) for a in stored.attempts] == [
        ("b/test/t/0", "correct"),
        ("b/test/t/2", "correct"),
    ]
    assert stored.unknown == [2]


def test_cut_off_completion(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"question": "One?", "response": "1 +", "finish": "length"})
    assert grade_file(path, QUESTIONS).attempts[0].outcome == "truncated"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "a.jsonl:1: not JSON"),
        ([{"question": "One?"}], "a.jsonl:1: a row needs `response`"),
        ([{"response": "1"}], "a.jsonl:1: a row needs `task` and `index`"),
        ([{"response": "1", "index": 0}], "a.jsonl:1: `index` is a whole number and needs `task`"),
        ([{"question": "Three?", "response": "1"}], "no row answers a question"),
        ([{"question": "One?", "response": "1"}] * 2, "a.jsonl:2: question b/test/t/0 was"),
        (
            [{"task": "t", "index": 1, "question": "One?", "response": "1"}],
            "a.jsonl:1: index 1 of task t is another question",
        ),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: list[object], message: str) -> None:
    with pytest.raises(InputError) as error:
        grade_file(write(tmp_path / "a.jsonl", *rows), QUESTIONS)
    assert message in str(error.value)


@needs_data
def test_code_davinci_002_through_the_benchmark() -> None:
    folder = Path(str(DATA)) / "teacher"
    known = json.loads((folder / "bbh_code_davinci_002_correct.json").read_text())
    stored = grade_file(folder / "bbh_code_davinci_002_cot.jsonl", load("bbh", "all"))
    assert stored.unknown == []
    correct = Counter(a.task for a in stored.attempts if a.outcome_strict == "correct")
    assert correct == {task: counts["correct"] for task, counts in known.items()}
    assert Counter(a.task for a in stored.attempts) == {t: c["items"] for t, c in known.items()}


def test_grading_and_comparing_load_no_torch() -> None:
    code = (
        "import sys, nesy.stored, nesy.evaluate, nesy.compare, nesy.benchmarks, nesy.tables;"
        "print([m for m in ('torch', 'transformers', 'datasets', 'scipy') if m in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
