"""A model behind an OpenAI-compatible endpoint: hosted, vLLM, Ollama, llama.cpp, LiteLLM, Azure.

The address and the key come from ``base_url`` or ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``; a
query in the address, such as Azure's ``?api-version=…``, is sent with every request. What may
pass on its own (rate limits, broken connections, server errors, answers that are no answer) is
tried again. What a server or model doesn't know, such as structured output, is left out once it
has said so. What concerns one prompt is that prompt's failure; what concerns all ends the run,
and so does a row of failures of different prompts.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import uniform
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nesy.errors import ModelError, NesyError
from nesy.models.connections import Connections, Reply, certificates
from nesy.models.flow import Flow, Terms, retry_after
from nesy.spend import Budget
from nesy.types import Completion, Failure, Messages, Sampling

_TRIES = 6
_FIRST_WAIT = 0.5  # seconds; doubled with every try, with jitter
_LONGEST_WAIT = 60.0  # seconds
_LONGEST_PAUSE = 300.0  # seconds; a server that asks for more has said that it is enough
_DEADLINE = 600.0  # seconds from the first to the last try of a request
_ROW = 10  # different requests that fail one after another before it is the server's fault
_WORDS = 300  # characters of what a server says

_PASSING = (
    *("rate limit", "server error", "no connection", "timeout"),
    *("cut stream", "malformed JSON", "empty answer"),
)
_OF_ALL = ("wrong key", "no permission", "unknown model", "no quota", "pause too long")
_TOO_LONG = (
    *("context_length_exceeded", "context length", "maximum context", "maximum model length"),
    *("context window", "contextwindow", "context size", "prompt is too long"),
    *("exceeds the maximum number of tokens", "max_new_tokens` must be"),
)
_UNKNOWN_MODEL = ("model_not_found", "invalid model id", "not a valid model")
_AZURE = (".azure.com", ".azure.us", ".azure.cn", ".azure-api.net")
# What an endpoint may refuse and be asked without, the least missed first, and how it says so.
_OPTIONAL = {
    "response_format": ("response_format", "response format", "json_schema", "structured output"),
    "seed": ("seed",),
    "top_p": ("top_p",),
    "temperature": ("temperature",),
}

Outcome = Completion | Failure

_log = logging.getLogger(__name__)


class OpenAIModel:
    """Chat completions of one model, many requests at a time."""

    def __init__(
        self, model: str, terms: Terms | None = None, budget: Budget | None = None
    ) -> None:
        """Remember the address; nothing is sent yet.

        Raises:
            ModelError: the hosted service is meant and there is no key; or it is no address.
        """
        self._model = model
        self.terms = terms or Terms()
        self._base_url = self.terms.base_url or os.environ.get("OPENAI_BASE_URL")
        if self._base_url and not _is_http(self._base_url):
            raise ModelError(
                "openai: the address of an endpoint begins with http:// or https:// and names a "
                "host, such as http://127.0.0.1:8000/v1"
            )
        key = os.environ.get("OPENAI_API_KEY")
        if not key and self._base_url is None:
            raise ModelError(
                "openai: set OPENAI_API_KEY, or --base-url to an endpoint that needs no key"
            )
        self._key = key
        self.flow = Flow(self.terms)
        self.budget = budget or Budget(None)
        self.limit_name = "max_tokens"
        self._accepted: set[str] = set()  # of _OPTIONAL, in a request that was answered
        self._refused: set[str] = set()
        self.answers = 0
        self.written = 0  # tokens of all answers

    @property
    def name(self) -> str:
        """``openai:`` and the model."""
        return f"openai:{self._model}"

    @property
    def fingerprint(self) -> str:
        """Hash of address and model name: an endpoint shows no weights."""
        return hashlib.sha256(f"{self._base_url}\n{self._model}".encode()).hexdigest()

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt.

        Raises:
            ModelError: a request failed for good.
        """
        found = dict(self.stream(prompts, sampling))
        return [found[index] for index in range(len(prompts))]

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the prompt, completion) as they come.

        Raises:
            ModelError: a request failed for good.
        """
        for index, outcome in self.outcomes(prompts, sampling):
            if isinstance(outcome, Completion):
                yield index, outcome
            elif outcome.final:
                raise ModelError(f"{self.name}: prompt {index}: {_told(outcome)}")

    def outcomes(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield (index of the prompt, completion or failure) as they come.

        Interrupted, it asks nothing more and yields what is under way before it gives way.

        Raises:
            ModelError: no request can be answered, or a row of them failed; in the server's words.
            BudgetReached: the next request could pass the spending cap.
        """
        if not prompts:
            return
        with _unscanned(), asyncio.Runner() as runner:
            asking = _Asking(self, prompts, sampling)
            runner.run(asking.begin())
            try:
                while found := runner.run(asking.next()):
                    yield from found
            except KeyboardInterrupt:
                asking.stop()
                _log.warning(
                    "waiting for the requests under way, so that they are paid for once; "
                    "Ctrl-C again leaves them"
                )
                while found := runner.run(asking.next()):
                    yield from found
                raise
            finally:
                runner.run(asking.end())

    def client(self) -> Any:
        """Return a client without retries of its own."""
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        transport = DefaultAsyncHttpxClient(verify=certificates())
        return AsyncOpenAI(**self._address(), max_retries=0, http_client=transport)

    def sync_client(self) -> Any:
        """Return a client for single calls, which tries again by itself."""
        from openai import OpenAI

        return OpenAI(**self._address(), max_retries=_TRIES)

    def _address(self) -> dict[str, Any]:
        parts = urlsplit(self._base_url or "")
        azure = self._key and _azure(parts.netloc)
        return {
            "api_key": self._key or "none",  # local servers ignore it, the client insists on one
            "base_url": parts._replace(query="").geturl() or None,
            "default_query": dict(parse_qsl(parts.query)),
            "default_headers": {"api-key": self._key} if azure else None,
            "timeout": self.terms.timeout,
        }

    def body(self, messages: Messages, sampling: Sampling) -> dict[str, Any]:
        """Return what is sent for a prompt."""
        asked: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self.limit_name: sampling.max_tokens,
            "seed": sampling.seed,
        }
        if sampling.stop:
            asked["stop"] = list(sampling.stop)
        if sampling.schema is not None:
            form = {"name": "answer", "strict": True, "schema": json.loads(sampling.schema)}
            asked["response_format"] = {"type": "json_schema", "json_schema": form}
        return {name: value for name, value in asked.items() if name not in self._refused}

    def accepts(self, body: Mapping[str, Any]) -> None:
        """Learn from an answer that the endpoint takes what was sent."""
        self._accepted.update(name for name in _OPTIONAL if name in body)

    def learns(self, body: Mapping[str, Any], words: str) -> bool:
        """Learn from the words of a refusal; returns whether the next request will be another.

        Newer models of the hosted service know the limit of tokens by another name only. Some
        servers know no structured output or no seed, some models no temperature: these are left
        out from then on, unless the endpoint has answered a request that had them.
        """
        if "max_tokens" in body and "max_completion_tokens" in words:
            self.limit_name = "max_completion_tokens"
            return True
        said = words.lower()
        for name, signs in _OPTIONAL.items():
            if name in self._accepted or name not in body or not any(s in said for s in signs):
                continue
            if name not in self._refused:
                self._refused.add(name)
                _log.warning("%s refuses %s and is asked without it: %s", self.name, name, words)
            return True
        return False

    def words(self, said: str) -> str:
        """Return what a server said on one line, cut, and without the key."""
        text = " ".join(said.split())[:_WORDS]
        return text.replace(self._key, "[key]") if self._key else text

    def shown_url(self) -> str:
        """Return the address without user, password and query."""
        return bare_url(self._base_url or "https://api.openai.com/v1")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def bare_url(url: str) -> str:
    """Return an address without what may be secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether an endpoint answers: its address without secrets, its models or its problem."""

    address: str
    models: tuple[str, ...]
    problem: str | None


