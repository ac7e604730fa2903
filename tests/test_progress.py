"""What long work says on stderr where that is no terminal."""

from __future__ import annotations

import pytest

from nesy import progress
from nesy.progress import Progress, listed


def test_a_step_beyond_the_total_leaves_no_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter((0.0, *(seconds for seconds in (20.0, 40.0, 60.0) for _ in range(2))))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with Progress().stage("training", 100, "tokens") as advance:
        advance(50)
        advance(120, "loss 0.5")
    assert capsys.readouterr().err.splitlines() == [
        "  training: 50/100, 2 tokens/s, 20 s left",
        "  training: 120/100, 3 tokens/s, 0 s left, loss 0.5",
        "  training: 120 tokens in 60.0 s",
    ]


def test_figures_in_words() -> None:
    assert listed({"kept": 1200, "wrong_answer": 3, "no steps": 0}) == "kept 1,200, wrong answer 3"
    assert listed({}) == "none"
