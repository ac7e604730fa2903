"""Statistics against known values and by simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from nesy import stats
from nesy.errors import InputError
from nesy.types import Attempt, Completion, Outcome


def attempt(number: int, right: bool, task: str = "t", strict: bool | None = None) -> Attempt:
    def name(yes: bool) -> Outcome:
        return "correct" if yes else "wrong"

    return Attempt(
        f"b/test/{task}/{number}",
        task,
        (),
        "0" * 64,
        Completion("", "stop", 3, 2),
        "1",
        "phrase",
        name(right),
        name(right if strict is None else strict),
    )


def test_wilson() -> None:
    low, high = stats.wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)  # Newcombe 1998, table I
    assert stats.wilson(0, 0) == (0.0, 1.0)
    assert stats.wilson(0, 10)[0] == 0.0


def test_mcnemar() -> None:
    assert stats.mcnemar(0, 0) == 1.0
    assert stats.mcnemar(5, 0) == pytest.approx(2 / 32)
    assert stats.mcnemar(3, 12) == stats.mcnemar(12, 3)
    assert stats.mcnemar(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 2**12)


def test_holm() -> None:
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]
    assert stats.holm([]) == []


def test_bootstrap_covers_the_difference() -> None:
    low, high = stats.bootstrap(1000, 60, 40)
    assert low < 0.02 < high
    spread = 1.96 * math.sqrt((0.1 - 0.02**2) / 1000)
    assert (low, high) == pytest.approx((0.02 - spread, 0.02 + spread), abs=0.003)
    assert stats.bootstrap(0, 0, 0) == (-1.0, 1.0)


def test_equal_models_give_few_false_alarms() -> None:
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(1000):
        skill = rng.random(1319)
        first, second = (rng.random(1319) < skill for _ in range(2))
        wins, losses = int((second & ~first).sum()), int((first & ~second).sum())
        alarms += stats.mcnemar(wins, losses) < 0.05
    assert 30 <= alarms <= 70


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("discordant", [0.1, 0.2, 0.4])
def test_power_is_what_the_theory_says(power: float, discordant: float) -> None:
    rng = np.random.default_rng(11)
    difference = stats.smallest_difference(1319, discordant, power)
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    found = 0
    for wins, losses, _ in rng.multinomial(1319, shares, size=1000):
        found += stats.mcnemar(int(wins), int(losses)) < 0.05
    assert found / 1000 == pytest.approx(power, abs=0.05)


def test_more_questions_show_smaller_differences() -> None:
    assert stats.smallest_difference(0, 0.0) == 1.0
    assert stats.smallest_difference(100, 0.2) > stats.smallest_difference(1000, 0.2)


def test_figures_by_rule() -> None:
    attempts = [attempt(0, True), attempt(1, True, strict=False), attempt(2, False, "u")]
    lenient, strict = stats.figures(attempts), stats.figures(attempts, "strict")
    assert (lenient.accuracy, strict.accuracy) == pytest.approx((2 / 3, 1 / 3))
    assert lenient.outcomes == {"correct": 2, "wrong": 1, "unparsed": 0, "truncated": 0}
    assert {task: f.accuracy for task, f in stats.by_task(attempts).items()} == {"t": 1.0, "u": 0.0}
    assert stats.figures([]).interval == (0.0, 1.0)


def test_pair() -> None:
    made = stats.pair([True, True, False, False], [True, False, True, True])
    assert (made.both, made.wins, made.losses, made.difference) == (1, 2, 1, 0.25)


def test_ablation() -> None:
    none = [attempt(i, i < 2) for i in range(20)]
    some = [attempt(i, i < 10) for i in range(20)]
    most = [attempt(i, i != 19) for i in range(21)]  # one more question than the others
    group = {"first half": frozenset(f"b/test/t/{i}" for i in range(10))}
    made = stats.ablation({"base": none, "distilled": some, "distilled + KB": most}, group)
    assert {name: f.accuracy for name, f in made.cells.items()} == pytest.approx(
        {"base": 0.1, "distilled": 0.5, "distilled + KB": 0.95}
    )
    assert made.groups["first half"]["distilled"].accuracy == 1.0
    assert [(t.first, t.second) for t in made.tests] == [
        ("base", "distilled"),
        ("base", "distilled + KB"),
        ("distilled", "distilled + KB"),
    ]
    first = made.tests[0]
    assert (first.pair.wins, first.pair.losses) == (8, 0)
    assert first.pair.p == pytest.approx(2 / 2**8)
    assert first.p_holm == pytest.approx(2 / 2**8)  # the largest of the three
    assert made.tests[2].p_holm == pytest.approx(2 * 2 / 2**9)
    with pytest.raises(InputError, match="no question in common"):
        stats.ablation({"a": none, "b": [attempt(0, True, "other")]})


@pytest.mark.parametrize(("wins", "losses"), [(3, 9), (0, 5), (20, 20), (1, 0), (0, 0), (7, 40)])
def test_sign_flips_of_one_seed_are_mcnemar(wins: int, losses: int) -> None:
    found = stats.sign_flips([1] * wins + [-1] * losses + [0] * 10)
    assert found == pytest.approx(stats.mcnemar(wins, losses))


def test_sign_flips_count_every_sum() -> None:
    values = [3, 1, -2, 2, 0]
    sums = [sum(s * v for s, v in zip(signs, values, strict=True)) for signs in
            product((1, -1), repeat=len(values))]  # fmt: skip
    far = sum(abs(one) >= abs(sum(values)) for one in sums) / len(sums)
    assert stats.sign_flips(values) == pytest.approx(far)
    assert stats.sign_flips([3] * 60) < 1e-17


def test_the_interval_of_a_mean() -> None:
    low, high = stats.mean_interval([1.0] * 30 + [0.0] * 70)
    assert low == pytest.approx(0.21, abs=0.02)
    assert high == pytest.approx(0.39, abs=0.02)
    assert stats.mean_interval([0.5] * 9) == (0.5, 0.5)
