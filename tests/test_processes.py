"""Decoding in several processes: the same completions, and no process left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import small
import torch
from test_workers import ended

from nesy.errors import ModelError
from nesy.models import processes
from nesy.models.decoding import Row
from nesy.models.hf import HFModel
from nesy.types import Completion, Message, Messages, Sampling

GREEDY = Sampling(max_tokens=12)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small.save(tmp_path_factory.mktemp("base") / "lfm2", "lfm2"))


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(processes, "LEAST", 20)
    monkeypatch.setattr(processes, "_CHUNK", 8)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def prompts(count: int) -> list[Messages]:
    return [(Message("user", f"Ann has {n} bags." * (1 + n % 4)),) for n in range(count)]


def here(lm: HFModel, asked: list[Messages], sampling: Sampling) -> list[Completion]:
    torch.set_num_threads(1)
    made = lm.generate(asked, sampling)
    torch.set_num_threads(2)
    return made


def pids() -> list[int]:
    return [worker.pid for worker in processes._workers]


def test_completions_are_those_of_one_process(base: str, tmp_path: Path) -> None:
    lm = HFModel(base, device="cpu")
    asked = prompts(60)
    for sampling in (GREEDY, Sampling(max_tokens=12, temperature=0.8, seed=3, stop=("an",))):
        assert lm.generate(asked, sampling) == here(lm, asked, sampling)
    two = pids()
    assert len(two) == 2
    assert lm.confidences(asked, 4) == pytest.approx(
        [lm.confidences([one], 4)[0] for one in asked], abs=1e-5
    )
    # The processes go on with another model, and take what comes of it as it comes.
    other = HFModel(str(small.save(tmp_path / "llama", "llama")), device="cpu")
    found = dict(other.stream(asked, GREEDY))
    assert [found[n] for n in range(len(asked))] == here(other, asked, GREEDY)
    assert pids() == two


def test_few_prompts_and_one_thread_start_none(base: str) -> None:
    processes.close()
    lm = HFModel(base, device="cpu")
    lm.generate(prompts(20), GREEDY)
    here(lm, prompts(60), GREEDY)
    HFModel(base, device="cpu", batch_size=4).generate(prompts(60), GREEDY)
    assert pids() == []


def test_a_killed_process_is_told_and_none_is_left(base: str) -> None:
    lm = HFModel(base, device="cpu")
    asked = prompts(60)
    stream = lm.stream(asked, GREEDY)
    first = next(stream)
    two = pids()
    os.kill(two[0], signal.SIGKILL)
    with pytest.raises(ModelError, match="one of the 2 processes that decode was killed"):
        list(stream)
    assert pids() == []
    assert all(ended(pid) for pid in two)
    assert here(lm, asked, GREEDY)[first[0]] == first[1]


def test_who_stops_reading_ends_them(base: str) -> None:
    stream = HFModel(base, device="cpu").stream(prompts(60), GREEDY)
    next(stream)
    two = pids()
    stream.close()  # type: ignore[attr-defined]
    assert len(two) == 2
    assert all(ended(pid) for pid in two)


def test_what_a_process_can_not_do_is_told() -> None:
    gone = processes.Held("./nowhere", {}, "")
    with pytest.raises(ModelError, match="no such folder"):
        list(processes.decode(gone, [Row(0, [5, 6], 4, None)], GREEDY, 1))
    assert pids() == []
