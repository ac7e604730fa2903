"""How fast an endpoint is asked: requests under way, requests and tokens a minute, pauses."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from aiolimiter import AsyncLimiter

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms an endpoint is asked; ``None`` is no limit.

    ``max_concurrency`` requests are under way at most, ``rpm`` and ``tpm`` are requests and
    tokens a minute, ``timeout`` is in seconds for one request. With ``batch`` the provider's
    batch endpoint is asked instead, and of the others only ``timeout`` matters.
    """

    base_url: str | None = None
    max_concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    timeout: float = 300.0
    batch: bool = False


class Flow:
    """Lets requests pass: half as many when the server says stop, more while answers come.

    It begins with ``terms.max_concurrency``, because a refusal costs a wait and nothing else;
    after one it grows by one with every round of answers, up to that again.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.limit = float(terms.max_concurrency)
        self._under_way = 0
        self._not_before = 0.0
        self._cut_at = 0.0

    def begin(self) -> None:
        """Bind to the event loop that runs now; what was learned about the server stays."""
        self._under_way = 0
        self._room = asyncio.Condition()
        rpm, tpm = self._terms.rpm, self._terms.tpm
        # A second's worth may pass at once, so that no minute holds much more than was asked for.
        self._requests = rpm and AsyncLimiter(max(1.0, rpm / 60), max(1.0, 60 / rpm))
        self._tokens = tpm and AsyncLimiter(tpm / 10, 6.0)

    @asynccontextmanager
    async def place(self, tokens: int) -> AsyncIterator[float]:
        """Wait until a request of about ``tokens`` may be sent; gives the time it was sent."""
        if self._requests:
            await self._requests.acquire()
        left = float(tokens)
        while self._tokens and left > 0:
            part = min(left, self._tokens.max_rate)
            await self._tokens.acquire(part)
            left -= part
        async with self._room:
            await self._room.wait_for(lambda: self._under_way < int(self.limit))
            self._under_way += 1
        try:
            while (pause := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            yield time.monotonic()
        finally:
            self._under_way -= 1
            async with self._room:
                self._room.notify(2)

    def answered(self, headers: Mapping[str, str]) -> None:
        """Let more pass, and pause if the server says that nothing is left for now."""
        self.limit = min(float(self._terms.max_concurrency), self.limit + 1 / self.limit)
        for what in ("requests", "tokens"):
            if headers.get(f"x-ratelimit-remaining-{what}") == "0":
                self.pause(seconds(headers.get(f"x-ratelimit-reset-{what}", "")) or 0.0)

    def refused(self, sent: float, pause: float | None) -> None:
        """Halve what may be under way, once for all requests that were sent before."""
        if sent >= self._cut_at:
            self.limit = max(1.0, self.limit / 2)
            self._cut_at = time.monotonic()
        self.pause(pause or 0.0)

    def pause(self, wait: float) -> None:
        """Send nothing for ``wait`` seconds."""
        self._not_before = max(self._not_before, time.monotonic() + wait)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, or ``None`` if it names none."""
    if (exact := seconds(headers.get("retry-after-ms", "") + "ms")) is not None:
        return exact
    named = headers.get("retry-after", "")
    if (plain := seconds(named + "s")) is not None:
        return plain
    try:
        return max(0.0, parsedate_to_datetime(named).timestamp() - time.time())
    except ValueError:
        return None


def seconds(text: str) -> float | None:
    """Read a duration such as ``6m0s``, ``1.5s`` or ``120ms``; ``None`` if it is none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    hours, minutes, whole, thousandths = (float(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + whole + thousandths / 1000
