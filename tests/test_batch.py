"""Batches of a provider: submitted once, waited for, found again after a kill."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from endpoint import KEY, reply

from nesy import models
from nesy.completions import CachedLM, Completions
from nesy.errors import BudgetReached, ModelError
from nesy.models import batch
from nesy.models.flow import Terms
from nesy.spend import Budget, Price
from nesy.types import LM, Completion, Failure, Message, Messages, Sampling


class Provider(ThreadingHTTPServer):
    """Keeps files and batches; a batch ends when it was looked at ``looks`` times."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.looks = 2
        self.status = "completed"
        self.failing: set[str] = set()
        self.refusing = ""
        self.answered: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def keep(self, content: str) -> str:
        self.files[f"file-{len(self.files)}"] = content
        return f"file-{len(self.files) - 1}"

    def submit(self, asked: dict[str, Any]) -> dict[str, Any]:
        id_ = f"batch-{len(self.batches)}"
        made = {
            **{"id": id_, "object": "batch", "status": "in_progress", "created_at": 1},
            **{"errors": None, "output_file_id": None, "error_file_id": None, "looked": 0, **asked},
        }
        self.batches[id_] = made
        return made

    def look(self, id_: str) -> dict[str, Any]:
        made = self.batches[id_]
        made["looked"] += 1
        if made["looked"] == self.looks:
            made["status"] = self.status
            if self.status == "failed":
                made["errors"] = {"data": [{"message": f"bad line {KEY}"}]}
            else:
                self.answer(made)
        return made

    def answer(self, made: dict[str, Any]) -> None:
        good, bad = [], []
        for line in self.files[made["input_file_id"]].splitlines():
            asked = json.loads(line)
            text = asked["body"]["messages"][-1]["content"]
            row = {"custom_id": asked["custom_id"], "error": None}
            if self.refusing in asked["body"]:
                said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
                body = {"error": {"message": said}}
                bad.append({**row, "response": {"status_code": 400, "body": body}})
            elif text in self.failing:
                body = {"error": {"message": "too long", "code": "context_length_exceeded"}}
                bad.append({**row, "response": {"status_code": 400, "body": body}})
            else:
                self.answered.append(text)
                good.append({**row, "response": {"status_code": 200, "body": reply(text.upper())}})
        for name, lines in (("output_file_id", reversed(good)), ("error_file_id", bad)):
            made[name] = self.keep("".join(json.dumps(one) + "\n" for one in lines))


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/v1/batches":
            some = list(self.server.batches.values())
            self.send(json.dumps({"object": "list", "data": some, "has_more": False}))
        elif path.startswith("/v1/batches/"):
            self.send(json.dumps(self.server.look(path.rpartition("/")[2])))
        else:
            self.send(self.server.files[path.split("/")[3]])

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/v1/files":
            found = re.search(r"\r\n\r\n(\{.*\}\n)\r\n--", content, re.DOTALL)
            assert found is not None
            id_ = self.server.keep(found.group(1))
            made = {"id": id_, "object": "file", "bytes": 1, "created_at": 1, "purpose": "batch"}
            self.send(json.dumps({**made, "filename": "nesy.jsonl"}))
        else:
            self.send(json.dumps(self.server.submit(json.loads(content))))

    def send(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(batch, "_POLL", 0.01)
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def model(provider: Provider, budget: Budget | None = None) -> LM:
    return models.load("openai:m", terms=Terms(provider.url, batch=True), budget=budget)


def prompts(*texts: str) -> list[Messages]:
    return [(Message("user", text),) for text in texts]


def test_a_batch_is_submitted_waited_for_and_stored(provider: Provider, tmp_path: Path) -> None:
    provider.failing = {"b"}
    cached = CachedLM(model(provider), Completions(tmp_path / "c.sqlite"), run="r")
    found = dict(cached.outcomes(prompts("a", "b", "c"), Sampling()))
    assert isinstance(found[0], Completion) and found[0].text == "A"
    assert found[1] == Failure("context too long", "HTTP 400: too long", 1)
    assert isinstance(found[2], Completion) and found[2].text == "C"
    assert [b["metadata"] for b in provider.batches.values()] == [{"nesy": "1"}]
    # The answers are those of the model, asked one by one or in a batch.
    single = models.load("openai:m", terms=Terms(provider.url))
    again = CachedLM(single, Completions(tmp_path / "c.sqlite"))
    assert [c.text for c in again.generate(prompts("c", "a"), Sampling())] == ["C", "A"]


def test_after_a_kill_the_batch_is_found_again(provider: Provider, tmp_path: Path) -> None:
    provider.looks = 10**9

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(batch.time, "sleep", interrupt)
        model(provider).generate(prompts("a", "b"), Sampling())
    assert len(provider.batches) == 1
    provider.looks = provider.batches["batch-0"]["looked"] + 1
    # A part of what was submitted, and something new.
    found = model(provider).generate(prompts("b", "new"), Sampling())
    assert [c.text for c in found] == ["B", "NEW"]
    assert sorted(provider.answered) == ["a", "b", "new"]


def test_what_failed_in_an_earlier_batch_is_asked_again(provider: Provider) -> None:
    provider.failing = {"b"}
    assert dict(outcomes(provider, "a", "b"))[1].reason == "context too long"
    provider.failing = set()
    assert dict(outcomes(provider, "a", "b"))[1].text == "B"
    assert sorted(provider.answered) == ["a", "b"]


def test_what_a_model_refuses_in_a_batch_is_left_out_of_the_next(provider: Provider) -> None:
    provider.refusing = "max_tokens"
    for _ in range(2):  # the second time both batches are found again
        found = model(provider).generate(prompts("a", "b"), Sampling())
        assert [c.text for c in found] == ["A", "B"]
        assert [len(provider.files[f].splitlines()) for f in ("file-0", "file-3")] == [2, 2]
        assert sorted(provider.answered) == ["a", "b"]
    assert len(provider.batches) == 2


def outcomes(provider: Provider, *texts: str) -> Any:
    lm: Any = model(provider)
    return lm.outcomes(prompts(*texts), Sampling())


def test_equal_prompts_are_samples_of_their_own(provider: Provider) -> None:
    found = model(provider).generate(prompts("a", "a"), Sampling(temperature=1.0))
    assert [c.text for c in found] == ["A", "A"]
    assert provider.answered == ["a", "a"]


def test_a_batch_that_is_given_up_is_an_error(provider: Provider) -> None:
    provider.status = "failed"
    with pytest.raises(ModelError, match=r"batch batch-0 failed: bad line \[key\]"):
        model(provider).generate(prompts("a"), Sampling())
    provider.status = "completed"
    assert model(provider).generate(prompts("a"), Sampling())[0].text == "A"


def test_an_expired_batch_leaves_failures(provider: Provider) -> None:
    provider.status = "expired"
    provider.answer = lambda made: None  # type: ignore[method-assign]
    assert dict(outcomes(provider, "a"))[0] == Failure("not answered", "batch-0", 1)


def test_a_batch_that_could_cost_too_much_is_not_submitted(provider: Provider) -> None:
    budget = Budget(Price(0, 1000), cap=0.055)
    with pytest.raises(BudgetReached, match="a batch of 10 requests could cost more"):
        model(provider, budget).generate(prompts(*"abcdefghij"), Sampling(max_tokens=10))
    assert provider.batches == {}
    model(provider, budget).generate(prompts(*"abcde"), Sampling(max_tokens=10))
    assert budget.spent == pytest.approx(5 * 3 * 1000 / 1e6)


def test_an_endpoint_without_batches_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("nesy.models.openai._TRIES", 0)
    lm = models.load("openai:m", terms=Terms("http://127.0.0.1:9/v1", batch=True))
    with pytest.raises(ModelError, match=r"openai:m at http://127\.0\.0\.1:9/v1: no connection"):
        lm.generate(prompts("a"), Sampling())
