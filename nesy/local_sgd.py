"""Local SGD on a CPU (Stich 2019): copies of a small model that train side by side.

The threads of PyTorch hardly help a small model, and neither does summing gradients, for which
the copies would wait for each other at every step. So each copy takes steps of its own, and every
few steps all of them go on from the mean of their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from nesy import workers
from nesy.errors import TrainingError

if TYPE_CHECKING:
    import torch


class Copies:
    """The copies of one training, seen from the one with the number ``place``, from 0."""

    def __init__(self, place: int, count: int, lines: Sequence[Connection]) -> None:
        self.place, self.count = place, count
        self._lines = lines  # of the first to all others; of these to the first

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the tensors, float32, by their means over all copies; all of them call it.

        Raises:
            TrainingError: another copy was killed.
        """
        import torch

        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        try:
            if self.place > 0:
                self._lines[0].send_bytes(flat.numpy().tobytes())
                flat = _received(self._lines[0])
            else:
                for line in self._lines:
                    flat += _received(line)
                flat /= self.count
                for line in self._lines:
                    line.send_bytes(flat.numpy().tobytes())
        except (EOFError, OSError) as error:
            raise _killed(self.count) from error
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))


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
        try:
            for place in range(1, count):
                started.append(workers.started(what, share, quiet=True))
                started[-1].line.send((place, count, job))
        except OSError as error:
            raise _killed(count) from error
        if count > 1:
            torch.set_num_threads(share)
        yield Copies(0, count, [worker.line for worker in started])
    finally:
        torch.set_num_threads(threads)
        for worker in started:
            worker.kill()


def followed(line: Connection) -> tuple[Copies, Any]:
    """Return the copies and the job, in a process that the first copy has started."""
    place, count, job = line.recv()
    return Copies(place, count, [line]), job


def _killed(count: int) -> TrainingError:
    return TrainingError(
        f"one of the {count} processes that train was killed, as happens where memory runs out; "
        "run the same command again, which goes on from the last checkpoint"
    )


def _received(line: Connection) -> torch.Tensor:
    import torch

    return torch.frombuffer(bytearray(line.recv_bytes()), dtype=torch.float32)
