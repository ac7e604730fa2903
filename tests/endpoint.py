"""An OpenAI-compatible endpoint on loopback that answers, and fails in every way on demand."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

KEY = "sk-marker-5f1c0d9e7a"
FAULTS = ("429", "500", "hang", "cut", "malformed", "empty")
STAYING = ("content filter", "context too long", "refused")


def shout(text: str) -> str:
    """The answer where a test needs none in particular."""
    return text.upper()


def reply(text: str | None, finish: str = "stop", **usage: int) -> dict[str, Any]:
    """A chat completion."""
    usage = usage or {"prompt_tokens": 7, "completion_tokens": 3}
    usage["total_tokens"] = sum(usage.values())
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text},
    }
    return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}


def sha(body: Any) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


class Endpoint:
    """Serves on a thread of its own while it is entered.

    ``answer`` writes the text for the last message; ``fault`` names one of ``FAULTS`` or
    ``STAYING`` for the nth request, or gives a reply as (status, headers, body), or ``None``;
    ``latency`` is in seconds by the request's number.
    """

    def __init__(
        self,
        answer: Callable[[str], str] = shout,
        fault: Callable[[int, Any], Any] = lambda number, body: None,
        latency: Callable[[int], float] = lambda number: 0.0,
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.fault = fault
        self.latency = latency
        self.port = port
        self.asked: list[Any] = []
        self.headers: list[bytes] = []
        self.answered: Counter[str] = Counter()
        self.times: list[tuple[float, str]] = []
        self.faults: Counter[str] = Counter()
        self.under_way = 0
        self.most = 0
        self.took = 0.0  # seconds from whole requests to whole replies
        self.keep_log = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Endpoint:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._connected, "127.0.0.1", self.port))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _close(self) -> None:
        self._server.close()  # in the loop's thread: a connection that ends just then races it
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: Any, writer: Any) -> None:
        try:
            while await self._served(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _served(self, reader: Any, writer: Any) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        content = await reader.readexactly(length)
        begun = time.perf_counter()
        if head.startswith(b"GET"):
            _send(writer, 200, {}, {"object": "list", "data": [{"id": "m", "object": "model"}]})
            return True
        body = json.loads(content)
        number = len(self.asked)
        self.asked.append(body)
        if self.keep_log:
            self.headers.append(head)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if wait := self.latency(number):
                await asyncio.sleep(wait)
            return await self._replied(number, body, writer)
        finally:
            self.under_way -= 1
            self.took += time.perf_counter() - begun

    async def _replied(self, number: int, body: Any, writer: Any) -> bool:
        fault = self.fault(number, body)
        if isinstance(fault, tuple):
            _send(writer, *fault)
            return True
        if fault is not None:
            self.faults[fault] += 1
            return await self._failed(fault, writer)
        text = self.answer(body["messages"][-1]["content"])
        _send(writer, 200, {}, reply(text))
        await writer.drain()
        key = sha(body)
        self.answered[key] += 1
        self.times.append((time.monotonic(), key))
        return True

    async def _failed(self, fault: str, writer: Any) -> bool:
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "cut":
            whole = json.dumps(reply("half of an answer")).encode()
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            writer.write(head % len(whole) + whole[: len(whole) // 2])
            await writer.drain()
            return False
        said = f"this server fails on purpose; it was shown {KEY}"
        bodies: dict[str, tuple[int, dict[str, str], Any]] = {
            "429": (429, {"Retry-After": "0.02"}, {"error": {"message": said}}),
            "500": (500, {}, {"error": {"message": said}}),
            "malformed": (200, {}, b'{"choices": [{"message"'),
            "empty": (200, {}, {**reply(""), "choices": []}),
            "content filter": (200, {}, reply(None, "content_filter")),
            "context too long": (
                400,
                {},
                {"error": {"message": said, "code": "context_length_exceeded"}},
            ),
            "refused": (400, {}, {"error": {"message": said}}),
        }
        _send(writer, *bodies[fault])
        return True


def _send(writer: Any, status: int, headers: dict[str, str], body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} X",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + content)
