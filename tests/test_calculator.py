"""The decode-time calculator: exact results, only where they belong."""

from __future__ import annotations

from fractions import Fraction

import pytest
import small
from hypothesis import given
from hypothesis import strategies as st

from nesy.errors import ModelError
from nesy.models.calculator import Calculator, Desk, Mode, evaluate, without_notes


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("6*9", "54"),
        ("12 - 15", "-3"),
        ("7/2", "3.5"),
        ("-3*-4", "12"),
        (".5*200", "100"),
        ("20*.1", "2"),
        ("0.1+0.2", "0.3"),
        ("48/2+3*(4-1)", "33"),
        ("1/8", "0.125"),
        ("-1/8", "-0.125"),
        ("1/64", "0.015625"),
        ("2*(3+4)/7", "2"),
        ("1/3", None),
        ("1/128", None),
        ("5/0", None),
        ("6*", None),
        ("6 9", None),
        ("(6*9", None),
        ("*6", None),
        ("", None),
        ("9" * 31 + "*9", None),
    ],
)
def test_evaluate(expression: str, result: str | None) -> None:
    assert evaluate(expression) == result


@given(st.integers(-(10**6), 10**6), st.sampled_from("+-*/"), st.integers(-(10**6), 10**6))
def test_evaluate_is_exact(a: int, sign: str, b: int) -> None:
    found = evaluate(f"({a}) {sign} ({b})")
    if sign == "/" and b == 0:
        assert found is None
        return
    exact = {"+": Fraction(a + b), "-": Fraction(a - b), "*": Fraction(a * b)}.get(sign)
    exact = Fraction(a, b) if exact is None else exact
    if found is None:
        assert (exact * 10**6).denominator != 1
    else:
        assert Fraction(found) == exact


def written(mode: str, said: str, then: str) -> str:
    """What stands after a model has said ``said`` and would go on with ``then``."""
    words = small.tokenizer()
    calculator = Calculator(words, mode)  # type: ignore[arg-type]
    desk = Desk()
    ids: list[int] = []
    for token in words.encode(said):
        ids.append(token)
        calculator.watch(desk, ids)
    for token in words.encode(then):
        ids.append(calculator.choose(desk, token))
        calculator.watch(desk, ids)
    return str(words.decode(ids))


@pytest.mark.parametrize(
    ("mode", "said", "then", "whole"),
    [
        ("plain", "She has 6 * 9 =", " 77 apples", "She has 6 * 9 = 54 apples"),
        ("plain", "6 * 9 =", " 77.", "6 * 9 = 54."),
        ("plain", " 6 * 9 =", " 77.", " 6 * 9 = 54."),
        ("plain", "It is.\n6 * 9 =", " 77.", "It is.\n6 * 9 = 54."),
        ("plain", "x = 12 - 15 =", " 77", "x = 12 - 15 = -3"),
        ("plain", "5 + 3 = 8 + 2 =", " 77", "5 + 3 = 8 + 2 = 10"),
        ("plain", "is -7 + 2 =", " 77", "is -7 + 2 = -5"),
        ("plain", "is 7 / 2 =", " 777", "is 7 / 2 = 3.5"),
        ("plain", "6 * 9 =", " <<6*9=77>>", "6 * 9 = <<6*9=54>>"),
        ("annotated", "6 * 9 =", " <<6*9=77>>", "6 * 9 = <<6*9=54>>"),
        ("annotated", "6 * 9 =", " 77", "6 * 9 = 77"),
        ("annotated", "<<48/2+3=", "77>>", "<<48/2+3=27>>"),
        ("off", "<<6*9=", "77>>", "<<6*9=77>>"),
        ("plain", "2 + 3 * 4 =", " 77", "2 + 3 * 4 = 77"),
        ("plain", "4 - -3 * 2 =", " 77", "4 - -3 * 2 = 77"),
        ("plain", "1,000 * 3 =", " 77", "1,000 * 3 = 77"),
        ("plain", "1.000 * 3 =", " 7", "1.000 * 3 = 3"),
        ("plain", "$5 * 3 =", " 77", "$5 * 3 = 77"),
        ("plain", "50% * 80 =", " 77", "50% * 80 = 77"),
        ("plain", "10 / 3 =", " 77", "10 / 3 = 77"),
        ("plain", "5 / 0 =", " 77", "5 / 0 = 77"),
        ("plain", "A1 * 3 =", " 77", "A1 * 3 = 77"),
        ("plain", "6 * 9 =", "= 77", "6 * 9 == 77"),
        ("plain", "x =", " 77", "x = 77"),
    ],
)
def test_what_is_written(mode: str, said: str, then: str, whole: str) -> None:
    assert written(mode, said, then) == whole


def test_no_digit_may_follow_a_result() -> None:
    words = small.tokenizer()
    calculator = Calculator(words, "plain")
    desk = Desk()
    ids = words.encode("6 * 9 =")
    calculator.watch(desk, ids)
    allowed: list[bool] = []
    while not desk.no_digit:
        ids.append(calculator.choose(desk, words.encode(" 7")[-1]))
        allowed.append(desk.no_digit)
    assert words.decode(ids) == "6 * 9 = 54"
    assert allowed[-1] and not any(allowed[:-1])
    assert {words.decode([i]) for i in calculator.digits} == set("0123456789")
    calculator.choose(desk, words.encode(".")[0])
    assert not desk.no_digit


def test_an_operation_cut_off_by_the_window_is_left_alone() -> None:
    words = small.tokenizer()
    calculator = Calculator(words, "plain")
    desk = Desk()
    calculator.watch(desk, words.encode("3" * 45 + " * 9 ="))
    assert desk.waiting is None and not desk.forced


@pytest.mark.parametrize(
    ("mode", "text", "kept"),
    [
        ("plain", "is 6 * 9 = <<6*9=54>>54. So", "is 6 * 9 = 54. So"),
        ("plain", "6 * 9 = <<6*9=54>>54. 54 - 4 = <<54-4=50>>50", "6 * 9 = 54. 54 - 4 = 50"),
        ("plain", "is -6 * 2 = <<-6*2=-12>>-12", "is -6 * 2 = -12"),
        ("annotated", "6 * 9 = <<6*9=54>>54", "6 * 9 = <<6*9=54>>54"),
        ("off", "6 * 9 = <<6*9=54>>54", "6 * 9 = <<6*9=54>>54"),
        # What the calculator would not write without the annotation.
        ("plain", "6*9=<<6*9=54>>54", "6*9=<<6*9=54>>54"),
        ("plain", "48/2 = <<48/2=24>>24", "48/2 = <<48/2=24>>24"),
        ("plain", "2 + 3 * 4 = <<2+3*4=14>>14", "2 + 3 * 4 = <<2+3*4=14>>14"),
        ("plain", "$5 * 3 = $<<5*3=15>>15", "$5 * 3 = $<<5*3=15>>15"),
        ("plain", "6 * 9 = <<6*9=55>>55", "6 * 9 = <<6*9=55>>55"),
        ("plain", "6 * 9 = <<6*9=54>>$54", "6 * 9 = <<6*9=54>>$54"),
        ("plain", "10 / 3 = <<10/3=3>>3", "10 / 3 = <<10/3=3>>3"),
    ],
)
def test_annotations_that_need_not_be_learned(mode: Mode, text: str, kept: str) -> None:
    assert without_notes(text, mode) == kept


def test_unknown_mode() -> None:
    with pytest.raises(ModelError, match="off, plain, annotated"):
        Calculator(small.tokenizer(), "on")  # type: ignore[arg-type]
