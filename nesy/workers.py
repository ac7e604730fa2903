"""Start Python processes beside this one, each with a connection to it.

Importing PyTorch and its libraries takes a core longer than much of what a process is started
for. So on Linux one process imports them, once, and forks the others, which are there at once. It
has no threads, whose locks a fork could find held, as one of this process could; and it is not
``multiprocessing``'s server, whose processes run the user's script again. Elsewhere, where
libraries have threads from the start, each process imports for itself.
"""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Lock

_FORKS = sys.platform == "linux"
_IMPORTED = ("peft", "transformers.models.lfm2.modeling_lfm2")  # all that takes long with them
_COMMAND = "from nesy import workers; workers.{}({})"


@dataclass(frozen=True, slots=True)
class Worker:
    """A process, and the connection to it, which is at its end when the process is."""

    line: Connection
    pid: int
    process: subprocess.Popen[bytes] | None = None  # of one that is not forked by another

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        """Wait for the end of the process; what it sends until then is thrown away."""
        with suppress(EOFError, OSError):
            while True:
                self.line.recv_bytes()
        self.line.close()
        if self.process is not None:
            self.process.wait()


@dataclass(frozen=True, slots=True)
class _Job:
    what: str
    threads: int
    quiet: bool
    folder: str
    path: list[str]
    environment: dict[str, str]


_lock = Lock()
_forker: Worker | None = None


def ahead() -> None:
    """Begin to import what the processes will need, because some will be started soon."""
    global _forker
    with _lock:
        if _FORKS and _forker is None:
            _forker = _python("fork")


def started(what: str, threads: int, quiet: bool = False) -> Worker:
    """Start a process that calls ``what``, "module:function", with its end of the connection.

    PyTorch has ``threads`` threads there. With ``quiet`` nothing it says on stderr is shown.

    Raises:
        OSError: it can't be started.
    """
    job = _Job(what, threads, quiet, str(Path.cwd()), sys.path, dict(os.environ))
    ahead()
    if _forker is None:
        worker = _python("once")
        worker.line.send(job)
        return worker
    here, there = Pipe()
    with _lock, there:
        try:
            _forker.line.send(job)
            reduction.send_handle(_forker.line, there.fileno(), _forker.pid)
            return Worker(here, _forker.line.recv())
        except (EOFError, OSError) as error:
            close()
            raise OSError("the process that starts the others was killed") from error


def close() -> None:
    """End the process that forks others; those that it has forked go on."""
    global _forker
    if _forker is not None:
        forker, _forker = _forker, None
        forker.kill()


atexit.register(close)


def _python(function: str) -> Worker:
    here, there = Pipe()
    with there:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", _COMMAND.format(function, there.fileno())],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[there.fileno()],
            process_group=0,  # Ctrl-C is for the process that uses them
        )
    return Worker(here, process.pid, process)


def fork(handle: int) -> None:
    """Fork a process for every job that comes in, until nobody is there any more."""
    for name in _IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for those that have ended
    line = Connection(handle)
    with suppress(EOFError):
        while True:
            job = line.recv()
            there = Connection(reduction.recv_handle(line))
            pid = os.fork()
            if pid == 0:
                line.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                try:
                    _do(job, there)
                finally:
                    os._exit(0)  # what Python does at an end is for the process that forked
            there.close()
            line.send(pid)


def once(handle: int) -> None:
    """Do the one job that comes in."""
    line = Connection(handle)
    _do(line.recv(), line)


def _do(job: _Job, line: Connection) -> None:
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment)
    sys.path[:] = job.path
    if job.quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    import torch

    torch.set_num_threads(job.threads)
    module, _, function = job.what.partition(":")
    try:
        getattr(importlib.import_module(module), function)(line)
    except BaseException:
        traceback.print_exc()
        raise
