"""Expressions: compared in value, in a process that is stopped when it takes too long."""

from __future__ import annotations

import time

import pytest

from nesy import latex
from nesy.scoring import grade
from nesy.types import Completion, Outcome, Question

needs_math = pytest.mark.skipif(not latex.installed(), reason="math-verify is not installed")


def outcome(target: str, text: str) -> Outcome:
    question = Question("b/test/0", "b", "b", "test", "?", target, "number")
    return grade(Completion(text, "stop", 1, 1), question).outcome


@pytest.mark.parametrize(
    "target",
    ["18", "1,080", "-7", "0.5", "$18", "45%", "\\frac{3}{4}", "None", "3 apples", " 18. "],
)
def test_numbers_are_no_expressions(target: str) -> None:
    assert not latex.is_expression(target)


@pytest.mark.parametrize("target", ["2\\sqrt{3}", "x^2+1", "(1, 2)", "\\frac{x}{2}", "x", "3\\pi"])
def test_expressions(target: str) -> None:
    assert latex.is_expression(target)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("{2\\sqrt{3}}$ metres", "2\\sqrt{3}"),
        ("$x^2$ in all", "x^2"),
        ("\\(x\\).", "x"),
        ("x + 1.", "x + 1"),
        ("{x", "x"),
    ],
)
def test_the_expression_in_an_answer(text: str, expression: str) -> None:
    assert latex.written(text) == expression


def test_the_same_text_is_equal_without_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latex, "installed", lambda: False)
    assert outcome("\\frac{x}{2}", "So we get $\\boxed{\\dfrac{x}{2}}$.") == "correct"
    assert outcome("x^2+1", "The answer is: $x^2 + 1$") == "correct"
    assert outcome("x^2+1", "The answer is: $1 + x^2$") == "wrong"
    assert outcome("2\\sqrt{3}", "The answer is: 2") == "wrong"
    assert outcome("2\\sqrt{3}", "") == "unparsed"


@needs_math
@pytest.mark.parametrize(
    ("target", "text", "right"),
    [
        ("x^2+1", "So the answer is $1 + x^2$.", True),
        ("\\frac{x+1}{2}", "\\boxed{\\frac{1}{2} + \\frac{x}{2}}", True),
        ("2\\sqrt{3}", "The answer is: $\\sqrt{12}$", True),
        ("2\\sqrt{3}", "The answer is: $\\sqrt{13}$", False),
        ("(1, 2)", "So the answer is (1,2).", True),
        ("(1, 2)", "So the answer is (2,1).", False),
        ("\\frac{\\pi}{4}", "So the answer is \\pi/4.", True),
        ("x^2+1", "So the answer is \\undefined{.", False),
    ],
)
def test_expressions_are_compared_in_value(target: str, text: str, right: bool) -> None:
    assert outcome(target, text) == ("correct" if right else "wrong")


@needs_math
def test_what_takes_too_long_is_stopped_and_the_next_is_answered() -> None:
    begun = time.perf_counter()
    assert not latex.equal("9^{9^{9^{9^9}}} + x", "x^{2^{99}}", timeout=0.001)
    assert time.perf_counter() - begun < 30
    assert latex.equal("\\frac{1}{2}x", "x/2")
