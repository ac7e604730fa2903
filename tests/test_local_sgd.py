"""Copies of a model that train side by side: their mean, and nothing lost when one is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch
from test_train import Killed, examples, weights
from test_workers import ended

from nesy import rows, train
from nesy.errors import TrainingError
from nesy.workers import Worker

# One example a step, so that every copy has another one.
SETTINGS = train.Settings(
    rank=4,
    alpha=8.0,
    lr=1e-2,
    epochs=1,
    warmup=0.0,
    batch_size=1,
    batch_tokens=256,
    device="cpu",
    dtype="float32",
    local_sgd=train.LocalSGD(copies=2, steps=3),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small.save(tmp_path_factory.mktemp("base") / "lfm2", "lfm2"))


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """These few tokens are worth copies."""
    monkeypatch.setattr(train, "_LEAST", 0)


def test_weights_are_the_mean_of_all_copies(
    base: str, tmp_path: Path, started: list[Worker]
) -> None:
    pair, threads = examples()[:2], torch.get_num_threads()
    both = train.train(base, pair, SETTINGS, tmp_path / "both")
    assert [ended(worker.pid) for worker in started] == [True]
    assert torch.get_num_threads() == threads
    alone = [
        train.train(base, [one], replace(SETTINGS, local_sgd=None), tmp_path / f"{n}")
        for n, one in enumerate(pair)
    ]
    assert len(started) == 1
    assert both.steps == 1
    assert both.tokens == sum(one.tokens for one in alone)
    assert both.last_loss == pytest.approx(sum(one.last_loss for one in alone) / 2, rel=1e-5)
    first, second = weights(tmp_path / "0"), weights(tmp_path / "1")
    for name, found in weights(tmp_path / "both").items():
        near = torch.isclose(found, (first[name] + second[name]) / 2, atol=1e-6)
        # Adam steps by the sign of the gradient first, which rounding decides where it is near 0.
        assert near.float().mean() > 0.98
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_copies_share_a_file_where_memory_has_no_handle(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.train(base, examples(), SETTINGS, tmp_path / "memory")
    monkeypatch.delattr(os, "memfd_create", raising=False)
    train.train(base, examples(), SETTINGS, tmp_path / "file")
    expected, found = weights(tmp_path / "memory"), weights(tmp_path / "file")
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_killed_training_goes_on_as_if_it_had_not_been(
    base: str, tmp_path: Path, started: list[Worker]
) -> None:
    settings = replace(SETTINGS, dropout=0.1, evaluations=2)
    often = replace(settings, checkpoint_seconds=0.0)

    def judge(adapter: Path) -> float:
        return float(adapter.name == "judged")

    whole = train.train(base, examples(), settings, tmp_path / "whole", judge=judge)
    told: list[train.Progress] = []

    def kill(progress: train.Progress) -> None:
        told.append(progress)
        if progress.step == 6:
            raise Killed

    with pytest.raises(Killed):
        train.train(base, examples(), often, tmp_path / "cut", kill, judge=judge)
    # Told, and kept, only where all copies are the same: judged after the fourth and the last step.
    assert [progress.step for progress in told] == [3, 4, 6]
    again = train.train(base, examples(), often, tmp_path / "cut", told.append, judge=judge)
    assert [progress.step for progress in told] == [3, 4, 6, 8]
    assert told[-1].tokens == again.tokens == whole.tokens
    assert (again.first_loss, again.last_loss) == (whole.first_loss, whole.last_loss)
    assert (again.best_step, again.accuracy) == (whole.best_step, whole.accuracy) == (4, 1.0)
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    lines = (tmp_path / "cut" / train.CURVE).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 9))
    assert all(ended(worker.pid) for worker in started)


def test_a_copy_that_is_killed_is_told_of(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_COPY", "test_workers:die")
    with pytest.raises(TrainingError, match="one of the 2 processes that train was killed"):
        train.train(base, examples(), SETTINGS, tmp_path)


def test_a_copy_that_diverges_is_told_of(base: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"step \d of 8: the loss is (nan|inf); lower train.lr"):
        train.train(base, examples(), replace(SETTINGS, lr=1e30), tmp_path)


FIRST = """
import sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
import test_local_sgd
from nesy import train, workers
start = workers.started
def noted(*given, **more):
    worker = start(*given, **more)
    print(worker.pid, flush=True)
    return worker
workers.started = noted
train._LEAST = 0
settings = test_local_sgd.replace(test_local_sgd.SETTINGS, epochs=10_000)
examples, folder = test_local_sgd.examples(), Path(sys.argv[2])
train.train(sys.argv[1], examples, settings, folder, lambda _: print(flush=True))
"""


def test_copies_end_with_the_first(base: str, tmp_path: Path) -> None:
    here = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-c", FIRST, base, str(tmp_path), str(here), str(here.parent)],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        copy = int(first.stdout.readline())
        assert first.stdout.readline() == "\n"  # both have trained
        first.kill()
    assert ended(copy)


def test_a_short_training_has_no_copies(
    base: str,
    tmp_path: Path,
    started: list[Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train, "_LEAST", 10_000)
    report = train.train(base, examples(), SETTINGS, tmp_path)
    assert report.steps == len(examples())
    assert not started


def test_copies_have_as_much_to_read_until_they_meet() -> None:
    steps = [[[number]] for number in range(7)]
    lengths = [10, 40, 30, 20, 7, 9, 8]
    found = rows.turns(steps, 2, 2, lengths)
    assert found == [[[[1]], [[2]]], [[[0]], [[3]]], [[[5]], [[6]]], [[[4]], [[4]]]]
    assert rows.turns(steps, 1, 2, lengths) == [[step] for step in steps]
