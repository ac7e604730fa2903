"""Processes that are started beside this one: what they find, and that they end."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch

from nesy import workers


def answer(line: Connection) -> None:
    """Say where this process is, until it is told to end."""
    while line.recv() != "end":
        home, threads = os.environ.get("NESY_HOME"), torch.get_num_threads()
        line.send((os.getpid(), str(Path.cwd()), home, threads))


def die(_: Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ended(pid: int) -> bool:
    """Whether a process ends within some seconds (one that nobody waited for has ended)."""
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(params=["forked", "alone"])
def forks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether one process forks the others, as on Linux, or each imports for itself."""
    workers.close()
    monkeypatch.setattr(workers, "_FORKS", request.param == "forked")
    return request.param == "forked"


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_a_process_finds_what_this_one_has(
    forks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers.ahead()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NESY_HOME", "elsewhere")
    monkeypatch.syspath_prepend(str(tmp_path))
    first, second = (workers.started("test_workers:answer", threads=n) for n in (1, 3))
    assert (workers._forker is not None) is forks
    for worker, threads in ((first, 1), (second, 3)):
        worker.line.send("where")
        assert worker.line.recv() == (worker.pid, str(tmp_path), "elsewhere", threads)
    first.line.send("end")
    first.wait()
    assert ended(first.pid)
    second.kill()
    assert ended(second.pid)


def test_one_that_dies_ends_its_connection(forks: bool) -> None:
    worker = workers.started("test_workers:die", threads=1)
    with pytest.raises(EOFError):
        worker.line.recv()
    worker.wait()
    assert ended(worker.pid)
    # What goes wrong in it is said there, unless it is to be quiet.
    worker = workers.started("test_workers:nothing", threads=1, quiet=True)
    with pytest.raises(EOFError):
        worker.line.recv()
    worker.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_the_process_that_forks_may_be_killed() -> None:
    worker = workers.started("test_workers:answer", threads=1)
    assert workers._forker is not None
    os.kill(workers._forker.pid, signal.SIGKILL)
    ended(workers._forker.pid)
    with pytest.raises(OSError, match="the process that starts the others was killed"):
        workers.started("test_workers:answer", threads=1)
    again = workers.started("test_workers:answer", threads=1)
    for one in (worker, again):
        one.line.send("where")
        assert one.line.recv()[0] == one.pid
        one.kill()