def reach(terms: Terms) -> Reached:
    """Ask an endpoint for its models.

    Raises:
        ModelError: the hosted service is meant and there is no key.
    """
    model = OpenAIModel("", terms)
    listed, problem = asyncio.run(_listed(model))
    return Reached(model.shown_url(), listed, problem)


async def _listed(model: OpenAIModel) -> tuple[tuple[str, ...], str | None]:
    """Return (models, problem)."""
    import openai

    async with model.client() as client:
        try:
            return tuple([one.id async for one in client.models.list()]), None
        except openai.APIStatusError as error:
            failure = named(model, error.status_code, error.body, error.response.text)
            if failure.reason == "unknown model":
                return (), None  # a server without such a list
            return (), f"{failure.reason} ({failure.words})"
        except openai.APIConnectionError as error:
            return (), f"no connection ({model.words(str(error.__cause__ or error))})"
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            return (), f"no list of models ({model.words(str(error))})"


class _Asking:
    """The requests of one call, under way on one event loop."""

    def __init__(self, model: OpenAIModel, prompts: Sequence[Messages], sampling: Sampling) -> None:
        self._model = model
        self._prompts = prompts
        self._sampling = sampling
        self._waiting = iter(range(len(prompts)))
        self._ready: list[tuple[int, Outcome]] = []
        self._row: list[tuple[int, Failure]] = []
        self._error: NesyError | None = None
        self._stopped = False

    async def begin(self) -> None:
        async with self._model.client() as client:  # for its address and headers alone
            self._connections = Connections(client, self._model.terms.timeout)
        self._model.flow.begin()
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._stored = asyncio.Event()
        count = min(self._model.terms.max_concurrency, len(self._prompts))
        self._workers = [asyncio.create_task(self._work()) for _ in range(count)]

    async def next(self) -> list[tuple[int, Outcome]]:
        """Wait for outcomes; an empty list says that all have come.

        Asking for the next ones says that those before are stored.
        """
        self._stored.set()
        self._stored = asyncio.Event()
        while not self._ready:
            if self._error is not None:
                raise self._error
            if all(worker.done() for worker in self._workers):
                # A last row of failures was too short to be the server's fault.
                self._ready, self._row = list(self._row), []
                break
            self._arrived.clear()
            await self._arrived.wait()
        found, self._ready = self._ready, []
        return found

    def stop(self) -> None:
        """Ask nothing more; what is under way comes to its end."""
        self._waiting = iter(())
        self._stopped = True

    async def end(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._connections.close()

    async def _work(self) -> None:
        try:
            # Not a `for`: `stop` puts another iterator in its place.
            while (index := next(self._waiting, None)) is not None:
                outcome = await self._answered(index)
                stored = self._stored
                if self._take(index, outcome):
                    # So a kill loses no more answers than there are requests under way.
                    await stored.wait()
        except NesyError as error:
            self._error = self._error or error
            self.stop()
            for worker in self._workers:
                if worker is not asyncio.current_task():
                    worker.cancel()
        finally:
            self._arrived.set()

    def _take(self, index: int, outcome: Outcome) -> bool:
        """Hand an outcome out; a server's failure only once the server is known to answer.

        Returns whether it was handed out.
        """
        name = self._model.name
        if isinstance(outcome, Failure) and self._stopped:
            return False  # it was not tried as often as it may be
        if isinstance(outcome, Failure) and outcome.reason in _OF_ALL:
            raise ModelError(f"{name} at {self._model.shown_url()}: {_told(outcome)}")
        if isinstance(outcome, Failure) and outcome.reason in _PASSING:
            self._row.append((index, outcome))
            if len(self._row) == _ROW:
                raise ModelError(
                    f"{name} at {self._model.shown_url()}: {_ROW} requests in a row failed, the "
                    f"last one: {_told(outcome)}. Every answer is kept; run the same command "
                    "again when the server is well"
                )
            return False
        self._ready += [*self._row, (index, outcome)]
        self._row = []
        self._arrived.set()
        return True

    async def _answered(self, index: int) -> Outcome:
        """Ask until there is an answer, or a failure that stays."""
        begun = time.monotonic()
        tries = hard = 0
        while True:
            outcome = await self._ask(self._prompts[index])
            if isinstance(outcome, Completion):
                return outcome
            tries += 1
            outcome = replace(outcome, tries=tries)
            # Waiting for one's turn is no fault of the request; only the deadline ends it.
            hard += outcome.reason != "rate limit"
            late = time.monotonic() - begun > _DEADLINE
            if outcome.reason not in _PASSING or hard == _TRIES or late or self._stopped:
                return outcome
            if outcome.charged:
                self._ready.append((index, replace(outcome, final=False)))
            # A pause that the server names holds for all requests, and is kept by `Flow`.
            await asyncio.sleep(uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1))))

    async def _ask(self, messages: Messages) -> Outcome:
        """Send one request, when its turn has come and its price is sure to be left."""
        model = self._model
        outcome: Outcome = Failure("interrupted", "", 0)
        held = await self._hold(messages)
        try:
            async with model.flow.place(self._tokens(messages)) as sent:
                outcome = await self._sent(messages, sent)
        finally:
            model.budget.settle(held, messages, outcome.prompt_tokens, outcome.completion_tokens)
            self._settled.set()
        return outcome

    async def _hold(self, messages: Messages) -> float:
        """Wait until the request can't pass the spending cap."""
        while True:
            held = self._model.budget.hold(messages, self._sampling.max_tokens)
            if held is not None:
                return held
            self._settled.clear()
            await self._settled.wait()

    async def _sent(self, messages: Messages, sent: float) -> Outcome:
        model = self._model
        body = model.body(messages, self._sampling)
        reply = await self._connections.post(json.dumps(body).encode())
        if isinstance(reply, Failure):
            return replace(reply, words=model.words(reply.words))
        if not 200 <= reply.status < 300:
            return self._refused(reply, sent, body)
        outcome = _read(reply.content, messages, model)
        if isinstance(outcome, Completion):
            model.flow.answered(reply.headers)
            model.accepts(body)
            model.answers += 1
            model.written += outcome.completion_tokens
        return outcome

    def _refused(self, reply: Reply, sent: float, body: Mapping[str, Any]) -> Failure:
        """Name a reply with an error status, and slow down if it asks for that."""
        model = self._model
        text = reply.content.decode(errors="replace")
        try:
            said = json.loads(text)
        except ValueError:
            said = text
        failure = named(model, reply.status, said, text)
        if failure.reason in ("refused", "server error") and model.learns(body, failure.words):
            return Failure("server error", failure.words, 1)
        pause = retry_after(reply.headers)
        if reply.status in (429, 503, 529) and failure.reason != "no quota":
            if pause is not None and pause > _LONGEST_PAUSE:
                return Failure("pause too long", f"wait {pause:.0f} seconds: {failure.words}", 1)
            model.flow.refused(sent, pause)
        return failure

    def _tokens(self, messages: Messages) -> int:
        """Estimate the tokens of a request, for ``tpm``."""
        model = self._model
        written = model.written // model.answers if model.answers else self._sampling.max_tokens
        return _estimated(messages) + written


