"""Students that are trained side by side: the same ones, and no process left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import small
import torch
from test_workers import ended

from nesy import train
from nesy.commonsense import training
from nesy.commonsense.training import Training
from nesy.errors import TrainingError
from nesy.types import Example, Message
from nesy.workers import Worker


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small.save(tmp_path_factory.mktemp("base") / "lfm2", "lfm2"))


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def trainings(base: str, folder: Path, lr: float = 1e-3) -> list[Training]:
    settings = train.Settings(rank=2, lr=lr, epochs=2, batch_tokens=64, device="cpu")
    made = []
    for name in ("one", "two"):
        examples = [
            Example((Message("user", f"Say {name} {n}:"),), f" {name}", 1.0, "v", str(n))
            for n in range(6)
        ]
        made.append(Training(base, examples, settings, folder / name))
    return made


def test_students_are_those_of_one_process(
    base: str, tmp_path: Path, started: list[Worker]
) -> None:
    told = []
    together = training.together(trainings(base, tmp_path / "a"), lambda n, note: told.append(n))
    assert all(ended(worker.pid) for worker in started)
    torch.set_num_threads(1)
    apart = training.together(trainings(base, tmp_path / "b"), lambda n, note: None)
    assert len(started) == 2
    assert [report.last_loss for report in together] == [report.last_loss for report in apart]
    assert told[-1] == sum(report.tokens for report in together)
    for name in ("one", "two"):
        weights = [tmp_path / side / name / "adapter_model.safetensors" for side in "ab"]
        assert weights[0].read_bytes() == weights[1].read_bytes()
    torch.set_num_threads(2)
    again = training.together(trainings(base, tmp_path / "a"), lambda n, note: None)
    assert again == together and len(started) == 2


def test_a_process_that_fails_is_told_and_ends_the_others(
    base: str,
    tmp_path: Path,
    started: list[Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TrainingError, match="the loss is nan"):
        training.together(trainings(base, tmp_path, lr=1e30), lambda n, note: None)
    monkeypatch.setattr(training, "_SERVE", "test_workers:die")
    with pytest.raises(TrainingError, match="one of 2 processes that train was killed"):
        training.together(trainings(base, tmp_path / "other"), lambda n, note: None)
    assert all(ended(worker.pid) for worker in started)
