"""Local SGD on a CPU (Stich 2019): copies of a small model that train side by side.

The threads of PyTorch hardly help a small model, and neither does summing gradients, for which
the copies would wait for each other at every step. So each copy takes steps of its own, and every
few steps all of them go on from the mean of their weights.
"""

from __future__ import annotations

import subprocess
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
            raise TrainingError(
                f"one of the {self.count} processes that train was killed, as happens where memory "
                "runs out; run the same command again, which goes on from the last checkpoint"
            ) from error
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))


@contextmanager
def led(count: int, command: str, job: Any) -> Iterator[Copies]:
    """Start the other copies by ``command``, each of which is in ``followed`` with ``job``.

    The threads of this process are shared out among all.
    """
    import torch

    threads = torch.get_num_threads()
    started: list[tuple[Connection, subprocess.Popen[bytes]]] = []
    try:
        for place in range(1, count):
            share = max(1, threads // count)
            started.append(workers.started(command, share, subprocess.DEVNULL))
            started[-1][0].send((place, count, job))
        if count > 1:
            torch.set_num_threads(max(1, threads // count))
        yield Copies(0, count, [line for line, _ in started])
    finally:
        torch.set_num_threads(threads)
        for line, process in started:
            process.kill()
            process.wait()
            line.close()


def followed(handle: int) -> tuple[Copies, Any]:
    """Return the copies and the job, in a process that the first copy has started."""
    line = Connection(handle)
    place, count, job = line.recv()
    return Copies(place, count, [line]), job


def _received(line: Connection) -> torch.Tensor:
    import torch

    return torch.frombuffer(bytearray(line.recv_bytes()), dtype=torch.float32)
