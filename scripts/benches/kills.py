"""Kill a distillation again and again at random moments: nothing changes, nothing is paid twice.

    scripts/bench kills [--kills 100] [--questions 24] [--seed 0]

A local endpoint answers as the embedded teacher does, after 50 to 200 ms, four requests in
flight. A first distillation is left alone. Others are killed (kill -9) at random moments of asking,
training, mining and merging, and started again until they end, until there were so many kills.
The suite kills while requests are asked for alone, which is quicker; `NESY_KILLS` says how often.
Each must leave the same artefacts, byte for byte, and each answer of the server that was not under
way at a kill must be stored once. Exit 1 where one is not so.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.insert(0, str(TESTS))
ARTEFACTS = (
    *("runs/one/rationales.jsonl", "runs/one/mining.jsonl", "runs/one/knowledge.jsonl"),
    *("runs/one/augmented.jsonl", "runs/one/stage1/adapter_model.safetensors"),
    *("runs/one/adapter/adapter_model.safetensors", "kb/distilled.yaml"),
)
PLACES = 4


def main(words):
    import small
    from endpoint import Endpoint
    from test_asking import settled
    from test_distill import NESY
    from test_teacher import new_project, no_key, solved
    from test_teacher import words as distilling

    asked = _arguments(words)
    random = Random(asked.seed)

    def slow(number):
        return Random(number).uniform(0.05, 0.2)

    def started(made):
        command = [*NESY, *distilling(made, asked.questions, "--max-concurrency", str(PLACES), "-q")]
        return subprocess.Popen(
            command, cwd=made.folder, env=made.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def fresh(name):
        made = new_project(endpoint, student, folder / name)
        endpoint.latency = slow
        return made

    def left(made):
        return {name: (made.folder / name).read_bytes() for name in ARTEFACTS}

    wrong, kills, rounds, again = [], 0, 0, 0
    with tempfile.TemporaryDirectory() as temporary, Endpoint(solved) as endpoint:
        folder = Path(temporary)
        student = small.save(folder / "student", "llama", context=1024)
        whole = fresh("whole")
        begun = time.monotonic()
        assert started(whole).wait() == 0
        seconds = time.monotonic() - begun
        expected = left(whole)
        print(f"undisturbed: {seconds:.0f} s, {sum(endpoint.answered.values())} answers", flush=True)
        while kills < asked.kills:
            rounds += 1
            made, lost, whole = fresh(f"round{rounds}"), 0, True
            while not (made.folder / "runs/one/manifest.json").exists():
                process, begun = started(made), time.monotonic()
                if kills < asked.kills:
                    try:
                        process.wait(random.uniform(0.1, 1.0) * seconds)
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                _, said = process.communicate()
                if whole and process.returncode == 0:  # before its kill: the machine is faster now
                    seconds = time.monotonic() - begun
                whole = False
                kills += process.returncode == -signal.SIGKILL
                if process.returncode not in (0, -signal.SIGKILL):
                    raise SystemExit(f"exit {process.returncode}\n{said.decode()[-2000:]}")
                answered, stored = settled(endpoint, Path(made.env["NESY_HOME"]))
                if not 0 <= answered - stored - lost <= PLACES:
                    wrong.append(f"round {rounds}: {answered - stored - lost} answers lost at a kill")
                lost = answered - stored
            found = left(made)
            wrong += [f"round {rounds}: {n} differs" for n in ARTEFACTS if found[n] != expected[n]]
            twice = sum(endpoint.answered.values()) - len(endpoint.answered)
            if twice != lost:
                wrong.append(f"round {rounds}: {twice} asked twice, {lost} were under way at a kill")
            no_key(made.folder, Path(made.env["NESY_HOME"]))
            again += lost
            print(f"round {rounds}: {kills} kills so far, {lost} under way at them", flush=True)
    print(
        f"{kills} kills in {rounds} distillations; {again} requests were under way at a kill and "
        f"asked again, no other; {len(ARTEFACTS)} artefacts each: {'not ' * bool(wrong)}as undisturbed"
    )
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def _arguments(words):
    parser = argparse.ArgumentParser("scripts/bench kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
