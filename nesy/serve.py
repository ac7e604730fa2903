"""A student and its knowledge base as an OpenAI-compatible endpoint on loopback.

The last user message of a chat is the question: it retrieves, is rendered like every question,
and the reply carries, besides the completion, an ``x_nesy`` field with the answer that was read
from it and the entries that the student was shown. Earlier messages are not shown to the student.
Each prompt of a plain completion is a question likewise, with an ``x_nesy`` in its choice. An
edit of the knowledge base serves the next request; while it has a problem, requests are refused.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nesy import recipe as recipes
from nesy import resources, student
from nesy.answer import Prepared, Search, Verifier, attempt, prepare
from nesy.errors import EntryError, InputError, NesyError
from nesy.prompts import Prompt
from nesy.runs import RECIPE
from nesy.types import LM, Attempt, Question, Sampling

_TOGETHER = 32  # questions that are decoded at once


class _Turn(BaseModel):
    model_config = ConfigDict(frozen=True)

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text of a message, also where it comes in parts."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text", "")) for part in self.content or ())


class _Asked(BaseModel):
    """What the requests for completions share; what a student can't do is refused."""

    model_config = ConfigDict(frozen=True)

    model: str = ""
    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    seed: int | None = None
    stop: str | tuple[str, ...] | None = None
    n: Literal[1] | None = None


class _Chat(_Asked):
    """A request for a chat completion."""

    messages: tuple[_Turn, ...] = Field(min_length=1)
    stream: bool = False
    logprobs: Literal[False] | None = None
    tools: None = None

    @property
    def questions(self) -> list[str]:
        """The last message of the user."""
        return [next((t.text for t in reversed(self.messages) if t.role == "user"), "")]


class _Plain(_Asked):
    """A request for completions of texts, each a question."""

    prompt: str | tuple[str, ...] = Field(min_length=1)
    stream: Literal[False] = False
    echo: Literal[False] = False
    logprobs: None = None

    @property
    def questions(self) -> list[str]:
        """The prompts."""
        return [self.prompt] if isinstance(self.prompt, str) else list(self.prompt)


_POSTED: dict[str, type[_Chat | _Plain]] = {
    "/v1/chat/completions": _Chat,
    "/v1/completions": _Plain,
}


@dataclass(frozen=True, slots=True)
class _Waiting:
    prepared: Prepared
    sampling: Sampling
    answer: Future[tuple[Prepared, Attempt]]


@dataclass(frozen=True, slots=True)
class System:
    """A student with its knowledge base; ``search=None`` shows it no knowledge."""

    name: str
    lm: LM
    prompt: Prompt
    search: Search | None
    max_tokens: int
    verifier: Verifier | None = None


def load(run: Path, kb: Path | None) -> System:
    """Load a run's student, and a knowledge base or none.

    Raises:
        InputError: no such run or knowledge base.
        ModelError: the student can't be loaded.
    """
    path = run / RECIPE
    if not path.is_file():
        raise InputError(f"{resources.shown(run)}: no run here, it has no {RECIPE}")
    recipe = recipes.parse(path.read_text("utf-8"), resources.shown(path))
    live = None
    if kb is not None and recipe.answering.knowledge:
        live = student.LiveSearch(recipe, kb)  # what is wrong is told before weights are read
    lm = student.answering(recipe, student.load_student(recipe, run / "adapter"))
    return System(
        name=run.resolve().name,
        lm=lm,
        prompt=student.prompt(recipe),
        search=None if live is None else student.gated(recipe, live, lm),
        max_tokens=recipe.student.max_tokens,
        verifier=None if live is None else student.verifier(recipe, live.without, lm),
    )


