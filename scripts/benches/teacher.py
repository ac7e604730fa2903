"""Requests to a teacher against bespokelabs-curator: the same local server, 64 in flight.

    scripts/bench teacher [--requests 2000] [--concurrency 64] [--repeat 3]

A server of the test suite, in a process of its own, answers each request after 50 to 200 ms and
never fails. The ideal is what its time alone takes with all places filled: the sum, by its own
clock, of the times from a whole request to its reply, over the number of places. An asker that
doesn't know the latencies beforehand loses 2.4 % of it at the end, where places stay empty. Timed is the asking: of nesy, with every answer stored in
its sqlite file; of curator, its call with a dataset, which stores the responses too. The peer
gets an environment of its own below --work, made on the first call. The two are run in turn; CPU
seconds are those of the asking process.
Exit 1 if nesy stays below 95 % of the ideal throughput, or a request was sent twice.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEER = "bespokelabs-curator==0.1.31"
TARGET = 0.95


def main(words):
    asked = _arguments(words)
    asked.work.mkdir(parents=True, exist_ok=True)
    python = None if asked.alone else _environment(asked.work / "curator")
    server = subprocess.Popen(
        [sys.executable, str(HERE / "_endpoint.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        url = server.stdout.readline().strip()
        share, cpu = {"nesy": [], "curator": []}, {"nesy": [], "curator": []}
        twice = 0
        for turn in range(asked.repeat):
            for name in ("nesy",) if asked.alone else ("nesy", "curator"):
                with tempfile.TemporaryDirectory() as folder:
                    env = {**os.environ, "OPENAI_API_KEY": "none", "PYTHONPATH": str(ROOT)}
                    job = [url, str(asked.requests), str(asked.concurrency), folder]
                    run = [sys.executable, str(HERE / "_asking.py")]
                    if name == "curator":
                        env = {**os.environ, **_quiet(folder)}
                        run = [str(python), str(HERE / "_curator.py")]
                    seconds, worked = map(float, _last_line([*run, *job], env).split())
                told = _told(server)
                ideal = told["took"] / asked.concurrency
                share[name].append(ideal / seconds)
                cpu[name].append(asked.requests / worked)
                if name == "nesy":
                    twice += told["requests"] - told["different"]
                print(
                    f"turn {turn + 1}: {name:8} {asked.requests / seconds:6.1f} requests/s, "
                    f"{asked.requests / worked:6.0f} a CPU second, {ideal / seconds:.1%} of the ideal, {told['most']} in flight at most, "
                    f"{told['requests'] - told['different']} sent twice",
                    flush=True,
                )
    finally:
        server.stdin.close()
        server.wait()
    for name, found in share.items():
        if found:
            print(
                f"{name:8} median {statistics.median(found):.1%} of the ideal throughput, "
                f"{statistics.median(cpu[name]):.0f} requests a CPU second"
            )
    return 0 if statistics.median(share["nesy"]) >= TARGET and not twice else 1


def _arguments(words):
    parser = argparse.ArgumentParser("scripts/bench teacher", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without the peer")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nesy-bench")
    return parser.parse_args(words)


def _environment(folder):
    """The peer's own environment."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
    return python


def _quiet(folder):
    """Nothing of the peer leaves the machine, and nothing is left of it afterwards."""
    return {
        "OPENAI_API_KEY": "none",
        "CURATOR_CACHE_DIR": folder,
        "CURATOR_VIEWER": "0",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "TELEMETRY_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
    }


def _last_line(command, env):
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[1]}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout.strip().splitlines()[-1]


def _told(server):
    server.stdin.write("\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
