"""Put many questions to a teacher: answers in order, failures kept as failures, money counted.

A run holds ``failed.jsonl``, a line for each request that failed for good, and ``spend.json``,
what its stages were charged. Both say what happened; neither is ever training data.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from nesy import models
from nesy.completions import CachedLM, Completions
from nesy.models.flow import Terms
from nesy.progress import Advance
from nesy.runs import Run
from nesy.spend import Budget, price_of
from nesy.types import Completion, Failure, Messages, Sampling

_FAILED = "failed"
_SPEND = "spend"
_LATER = "answered later"
_SECONDS = 2.0  # between two writes of spend.json


@dataclass(frozen=True, slots=True)
class Settings:
    """How a teacher is asked: the endpoint's terms, the cap in USD, and whether to try again.

    ``ray`` is the address of a cluster that shall hold a teacher of local weights.
    """

    terms: Terms = field(default_factory=Terms)
    max_usd: float | None = None
    retry_failed: bool = False
    ray: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The line of ``failed.jsonl``. The last line of a request counts.

    ``reason`` names the failure, ``words`` are the server's; a request that was answered when it
    was tried again has the reason ``answered later``.
    """

    stage: str
    question: str
    sample: int
    reason: str
    words: str
    tries: int


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked about a question."""

    question: str
    sample: int
    messages: Messages


class Teacher:
    """The teacher of one run: what it answers is stored, what it fails on is written down."""

    def __init__(self, spec: str, run: Run, settings: Settings) -> None:
        """Load the model.

        Raises:
            ModelError: it can't be loaded.
            InputError: a cap without a known price, or a file of prices that is wrong.
        """
        self._run = run
        self._store = Completions()
        self._settings = settings
        price = price_of(spec)
        self._id = str((run.read_json(_SPEND) or {}).get("run") or uuid4().hex)
        spent = sum(charged.usd or 0.0 for charged in self._store.charged(self._id))
        self._budget = Budget(price, settings.max_usd, spent)
        lm = models.load(spec, terms=settings.terms, budget=self._budget, ray=settings.ray)
        self._lm = CachedLM(lm, self._store, run=self._id, price=price)
        self._written = 0.0
        self.retried = 0

    def ask(
        self, stage: str, requests: Sequence[Request], sampling: Sampling, advance: Advance
    ) -> Iterator[tuple[Request, Completion]]:
        """Yield each request with its completion, in the order of the requests.

        What failed is left out and written down; what failed before is asked only with
        ``retry_failed``. ``advance`` is told of every outcome, and what was spent.

        Raises:
            ModelError: the teacher can answer no request.
            BudgetReached: the next request could pass the cap.
        """
        before = self.failed(stage)
        if not self._settings.retry_failed:
            requests = [r for r in requests if (r.question, r.sample) not in before]
        self._lm.stage = stage
        self._write()  # the run's id is known before anything is charged to it
        come: dict[int, Completion | Failure] = {}
        turn = done = 0
        try:
            for index, outcome in self._lm.outcomes([r.messages for r in requests], sampling):
                come[index] = outcome
                done += 1
                advance(done, self._note())
                self._write(_SECONDS)
                while turn in come:
                    request, found = requests[turn], come.pop(turn)
                    turn += 1
                    if isinstance(found, Failure):
                        self._note_failure(stage, request, found.reason, found.words, found.tries)
                        continue
                    if (request.question, request.sample) in before:
                        self._note_failure(stage, request, _LATER, "", 0)
                        self.retried += 1
                    yield request, found
        finally:
            self._write()

    def failed(self, stage: str) -> dict[tuple[str, int], Failed]:
        """Return the requests of a stage that have no answer, by question and sample."""
        last = {
            (one.question, one.sample): one
            for one in self._run.read(_FAILED, Failed)
            if one.stage == stage
        }
        return {key: one for key, one in last.items() if one.reason != _LATER}

    def retries(self, stage: str) -> bool:
        """Whether there is something in a stage to try again, and it was asked for."""
        return self._settings.retry_failed and bool(self.failed(stage))

    def reasons(self) -> Mapping[str, int]:
        """Return how many requests of the run have no answer, by the failure's name."""
        last = {(o.stage, o.question, o.sample): o for o in self._run.read(_FAILED, Failed)}
        return dict(Counter(one.reason for one in last.values() if one.reason != _LATER))

    def spent(self) -> float | None:
        """Return what the run was charged in USD; ``None`` where the price is unknown."""
        return None if self._budget.price is None else self._budget.spent

    def _note_failure(
        self, stage: str, request: Request, reason: str, words: str, tries: int
    ) -> None:
        failed = Failed(stage, request.question, request.sample, reason, words, tries)
        self._run.append(_FAILED, [failed])

    def _note(self) -> str:
        """What was spent, for the progress; nothing where it costs nothing."""
        price = self._budget.price
        if price is None:
            return "price unknown"
        return f"${self._budget.spent:.4f}" if price.input or price.output else ""

    def _write(self, after: float = 0.0) -> None:
        """Write ``spend.json`` from the store, if the last time is ``after`` seconds ago."""
        if time.monotonic() - self._written < after:
            return
        stages = {c.stage: c for c in self._store.charged(self._id)}
        price = self._budget.price
        document: dict[str, Any] = {
            "run": self._id,
            "teacher": self._lm.name,
            "price": None if price is None else asdict(price),
            "usd": None if price is None else sum(c.usd or 0.0 for c in stages.values()),
            "stages": {
                name: {key: value for key, value in asdict(c).items() if key != "stage"}
                for name, c in stages.items()
            },
        }
        self._run.write_json(_SPEND, document)
        self._written = time.monotonic()
