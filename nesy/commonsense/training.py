"""Train several students side by side on a CPU: a process each, the threads shared out among them.

The threads of PyTorch hardly help a small model: on two cores two trainings side by side read 1.7
times as many tokens a second as one on two threads.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from nesy import pretrained, train, workers
from nesy.errors import NesyError, TrainingError
from nesy.train import TrainReport
from nesy.types import Example

_SERVE = "nesy.commonsense.training:serve"


@dataclass(frozen=True, slots=True)
class Training:
    """What ``train.train`` is called with."""

    base: str
    examples: Sequence[Example]
    settings: train.Settings
    out_dir: Path


def together(
    trainings: Sequence[Training], on_progress: Callable[[int, str], None]
) -> list[TrainReport]:
    """Do the trainings, side by side where there are threads for it; one that has ended counts.

    ``on_progress`` is told the tokens of all of them, and the loss of the one that is on.

    Raises:
        TrainingError: as ``train.train`` does, or a process was killed.
        ModelError: the base model can't be loaded.
    """
    begun = [one for one in trainings if not (one.out_dir / train.REPORT).is_file()]
    threads = _threads(begun)
    number = min(threads, len(begun))
    if number > 1:
        _side_by_side(begun, number, threads // number, on_progress)
    reports: list[TrainReport] = []
    for one in trainings:
        before = sum(report.tokens for report in reports)
        reports.append(_trained(one, before, on_progress))
    return reports


def _trained(one: Training, before: int, on_progress: Callable[[int, str], None]) -> TrainReport:
    def tell(at: train.Progress) -> None:
        on_progress(before + at.tokens, f"loss {at.loss:.3f}")

    return train.train(one.base, one.examples, one.settings, one.out_dir, tell)


def _threads(trainings: Sequence[Training]) -> int:
    """Threads to share out; 1 where a GPU trains, because the trainings would share its memory."""
    if os.name != "posix" or any(
        pretrained.device_of(one.settings.device) != "cpu" for one in trainings
    ):
        return 1
    import torch

    return torch.get_num_threads()


def _side_by_side(
    trainings: Sequence[Training],
    number: int,
    threads: int,
    on_progress: Callable[[int, str], None],
) -> None:
    waiting = deque(enumerate(trainings))
    tokens = [0] * len(trainings)
    busy: dict[Connection, tuple[int, workers.Worker]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < number:
                place, one = waiting.popleft()
                worker = workers.started(_SERVE, threads, quiet=True)
                busy[worker.line] = place, worker
                worker.line.send(one)
            ready: list[Any] = wait(list(busy))
            for line in ready:
                place, worker = busy[line]
                said = line.recv()
                if isinstance(said, train.Progress):
                    tokens[place] = said.tokens
                    on_progress(sum(tokens), f"loss {said.loss:.3f}")
                elif isinstance(said, NesyError):
                    raise said
                else:
                    del busy[line]
                    worker.wait()
    except (EOFError, OSError) as error:
        raise TrainingError(
            f"one of {number} processes that train was killed, as happens where memory runs out; "
            "run the same command again, which goes on from the last checkpoint, with "
            "OMP_NUM_THREADS=1 to train one student after the other"
        ) from error
    finally:
        for _, worker in busy.values():
            worker.kill()


def serve(line: Connection) -> None:
    """Do the one training that comes in on a connection."""
    one: Training = line.recv()
    try:
        train.train(one.base, one.examples, one.settings, one.out_dir, line.send)
        line.send(None)
    except NesyError as error:
        line.send(error)
