"""Many questions to one teacher: in order, failures kept, and nothing asked twice after a kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from endpoint import KEY, Endpoint
from test_distill import ROOT
from test_teacher import no_key

from nesy.asking import Failed, Request, Settings, Teacher
from nesy.models import openai
from nesy.models.flow import Terms
from nesy.runs import Run
from nesy.types import Message, Sampling

KILLS = int(os.environ.get("NESY_KILLS", "6"))
QUESTIONS = 200
ASKING = """
import sys
from pathlib import Path
from nesy.asking import Request, Settings, Teacher
from nesy.models.flow import Terms
from nesy.runs import Run, read_records
from nesy.types import Message, Rationale, Sampling

with Run.create(Path(sys.argv[1]), "seed: 0\\n") as run:
    known = {r.question for r in run.read("rationales", Rationale)}
    teacher = Teacher("openai:m", run, Settings(Terms(sys.argv[2], max_concurrency=8)))
    requests = [
        Request(str(n), 0, (Message("user", f"question {n}"),))
        for n in range(int(sys.argv[3])) if str(n) not in known
    ]
    for asked, completion in teacher.ask("rationales", requests, Sampling(), lambda *_: None):
        text = completion.text
        run.append("rationales", [Rationale(asked.question, 0, text, None, True, "kept")])
    run.write_manifest({})
"""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Endpoint]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(openai, "_FIRST_WAIT", 0.01)
    with Endpoint() as serving:
        yield serving


def requests(*texts: str) -> list[Request]:
    return [Request(f"q{n}", 0, (Message("user", text),)) for n, text in enumerate(texts)]


def asked(run: Run, endpoint: Endpoint, *texts: str, retry: bool = False) -> dict[str, str]:
    teacher = Teacher("openai:m", run, Settings(Terms(endpoint.url), retry_failed=retry))
    answers = teacher.ask("rationales", requests(*texts), Sampling(), lambda *_: None)
    return {request.question: completion.text for request, completion in answers}


def test_answers_come_in_order_and_failures_stay_failures(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.latency = lambda number: 0.2 if number == 0 else 0.0
    bad = {"bad": "refused", "long": "context too long"}
    endpoint.fault = lambda number, body: bad.get(body["messages"][-1]["content"])
    with Run.create(tmp_path / "run", "") as run:
        found = asked(run, endpoint, "a", "bad", "b", "long", "c")
        assert list(found.items()) == [("q0", "A"), ("q2", "B"), ("q4", "C")]
        failed = run.read("failed", Failed)
        assert [(f.stage, f.question, f.reason, f.tries) for f in failed] == [
            ("rationales", "q1", "refused", 1),
            ("rationales", "q3", "context too long", 1),
        ]
        assert "[key]" in failed[0].words and KEY not in failed[0].words
        endpoint.fault = lambda number, body: None
        assert list(asked(run, endpoint, "a", "bad", "b", "long", "c")) == ["q0", "q2", "q4"]
        again = asked(run, endpoint, "a", "bad", "b", "long", "c", retry=True)
        assert again["q1"] == "BAD" and again["q3"] == "LONG"
        assert [f.reason for f in run.read("failed", Failed)][2:] == ["answered later"] * 2
        assert max(endpoint.answered.values()) == 1
        spend = run.read_json("spend")
        assert spend["usd"] is None and spend["price"] is None
        assert spend["stages"]["rationales"] == {
            **{"replies": 5, "answers": 5, "prompt_tokens": 35, "completion_tokens": 15},
            "usd": None,
        }


def test_kills_while_asking_pay_for_nothing_twice(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.latency = lambda number: 0.01 + 0.05 * Random(number).random()
    assert command(endpoint, tmp_path / "whole", tmp_path / "whole-home").wait() == 0
    expected = (tmp_path / "whole/rationales.jsonl").read_bytes()
    assert expected.count(b"\n") == QUESTIONS
    random, kills, rounds, paid_again = Random(3), 0, 0, 0
    while kills < KILLS:
        rounds += 1
        endpoint.answered.clear()
        run, home = tmp_path / f"round{rounds}", tmp_path / f"home{rounds}"
        lost = 0
        while not (run / "manifest.json").exists():
            process = command(endpoint, run, home)
            if kills < KILLS:
                answers = sum(endpoint.answered.values()) + random.randint(1, 40)
                while process.poll() is None and sum(endpoint.answered.values()) < answers:
                    time.sleep(0.001)
                time.sleep(0.02 * random.random())
                process.send_signal(signal.SIGKILL)
            process.wait()
            kills += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL)
            answered, stored = settled(endpoint, home)
            assert 0 <= answered - stored - lost <= 8  # those that were under way
            lost = answered - stored
        assert (run / "rationales.jsonl").read_bytes() == expected
        assert len(endpoint.answered) == QUESTIONS
        assert sum(endpoint.answered.values()) - QUESTIONS == lost
        paid_again += lost
        spend = json.loads((run / "spend.json").read_text("utf-8"))
        assert spend["stages"]["rationales"]["answers"] == QUESTIONS
        no_key(run, home)
    print(f"{kills} kills in {rounds} rounds; under way at a kill and asked again: {paid_again}")


def command(endpoint: Endpoint, run: Path, home: Path) -> subprocess.Popen[Any]:
    env = {**os.environ, "NESY_HOME": str(home), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", ASKING, str(run), endpoint.url, str(QUESTIONS)]
    return subprocess.Popen(words, env=env)


def settled(endpoint: Endpoint, home: Path) -> tuple[int, int]:
    """Answers that the server gave, and those of them that are stored, once it is at rest."""
    deadline = time.monotonic() + 60
    while endpoint.under_way:
        assert time.monotonic() < deadline, "a request of a killed process never ends"
        time.sleep(0.01)
    path = home / "completions.sqlite"
    if not path.is_file():
        return sum(endpoint.answered.values()), 0
    with sqlite3.connect(path) as store:
        try:
            (stored,) = store.execute("SELECT COUNT(*) FROM answers").fetchone()
        except sqlite3.OperationalError:  # killed before it made its tables
            stored = 0
    store.close()
    return sum(endpoint.answered.values()), int(stored)