class Server(ThreadingHTTPServer):
    """Answers on loopback; requests that wait are decoded together."""

    daemon_threads = True

    def __init__(self, system: System, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            InputError: the port can't be listened on.
        """
        self.system = system
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._decoding = Thread(target=self._decode, daemon=True)
        self._decoding.start()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise InputError(f"port {port}: {error.strerror}; choose another --port") from error

    @property
    def url(self) -> str:
        """The address for ``--base-url`` or ``OPENAI_BASE_URL``."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def complete(self, asked: _Chat | _Plain) -> dict[str, Any]:
        """Answer a request.

        Raises:
            InputError: there is no question in it.
            NesyError: the student can't answer.
        """
        texts = [text.strip() for text in asked.questions]
        if not all(texts):
            raise InputError("there is no user message or prompt with text to answer")
        questions = [Question("serve", "", "serve", "test", text, "", "text") for text in texts]
        stop = (asked.stop,) if isinstance(asked.stop, str) else asked.stop or ()
        sampling = Sampling(
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_completion_tokens or asked.max_tokens or self.system.max_tokens,
            seed=asked.seed or 0,
            stop=stop,
        )
        waiting = [
            _Waiting(prepared, sampling, Future())
            for prepared in prepare(questions, self.system.prompt, self.system.search)
        ]
        for one in waiting:
            self._waiting.put(one)
        made = [one.answer.result() for one in waiting]
        return self._chat(*made[0]) if isinstance(asked, _Chat) else self._plain(made)

    def server_close(self) -> None:
        """Stop listening and decoding."""
        super().server_close()
        self._waiting.put(None)
        self._decoding.join()

    def _chat(self, prepared: Prepared, made: Attempt) -> dict[str, Any]:
        message = {"role": "assistant", "content": made.completion.text.strip()}
        return {
            **self._document("chatcmpl", "chat.completion", [made]),
            "choices": [{**_choice(0, made), "message": message}],
            "x_nesy": _why(prepared, made),
        }

    def _plain(self, answered: list[tuple[Prepared, Attempt]]) -> dict[str, Any]:
        return {
            **self._document("cmpl", "text_completion", [made for _, made in answered]),
            "choices": [
                {
                    **_choice(place, made),
                    "text": made.completion.text.strip(),
                    "x_nesy": _why(prepared, made),
                }
                for place, (prepared, made) in enumerate(answered)
            ],
        }

    def _document(self, kind: str, named: str, made: list[Attempt]) -> dict[str, Any]:
        read = sum(one.completion.prompt_tokens for one in made)
        written = sum(one.completion.completion_tokens for one in made)
        return {
            "id": f"{kind}-{uuid4().hex}",
            "object": named,
            "created": int(time.time()),
            "model": self.system.name,
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            },
        }

    def _decode(self) -> None:
        while (first := self._waiting.get()) is not None:
            some, ended = [first], False
            while len(some) < _TOGETHER:
                try:
                    more = self._waiting.get_nowait()
                except Empty:
                    break
                if more is None:
                    ended = True
                    break
                some.append(more)
            for sampling in dict.fromkeys(one.sampling for one in some):
                self._answer([one for one in some if one.sampling == sampling], sampling)
            if ended:
                return

    def _answer(self, some: list[_Waiting], sampling: Sampling) -> None:
        try:
            asked = [one.prepared for one in some]
            said = self.system.lm.generate([one.messages for one in asked], sampling)
            made = [attempt(one, done) for one, done in zip(asked, said, strict=True)]
            answered = list(zip(asked, made, strict=True))
            if self.system.verifier is not None:
                answered = self.system.verifier(asked, made, sampling)
        except Exception as error:  # noqa: BLE001  whoever waits is told
            for one in some:
                one.answer.set_exception(error)
            return
        for one, result in zip(some, answered, strict=True):
            one.answer.set_result(result)


def _choice(place: int, made: Attempt) -> dict[str, Any]:
    return {"index": place, "finish_reason": made.completion.finish, "logprobs": None}


def _why(prepared: Prepared, made: Attempt) -> dict[str, Any]:
    """What the student was shown, and what was read from its answer."""
    return {
        "answer": made.answer,
        "rule": made.rule,
        "prompt_sha": made.prompt_sha,
        "entries": [
            {**asdict(one.hit), "when": one.entry.when, "facts": list(one.entry.facts)}
            for one in prepared.found
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if self.path.rstrip("/") != "/v1/models":
            self._refuse(404, f"{self.path}: nothing here; /v1/models is, for GET")
            return
        model = {"id": self.server.system.name, "object": "model", "owned_by": "nesy"}
        self._send(200, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = _POSTED.get(self.path.rstrip("/"))
        if kind is None:
            self._refuse(404, f"{self.path}: nothing here; {' and '.join(_POSTED)} are")
            return
        try:
            asked = kind.model_validate_json(content)
            made = self.server.complete(asked)
        except ValidationError as error:
            problem = error.errors()[0]
            self._refuse(400, f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
        except EntryError as error:  # the request is right, the knowledge base is not
            self._refuse(503, str(error))
        except InputError as error:
            self._refuse(400, str(error))
        except NesyError as error:
            self._refuse(500, str(error))
        else:
            if asked.stream:
                self._stream(made)
            else:
                self._send(200, made)

    def _stream(self, made: dict[str, Any]) -> None:
        """Send the whole completion as the one event of a stream."""
        choice = made["choices"][0]
        finish = choice["finish_reason"]
        shared = {**made, "object": "chat.completion.chunk"}
        events = [
            {**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": ended}]}
            for delta, ended in ((choice["message"], None), ({}, finish))
        ]
        lines = [*(json.dumps(event, ensure_ascii=False) for event in events), "[DONE]"]
        self._write(200, "text/event-stream", "".join(f"data: {line}\n\n" for line in lines))

    def _refuse(self, status: int, why: str) -> None:
        self._send(status, {"error": {"message": why, "type": "invalid_request_error"}})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        self._write(status, "application/json", json.dumps(document, ensure_ascii=False))

    def _write(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a question is nobody else's business."""
