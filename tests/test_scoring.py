"""Extraction and grading: every defect known from other graders is a case here."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nesy.numerals import number
from nesy.scoring import extract, grade
from nesy.types import AnswerKind, Completion, Question

DATA = os.environ.get("NESY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
FRUIT = ("apple", "pineapple", "a pear", "18 plums")


def done(text: str, finish: str = "stop") -> Completion:
    return Completion(text, finish, 1, 1)  # type: ignore[arg-type]


def asked(
    target: str, kind: AnswerKind, choices: tuple[str, ...] = (), text: str = "?"
) -> Question:
    return Question("b/test/t/0", "b", "t", "test", text, target, kind, choices)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("So the answer is 18.", "18"),
        ("So the answer is 18. Hope that helps...", "18"),
        ("So the answer is 18.0.", "18"),
        ("So the answer is $1,234.50 a week.", "1234.5"),
        ("So the answer is -$5.", "-5"),
        ("So the answer is $-5.", "-5"),
        ("So the answer is \u22127.", "-7"),
        ("So the answer is 45%.", "45"),
        ("So the answer is 3/4 of a cup.", "0.75"),
        ("So the answer is 1 1/2 hours.", "1.5"),
        ("So the answer is 1/3.", "1/3"),
        ("So the answer is \\(\\frac{3}{4}\\).", "0.75"),
        ("So the answer is $1.5 million.", "1500000"),
        ("So the answer is .5.", "0.5"),
        ("So the answer is **18**.", "18"),
        ("So the answer is: 18", "18"),
        ("So the answer is\n18", "18"),
        ("So the answer is 16 - 3 = 13.", "13"),
        ("So the answer is <<2*9=18>>18.", "18"),
        ("So the answer is 18 eggs and 4 muffins.", "18"),
        ("So the answer is eighteen.", "18"),
        ("So the answer is forty-two apples.", "42"),
        ("So the answer is 3. So the answer is 4.", "4"),
        ("So the answer is 4. I hope the answer is clear.", "4"),
        ("The answer is not 5. The answer is 6.", "6"),
        ("2 + 2 = 4\n#### 4", "4"),
        ("2 + 2 = 4\n#### 1,004\n\n", "1004"),
        ("We get $\\boxed{18}$.", "18"),
        ("She has 3 left.\nA: 3", "3"),
        ("Final Answer: $18", "18"),
        ("**Answer:** 18 dollars", "18"),
        ("The final answer is therefore 18.", "18"),
        ("So the answer is 5.\n\nQ: There are 9 trees.\nA: So the answer is 9.", "5"),
        ("So the answer is 5.\n\nQuestion: How many?\nAnswer: So the answer is 9.", "5"),
        ("The Queen has 3 Quilts. So the answer is 3.", "3"),
        ("<think>So the answer is 9.</think>So the answer is 3.", "3"),
        ("So the answer is 3.<|im_end|>So the answer is 4.", "3"),
        ("He runs 9 * 60 = 540 meters", "540"),
        ("18", "18"),
    ],
)
def test_lenient_number(text: str, value: str) -> None:
    found = extract(text, "number")
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "I cannot solve this.", "<think>So the answer is 9.", "\n\n8 * ("],
)
def test_no_number(text: str) -> None:
    assert extract(text, "number") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("So the answer is (B).", "(B)"),
        ("So the answer is (B). ", "(B)"),
        ("So the answer is (b)", "(B)"),
        ("So the answer is B.", "(B)"),
        ("So the answer is B) pineapple", "(B)"),
        ("So the answer is **B**.", "(B)"),
        ("So the answer is option B.", "(B)"),
        ("So the answer is (B) pineapple, not (A).", "(B)"),
        ("So the answer is pineapple.", "(B)"),
        ("So the answer is the pineapple.", "(B)"),
        ("So the answer is a pear.", "(C)"),
        ("So the answer is A pear", "(C)"),
        ("So the answer is 18 plums.", "(D)"),
        ("The correct option is $\\text{(D)}$.", "(D)"),
        ("The correct answer is: D", "(D)"),
        ("\\boxed{C}", "(C)"),
        ("It is $\\boxed{\\text{C}}$.", "(C)"),
        ("Answer: C", "(C)"),
        ("So the answer is (A) or (B).", "(A) or (B)"),
        ("So the answer is (A), (B) and (C).", "(A) or (B) or (C)"),
        ("B", "(B)"),
        ("(B)", "(B)"),
        ("pineapple", "(B)"),
        ("It is yellow. That is option (B).", "(B)"),
        ("So the answer is (A). Wait. So the answer is (C).", "(C)"),
        ("Best choice: C", "(C)"),
        ("It is green.\n**Correct option:** a pear", "(C)"),
        ("It is yellow. Therefore, B is correct.", "(B)"),
        ("It is yellow.\n\nThus option **D** is correct", "(D)"),
        ("It is yellow. B is the correct answer.", "(B)"),
    ],
)
def test_lenient_choice(text: str, value: str) -> None:
    found = extract(text, "choice", FRUIT)
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "I think so.", "Say (A). It could be (A) or (B).", "So the answer is a fruit."),
        # An option is only called true or the better one of two, or it is none of them.
        *("A is false. B is correct.", "It grows. Therefore, B is not correct."),
        *("Neither. Therefore, neither A nor B is correct.", "It grows. Thus, A or B is correct."),
        *("It grows. So if B is correct, A is not.", "It grows. Therefore, E is correct."),
    ],
)
def test_no_choice(text: str) -> None:
    assert extract(text, "choice", FRUIT) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("So the answer is valid.", "valid"),
        ("So the answer is invalid.", "invalid"),
        ("The argument is therefore invalid. So the answer is invalid.", "invalid"),
        ("So the answer is not valid.", "invalid"),
        ("So the answer is Yes", "Yes"),
        ("So the answer is no.", "no"),
        ("So the answer is **True**.", "True"),
        ("Yes, because nobody knows.", "Yes"),
        ("We see that Y = False.", "False"),
    ],
)
def test_lenient_boolean(text: str, value: str) -> None:
    found = extract(text, "boolean")
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize("text", ["", "Nobody knows.", "Is it true or false?", "= not False ="])
def test_no_boolean(text: str) -> None:
    assert extract(text, "boolean") is None


@pytest.mark.parametrize(
    ("text", "target", "right"),
    [
        ("So the answer is ] ] >.", "] ] >", True),
        ("So the answer is ]]>.", "] ] >", True),
        ("So the answer is ] ].", "] ] >", False),
        ("So the answer is alpha beta gamma.", "alpha beta gamma", True),
        ("So the answer is alpha, beta, gamma.", "alpha beta gamma", True),
        ("So the answer is Alpha beta gamma. Hope that helps.", "alpha beta gamma", True),
        ('So the answer is "alpha beta".', "alpha beta", True),
        ("So the answer is beta alpha.", "alpha beta", False),
        ("So the answer is .", "alpha", False),
        ("", "", False),
        ("   ", "alpha", False),
    ],
)
def test_lenient_text(text: str, target: str, right: bool) -> None:
    outcome = grade(done(text), asked(target, "text")).outcome
    assert (outcome == "correct") is right


@pytest.mark.parametrize("kind", ["number", "choice", "text", "boolean"])
@pytest.mark.parametrize("target", ["valid", "18", "(A)", "No", ""])
def test_empty_completion_is_never_correct(kind: AnswerKind, target: str) -> None:
    for text in ("", " ", "\n", "So the answer is ", "So the answer is .", "####"):
        graded = grade(done(text), asked(target, kind))
        assert graded.outcome in ("unparsed", "wrong")
        assert graded.outcome_strict == "unparsed"
        assert grade(done(text, "length"), asked(target, kind)).outcome_strict == "truncated"


def test_strict_is_exact() -> None:
    def strict(text: str, target: str, kind: AnswerKind) -> str:
        return grade(done(text), asked(target, kind)).outcome_strict

    assert strict("So the answer is (B).", "(B)", "choice") == "correct"
    assert strict("So the answer is (B). ", "(B)", "choice") == "correct"
    assert strict("So the answer is B.", "(B)", "choice") == "wrong"
    assert strict("so the answer is (B).", "(B)", "choice") == "unparsed"
    assert strict("So the answer is valid", "valid", "boolean") == "correct"
    assert strict("So the answer is Yes.", "yes", "boolean") == "wrong"
    assert strict("#### 1,080", "1080", "number") == "correct"
    assert strict("So the answer is 18.0.", "18", "number") == "wrong"
    assert strict("The answer is 18", "18", "number") == "unparsed"


def test_hedged_answer_is_wrong() -> None:
    assert grade(done("So the answer is (A) or (B)."), asked("(A)", "choice")).outcome == "wrong"
    assert grade(done("So the answer is Yes or No."), asked("Yes", "boolean")).outcome == "wrong"


def test_target_given_as_option_text() -> None:
    question = asked("pineapple", "choice", FRUIT)
    assert grade(done("So the answer is (B)."), question).outcome == "correct"
    assert grade(done("So the answer is (A)."), question).outcome == "wrong"


def test_truncated() -> None:
    question = asked("12", "number")
    assert grade(done("She has 3 and 4 and", "length"), question).outcome == "truncated"
    assert grade(done("She has 3 and 4 and"), question).outcome == "wrong"
    assert grade(done("So the answer is 1", "length"), question).outcome == "truncated"
    assert grade(done("So the answer is 12", "length"), question).outcome == "correct"
    assert grade(done("So the answer is 13. Then", "length"), question).outcome == "wrong"


def test_span_is_where_the_value_stands() -> None:
    text = "First 3.\nSo the answer is $1,200 a day."
    found = extract(text, "number")
    assert found is not None
    assert text[slice(*found.span)] == "$1,200"
    text = "So the answer is alpha beta."
    found = extract(text, "text")
    assert found is not None
    assert (found.value, text[slice(*found.span)], found.rule) == (
        "alpha beta",
        "alpha beta",
        "phrase",
    )


@pytest.mark.parametrize(
    ("text", "target", "kind"),
    [
        ("The answer is valid.", "valid", "boolean"),  # read as "vali"
        ("So the answer is invalid", "invalid", "boolean"),
        ("So the answer is (B). ", "(B)", "choice"),  # a stray space
        (" So the answer is  (B).", "(B)", "choice"),
        ("The answer is (B)", "(B)", "choice"),
        ("The answer is 18. Hope that helps...", "18", "number"),  # read as "..."
        ("The Quilt costs 18. Quality counts.\nQueen So the answer is 18.", "18", "number"),
        ("The answer is 18.0.", "18", "number"),
        ("The answer is 18", "18.0", "number"),
    ],
)
def test_right_answers_that_other_graders_count_wrong(
    text: str, target: str, kind: AnswerKind
) -> None:
    assert grade(done(text), asked(target, kind)).outcome == "correct"


@given(st.integers(-(10**12), 10**12))
def test_numbers_survive_their_notations(value: int) -> None:
    for written in (f"{value}", f"{value:,}", f"{value}.00", f"${value:,} each"):
        found = extract(f"So the answer is {written}.", "number")
        assert found is not None
        assert found.value == str(value)


@given(st.text(max_size=200), st.sampled_from(["number", "choice", "text", "boolean"]))
def test_any_text_is_read_without_error(text: str, kind: AnswerKind) -> None:
    for rule in ("lenient", "strict"):
        found = extract(text, kind, FRUIT, rule)  # type: ignore[arg-type]
        assert found is None or 0 <= found.span[0] <= found.span[1] <= len(text)


def test_endless_repetition_is_read_quickly() -> None:
    started = time.perf_counter()
    for piece in (
        "7",
        "7 ",
        "-7",
        "1/",
        "1,000",
        "(A) or ",
        "not ",
        "= 7 - ",
        "\n",
        ". ",
        "the answer is ",
    ):
        for kind in ("number", "choice", "boolean", "text"):
            extract("So the answer is " + piece * 3000, kind, FRUIT)
            grade(done(piece * 3000, "length"), asked("7", kind, FRUIT))
    assert time.perf_counter() - started < 20  # takes 2 s; quadratic reading takes minutes
    assert extract("So the answer is " + "7" * 5000, "number") is None


def test_number_reads_nothing_into_words() -> None:
    assert number("H2O") is None
    assert number("no digits") is None
    assert number("1/0") is None


@needs_data
def test_code_davinci_002_on_bbh() -> None:
    folder = Path(str(DATA)) / "teacher"
    known = json.loads((folder / "bbh_code_davinci_002_correct.json").read_text())
    correct: Counter[str] = Counter()
    for line in (folder / "bbh_code_davinci_002_cot.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        options = re.findall(r"^\([A-Z]\) ?(.*)$", row["question"], re.MULTILINE)
        question = asked(row["target"], _kind(row["target"]), tuple(options))
        graded = grade(done(row["response"]), question)
        correct[row["task"]] += graded.outcome_strict == "correct"
        if graded.outcome_strict == "correct":
            assert graded.outcome == "correct", row
    assert dict(correct) == {task: counts["correct"] for task, counts in known.items()}


def _kind(target: str) -> AnswerKind:
    if re.fullmatch(r"\([A-Z]\)", target):
        return "choice"
    if re.fullmatch(r"-?\d+", target):
        return "number"
    words = ("yes", "no", "true", "false", "valid", "invalid")
    return "boolean" if target.lower() in words else "text"


@needs_data
def test_labelled_gsm8k_solutions() -> None:
    folder = Path(str(DATA))
    targets: dict[str, str] = {}
    for line in (folder / "gsm8k/test.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        targets[row["question"]] = row["answer"].rpartition("#### ")[2]
    asked_of: Counter[str] = Counter()
    disagreements = []
    labelled = folder / "critic/gsm8k_labelled_solutions.jsonl"
    for line in labelled.read_text("utf-8").splitlines():
        row = json.loads(line)
        graded = grade(done(row["solution"]), asked(targets[row["question"]], "number"))
        asked_of[row["model"]] += 1
        if (graded.outcome == "correct") != row["is_correct"]:
            disagreements.append((row["model"], row["question"], graded))
    assert len(asked_of) == 4
    assert disagreements == []
