"""Decode on every core: processes that hold a copy of a small model, one thread each.

A step of a small model is many short operations and the Python between them, so the threads of
PyTorch hardly help it. The processes are started when there is enough to decode for it to pay,
and kept for the next time, also for another model; they end with the process that uses them.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from threading import Lock
from typing import Any

from nesy import workers
from nesy.errors import ModelError, NesyError
from nesy.models.decoding import Row
from nesy.types import Sampling

LEAST = 32
"""Rows that a process must have to decode; loading the weights takes as long as some of them."""

_MOST = 16  # processes; each needs some 400 MB
_CHUNK = 1024  # rows dealt to a process at a time; at the end of each few are left to decode
_SERVE = "nesy.models.processes:serve"


@dataclass(frozen=True, slots=True)
class Held:
    """The model that shall decode: ``HFModel(spec, **settings)``, of that fingerprint."""

    spec: str
    settings: Mapping[str, Any]
    fingerprint: str


_lock = Lock()
_workers: list[workers.Worker] = []


def count(rows: int, threads: int) -> int:
    """Return in how many processes it pays to decode ``rows`` rows; 1 is this one."""
    if os.name != "posix" or _lock.locked():
        return 1
    return max(1, min(threads, rows // LEAST, _MOST))


def decode(model: Held, rows: Sequence[Row], sampling: Sampling, number: int) -> Iterator[Row]:
    """Complete ``rows`` in ``number`` processes and yield each as it finishes.

    Raises:
        ModelError: a process could not load the model or start, or was killed.
    """
    block = number * _CHUNK
    blocks = [rows[first : first + block] for first in range(0, len(rows), block)]
    # Every so many, so that all processes get short and long ones alike.
    chunks = deque(some[i::number] for some in blocks for i in range(min(number, len(some))))
    busy: list[Connection] = []
    with _lock:
        try:
            while len(_workers) < number:
                _workers.append(workers.started(_SERVE, threads=1))
            for worker in _workers[:number]:
                busy.append(worker.line)
                worker.line.send((model, chunks.popleft(), sampling))
            while busy:
                ready: list[Any] = wait(busy)
                for line in ready:
                    said = line.recv()
                    if isinstance(said, Row):
                        yield said
                    elif said is not None:
                        raise ModelError(said)
                    elif chunks:
                        line.send((model, chunks.popleft(), sampling))
                    else:
                        busy.remove(line)
        except (EOFError, OSError) as error:
            raise ModelError(
                f"{model.spec}: one of the {number} processes that decode was killed, as happens "
                "where memory runs out; what was answered is kept. Run the same command again, "
                "with OMP_NUM_THREADS=1 to decode in one process"
            ) from error
        finally:
            if busy:
                close()


def close() -> None:
    """End the processes, whatever they are doing."""
    for worker in _workers:
        worker.kill()
    _workers.clear()


atexit.register(close)


def serve(line: Connection) -> None:
    """Decode what comes in on a connection until nobody is there any more."""
    # Who asked may be gone; nobody is left to tell then.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(line)


def _serve(line: Connection) -> None:
    from nesy.models.hf import HFModel

    held: Held | None = None
    lm: HFModel | None = None
    while True:
        model, rows, sampling = line.recv()
        try:
            if lm is None or model != held:
                lm, held = HFModel(model.spec, **model.settings), model
            for row in lm.decode(rows, sampling):
                line.send(row)
        except NesyError as error:
            line.send(str(error))
        else:
            line.send(None)