def named(model: OpenAIModel, status: int, body: Any, text: str) -> Failure:
    """Name what a reply with an error status says: its JSON, if it has such, and its text."""
    code, said = _error_of(body, text)
    return Failure(_reason(status, code, said), f"HTTP {status}: {model.words(said)}", 1)


def _reason(status: int, code: str, said: str) -> str:
    low = f"{code} {said}".lower()
    if any(sign in low for sign in _TOO_LONG):
        return "context too long"
    if "content_filter" in low or "content management policy" in low:
        return "content filter"
    if status == 400 and any(sign in low for sign in _UNKNOWN_MODEL):
        return "unknown model"
    named = {401: "wrong key", 403: "no permission", 404: "unknown model", 402: "no quota"}
    if code == "insufficient_quota":
        return "no quota"
    if status == 429:
        return "rate limit"
    if status in (408, 409) or status >= 500:
        return "server error"
    return named.get(status, "refused")


def _read(content: bytes, messages: Messages, model: OpenAIModel) -> Outcome:
    try:
        reply = json.loads(content)
    except ValueError as error:
        return Failure("malformed JSON", model.words(str(error)), 1)
    return read_reply(reply, messages, model)


def read_reply(reply: Any, messages: Messages, model: OpenAIModel) -> Outcome:
    """Read a chat completion; what holds no answer is named."""
    if not isinstance(reply, dict) or reply.get("error"):
        _, said = _error_of(reply, str(reply))
        return Failure("server error", model.words(said), 1)
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    counted = usage.get("prompt_tokens"), usage.get("completion_tokens")
    charged = (int(counted[0] or 0), int(counted[1] or 0))
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Failure("empty answer", "the reply has no choice", 1, *charged)
    finish, refusal = choice.get("finish_reason"), message.get("refusal")
    written = message.get("content")
    text = written if isinstance(written, str) else ""
    if finish == "content_filter" or refusal:
        return Failure("content filter", model.words(str(refusal or "")), 1, *charged)
    if finish != "length" and not text.strip():  # cut off before a first word, it is an answer
        return Failure("empty answer", "the choice has no text", 1, *charged)
    if None in counted:
        # A server that counts nothing is counted at four bytes a token.
        charged = (_estimated(messages), len(text.encode()) // 4 + 1)
    return Completion(text, "length" if finish == "length" else "stop", *charged)


def _error_of(body: Any, text: str) -> tuple[str, str]:
    """Return (code, message) of an error reply; the text itself where it has no such form."""
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(inner, Mapping) and isinstance(inner.get("message"), str):
        return str(inner.get("code") or ""), inner["message"]
    return "", inner if isinstance(inner, str) else text


def _estimated(messages: Messages) -> int:
    return sum(len(message.content.encode()) for message in messages) // 4 + 1


@contextmanager
def _unscanned() -> Iterator[None]:
    """Keep the garbage collector off what is loaded by now.

    With a few large libraries, a round through all of it stops every request for a tenth of a
    second.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _azure(host: str) -> bool:
    return host.rpartition("@")[2].partition(":")[0].endswith(_AZURE)


def _told(failure: Failure) -> str:
    times = "once" if failure.tries == 1 else f"{failure.tries} times"
    words = f" ({failure.words})" if failure.words else ""
    hint = "; check OPENAI_API_KEY" if failure.reason in ("wrong key", "no permission") else ""
    return f"{failure.reason}, tried {times}{words}{hint}"
