"""Start a Python process beside this one, with a connection to it.

They are plain subprocesses, not forks, whose locks could be held by threads that they do not
have; and not ``multiprocessing``'s either, which run the user's script again in each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing.connection import Connection, Pipe


def started(
    command: str, threads: int, stderr: int | None = None
) -> tuple[Connection, subprocess.Popen[bytes]]:
    """Start a Python process that runs ``command``, and return the connection to it.

    ``{}`` in the command becomes the handle of its end of the connection; ``stderr`` is as
    ``subprocess.Popen`` takes it.
    """
    here, there = Pipe()
    with there:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", command.format(there.fileno())],
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(threads),
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=[there.fileno()],
            process_group=0,  # Ctrl-C is for the process that uses them
        )
    return here, process
