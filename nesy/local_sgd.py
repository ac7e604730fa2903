"""Local SGD on a CPU (Stich 2019): copies of a small model that train side by side.

The threads of PyTorch hardly help a small model, and neither does summing gradients, for which
the copies would wait for each other at every step. So each copy takes steps of its own, and every
few steps all of them go on from the mean of their weights.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from nesy import workers
from nesy.errors import TrainingError

if TYPE_CHECKING:
    import torch


class Copies:
    """The copies of one training, seen from the one with the number ``place``, from 0."""

    def __init__(self, place: int, count: int, lines: Sequence[Connection], memory: int) -> None:
        """``memory`` is the file descriptor of memory that all copies share."""
        self.place, self.count = place, count
        self._lines = lines  # of the first to all others; of these to the first
        self._memory = memory
        self._shared: torch.Tensor | None = None
        self._met = 0

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the tensors, float32, by their means over all copies; all of them call it.

        Raises:
            TrainingError: another copy was killed.
        """
        import torch

        # Two places in turn: who writes for the next time may be ahead of who still reads. Nobody
        # is ahead twice, because all wait for each other in between.
        written = self._places(sum(tensor.numel() for tensor in tensors))[self._met % 2]
        self._met += 1
        torch.cat([tensor.detach().flatten() for tensor in tensors], out=written[self.place])
        try:
            self._wait()
        except (EOFError, OSError) as error:
            raise _killed(self.count) from error
        sizes = [tensor.numel() for tensor in tensors]
        each = torch.split(written, sizes, dim=1)
        with torch.no_grad():
            for tensor, parts in zip(tensors, each, strict=True):
                tensor.copy_(parts.mean(0).view_as(tensor))

    def _wait(self) -> None:
        """Wait until all copies are here."""
        if self.place > 0:
            self._lines[0].send_bytes(b"here")
            self._lines[0].recv_bytes()
            return
        for line in self._lines:
            line.recv_bytes()
        for line in self._lines:
            line.send_bytes(b"all")

    def _places(self, numbers: int) -> torch.Tensor:
        """What all copies write into, shape (2, copies, numbers)."""
        import torch

        if self._shared is None:
            shape = (2, self.count, numbers)
            os.ftruncate(self._memory, 4 * math.prod(shape))  # all say the same
            shared = mmap.mmap(self._memory, 4 * math.prod(shape))
            self._shared = torch.frombuffer(shared, dtype=torch.float32).view(shape)
        return self._shared


@contextmanager
def led(count: int, what: str, job: Any) -> Iterator[Copies]:
    """Start the other copies by ``what``, each of which is in ``followed`` with ``job``.

    The threads of this process are shared out among all.

    Raises:
        TrainingError: a copy was killed.
    """
    import torch

    threads = torch.get_num_threads()
    share = max(1, threads // count)
    started: list[workers.Worker] = []
    try:
        with _memory() as memory:
            try:
                for place in range(1, count):
                    started.append(workers.started(what, share, quiet=True))
                    line, pid = started[-1].line, started[-1].pid
                    line.send((place, count, job))
                    reduction.send_handle(line, memory, pid)
            except OSError as error:
                raise _killed(count) from error
            if count > 1:
                torch.set_num_threads(share)
            yield Copies(0, count, [worker.line for worker in started], memory)
    finally:
        torch.set_num_threads(threads)
        for worker in started:
            worker.kill()


def followed(line: Connection) -> tuple[Copies, Any]:
    """Return the copies and the job, in a process that the first copy has started."""
    place, count, job = line.recv()
    return Copies(place, count, [line], reduction.recv_handle(line)), job


@contextmanager
def _memory() -> Iterator[int]:
    """Give the file descriptor of memory that can be shared, or of a file that stands for it."""
    create = getattr(os, "memfd_create", None)  # Linux has it
    if create is not None:
        memory: int = create("nesy")
        try:
            yield memory
        finally:
            os.close(memory)
    else:
        with tempfile.TemporaryFile() as file:
            yield file.fileno()


def _killed(count: int) -> TrainingError:
    return TrainingError(
        f"one of the {count} processes that train was killed, as happens where memory runs out; "
        "run the same command again, which goes on from the last checkpoint"
    )
