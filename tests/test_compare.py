"""Two runs on the same questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from nesy.compare import compare, compare_many, document, lines, read, table
from nesy.errors import InputError
from nesy.runs import Run
from nesy.types import Attempt, Completion


def attempts(right: Sequence[bool], task: str = "t") -> list[Attempt]:
    return [
        Attempt(
            f"b/test/{task}/{i}",
            task,
            (),
            "0" * 64,
            Completion("", "stop", 1, 1),
            "1",
            "phrase",
            "correct" if yes else "wrong",
            "wrong",
        )
        for i, yes in enumerate(right)
    ]


def test_a_better_run() -> None:
    made = compare(attempts([False] * 10 + [True] * 40), attempts([True] * 50))
    assert made.overall.verdict == "better"
    assert made.overall.accuracy == pytest.approx((0.8, 1.0))
    assert made.wins == tuple(sorted(f"b/test/t/{i}" for i in range(10)))
    assert (made.losses, made.worse) == ((), False)
    assert compare(attempts([True] * 50), attempts([False] * 10 + [True] * 40)).worse


def test_too_few_questions_to_tell() -> None:
    made = compare(attempts([True, False, True, True]), attempts([True, True, True, True]))
    assert made.overall.verdict == "not enough questions to tell"
    assert made.overall.pair.smallest > 0.5


def test_equal_runs_of_many_questions() -> None:
    right = [i % 3 > 0 for i in range(2000)]
    made = compare(attempts(right), attempts(right))
    assert made.overall.verdict == "no difference worth mentioning"
    assert made.overall.p == 1.0


def test_strict_rule() -> None:
    made = compare(attempts([True] * 9), attempts([False] * 9), rule="strict")
    assert made.overall.accuracy == (0.0, 0.0)


def test_tasks_are_corrected_for_their_number() -> None:
    first = attempts([False] * 6, "t") + attempts([True] * 6, "u") + attempts([True] * 6, "v")
    second = attempts([True] * 6, "t") + attempts([True] * 6, "u") + attempts([True] * 6, "v")
    made = compare(first, second)
    assert made.overall.verdict == "better"
    assert made.tasks["t"].pair.p == pytest.approx(2 / 2**6)
    assert made.tasks["t"].p == pytest.approx(3 * 2 / 2**6)
    assert made.tasks["t"].verdict == "not enough questions to tell"
    console = Console(width=150, record=True)
    console.print(table(made))
    text = console.export_text()
    for expected in ("+33.3", "better", "not enough questions to tell", "first → second"):
        assert expected in text
    assert f"{100 * made.overall.pair.smallest:.1f}" in text


def test_long_names_of_tasks_are_not_cut() -> None:
    name = "tracking_shuffled_objects_seven_objects"
    right = attempts([True] * 9, name) + attempts([True] * 9, "navigate")
    for width in (80, 100, 160):
        console = Console(width=width, record=True)
        console.print(table(compare(right, right)))
        text = console.export_text()
        assert "…" not in text
        assert (name in text) is (width == 160)


def test_only_shared_questions_are_paired() -> None:
    made = compare(attempts([True] * 5), attempts([True] * 8))
    assert (made.overall.pair.questions, made.only_first, made.only_second) == (5, 0, 3)
    with pytest.raises(InputError, match="no question in common"):
        compare(attempts([True], "t"), attempts([True], "u"))
    with pytest.raises(InputError, match="more than once"):
        compare(attempts([True]) * 2, attempts([True]))


def test_more_than_two_runs() -> None:
    base = attempts([False] * 8 + [True] * 12)
    better = attempts([True] * 20)
    made_of = {"base": base, "one": better, "two": better}
    made = compare_many(made_of)
    assert [(c.first, c.second) for c in made] == [("base", "one"), ("base", "two")]
    assert made[0].overall.p == pytest.approx(2 * made[0].overall.pair.p)
    places = {name: {f"b/test/t/{i}": f"{name}:{i + 1}" for i in range(20)} for name in made_of}
    links = json.loads(json.dumps(document(made, places)))["comparisons"][1]["links"]
    assert set(links) == {f"b/test/t/{i}" for i in range(8)}
    assert links["b/test/t/3"] == ["base:4", "two:4"]
    with pytest.raises(InputError, match="at least two"):
        compare_many({"base": base})


def test_read_runs(tmp_path: Path) -> None:
    with Run.create(tmp_path / "one", "seed: 0\n") as run:
        run.append("attempts", attempts([True, False]))
        run.append("attempts", attempts([False]))
    assert [a.outcome for a in read(str(tmp_path / "one"))] == ["wrong", "wrong"]
    file = tmp_path / "one/attempts.jsonl"
    assert lines(str(tmp_path / "one")) == {"b/test/t/0": f"{file}:3", "b/test/t/1": f"{file}:2"}
    with Run.create(tmp_path / "four", "seed: 0\n") as run:
        run.append("attempts.base", attempts([False]))
        run.append("attempts.distilled", attempts([True]))
    assert read(f"{tmp_path / 'four'}:base")[0].outcome == "wrong"
    assert read(str(tmp_path / "four/attempts.distilled.jsonl"))[0].outcome == "correct"
    with pytest.raises(InputError, match="name a cell"):
        read(str(tmp_path / "four"))
    with pytest.raises(InputError, match="no attempts here"):
        read(str(tmp_path))
    with pytest.raises(InputError, match="no such run or file"):
        read(str(tmp_path / "none"))
