"""Completions that were asked for once, and what they cost, in one sqlite file.

Several processes may share the file. Every answer is stored before it is used, together with
its charge, so neither is lost nor counted twice when a process is killed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nesy import resources
from nesy.errors import InputError, ModelError
from nesy.runs import finished, messages_sha
from nesy.spend import Price
from nesy.types import LM, Completion, EndpointLM, Failure, Messages, Sampling

_TABLES = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT NOT NULL, max_tokens INTEGER NOT NULL,"
    " model TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL,"
    " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, made REAL NOT NULL,"
    " PRIMARY KEY (key, max_tokens)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS charges (run TEXT NOT NULL, stage TEXT NOT NULL,"
    " model TEXT NOT NULL, answered INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,"
    " completion_tokens INTEGER NOT NULL, usd REAL, made REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS charges_of_a_run ON charges (run, stage)",
)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one reply of a model cost a run; ``usd`` is ``None`` where the price is unknown."""

    run: str
    stage: str
    usd: float | None


@dataclass(frozen=True, slots=True)
class Charged:
    """What a stage of a run was charged: replies, those of them with an answer, tokens, USD."""

    stage: str
    replies: int
    answers: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None


class Completions:
    """The file of completions and charges; by default ``completions.sqlite`` in ``NESY_HOME``.

    A completion is found again by the sha256 of model name, fingerprint of its weights,
    messages, sampling and, when sampling, the number of the sample; so an edited prompt or a
    trained adapter never meets an old completion. The limit of tokens is no part of the key: an
    answer that ended of itself is the answer under every limit that it fits in.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or make it.

        Raises:
            InputError: it can't be opened, or is no sqlite file.
        """
        self.path = path or resources.home() / "completions.sqlite"
        with self._named():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            for table in _TABLES:
                self._connection.execute(table)

    def get(self, keys: Sequence[str], max_tokens: int) -> dict[str, Completion]:
        """Return the stored completions among ``keys`` that hold under a limit of tokens."""
        with self._named():
            rows = self._connection.execute(
                "SELECT key, text, finish, prompt_tokens, completion_tokens FROM answers"
                " WHERE key IN (SELECT value FROM json_each(:keys)) AND (max_tokens = :limit OR"
                " (finish = 'stop' AND completion_tokens <= :limit))"
                " ORDER BY max_tokens = :limit, max_tokens DESC",
                {"keys": json.dumps(list(keys)), "limit": max_tokens},
            ).fetchall()
        return {key: Completion(*row) for key, *row in rows}  # of several, the last one

    def put(
        self,
        key: str,
        max_tokens: int,
        model: str,
        completion: Completion,
        charge: Charge | None = None,
    ) -> None:
        """Store a completion with its charge, both or neither.

        Raises:
            InputError: the disk is full or the file can't be written.
        """
        c, now = completion, time.time()
        with self._named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(key, max_tokens, model, c.text, c.finish),
                        *(c.prompt_tokens, c.completion_tokens, now),
                    ),
                )
                if charge is not None:
                    self._charge(charge, model, 1, c, now)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def charge(self, charge: Charge, model: str, failure: Failure) -> None:
        """Write down what a reply without a completion cost.

        Raises:
            InputError: the disk is full or the file can't be written.
        """
        with self._named():
            self._charge(charge, model, 0, failure, time.time())

    def _charge(
        self, charge: Charge, model: str, answered: int, reply: Completion | Failure, now: float
    ) -> None:
        self._connection.execute(
            "INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(charge.run, charge.stage, model, answered),
                *(reply.prompt_tokens, reply.completion_tokens, charge.usd, now),
            ),
        )

    def charged(self, run: str) -> list[Charged]:
        """Return what the stages of a run were charged, in the order in which they began."""
        with self._named():
            rows = self._connection.execute(
                "SELECT stage, COUNT(*), SUM(answered), SUM(prompt_tokens),"
                " SUM(completion_tokens), SUM(usd), COUNT(*) = COUNT(usd) FROM charges"
                " WHERE run = ? GROUP BY stage ORDER BY MIN(rowid)",
                (run,),
            ).fetchall()
        return [
            Charged(stage, replies, answers, read, written, usd if known else None)
            for stage, replies, answers, read, written, usd, known in rows
        ]

    def lengths(self, model: str, stage: str) -> list[int]:
        """Return the completion tokens of every reply that a model was charged for in a stage."""
        with self._named():
            rows = self._connection.execute(
                "SELECT completion_tokens FROM charges WHERE model = ? AND stage = ?",
                (model, stage),
            ).fetchall()
        return [int(row[0]) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file, and what to do, in what sqlite has to say about it."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise InputError(
                f"{self.path}: {error}; what was stored before is kept. Make room there or set "
                "NESY_HOME to another folder, and run the same command again"
            ) from error


class CachedLM:
    """An LM that asks each request once: what is stored is not asked again.

    Every answer is stored before it is handed out, so a killed process repeats what was under
    way and nothing else. Without ``reuse`` everything is asked, and stored. With ``run`` each
    reply is charged to it, at ``price``.
    """

    def __init__(
        self,
        lm: LM,
        completions: Completions,
        chunk: int = 64,
        reuse: bool = True,
        run: str | None = None,
        price: Price | None = None,
    ) -> None:
        self._lm = lm
        self._completions = completions
        self._chunk = chunk
        self._reuse = reuse
        self._run = run
        self._price = price
        self.stage = ""
        self.asked = 0
        self.reused = 0

    @property
    def lm(self) -> LM:
        """The wrapped model, for what is no completion."""
        return self._lm

    @property
    def name(self) -> str:
        """Name of the wrapped model."""
        return self._lm.name

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the wrapped model."""
        return self._lm.fingerprint

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt, from the store where it was asked before.

        Greedy requests that are equal are asked once; sampled ones are samples of their own.

        Raises:
            ModelError: the model could not answer, or gave another number of completions.
        """
        found = dict(self.stream(prompts, sampling))
        return [found[index] for index in range(len(prompts))]

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the prompt, completion) as they are stored, known ones first.

        Raises:
            ModelError: as ``generate``.
        """
        for index, outcome in self.outcomes(prompts, sampling):
            if isinstance(outcome, Failure):
                raise ModelError(
                    f"{self.name}: prompt {index}: {outcome.reason}, tried {outcome.tries} times"
                    f"{': ' if outcome.words else ''}{outcome.words}"
                )
            yield index, outcome

    def known(self, prompts: Sequence[Messages], sampling: Sampling) -> int:
        """Return how many of the prompts would be answered from the store."""
        keys = self._keys(prompts, sampling)
        stored = self._completions.get(list(dict.fromkeys(keys)), sampling.max_tokens)
        return sum(key in stored for key in keys)

    def outcomes(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | Failure]]:
        """As ``stream``, but a request that failed for good is yielded as its failure.

        Raises:
            ModelError: the model can answer no request, or gave another number of completions.
            BudgetReached: the next request could pass the spending cap.
            InputError: an answer can't be stored.
        """
        keys = self._keys(prompts, sampling)
        limit = sampling.max_tokens
        known = self._completions.get(list(dict.fromkeys(keys)), limit) if self._reuse else {}
        self.reused += sum(key in known for key in keys)
        yield from ((index, known[key]) for index, key in enumerate(keys) if key in known)
        places: dict[str, list[int]] = {}
        for index, key in enumerate(keys):
            if key not in known:
                places.setdefault(key, []).append(index)
        waiting = list(places)
        asked = [prompts[some[0]] for some in places.values()]
        found: Iterator[tuple[int, Completion | Failure]]
        if isinstance(self._lm, EndpointLM):
            found = self._lm.outcomes(asked, sampling)
        else:
            found = iter(finished(self._lm, asked, sampling, self._chunk))
        for number, outcome in found:
            key = waiting[number]
            if isinstance(outcome, Completion):
                self._completions.put(key, limit, self.name, outcome, self._charge(outcome))
                self.asked += 1
            else:
                charge = self._charge(outcome)
                if charge is not None and outcome.charged:
                    self._completions.charge(charge, self.name, outcome)
                if not outcome.final:
                    continue
            yield from ((index, outcome) for index in places[key])

    def _charge(self, reply: Completion | Failure) -> Charge | None:
        if self._run is None:
            return None
        usd = None
        if self._price is not None:
            usd = self._price.usd(reply.prompt_tokens, reply.completion_tokens)
        return Charge(self._run, self.stage, usd)

    def _keys(self, prompts: Sequence[Messages], sampling: Sampling) -> list[str]:
        drawn = asdict(sampling)
        del drawn["max_tokens"]
        if sampling.schema is None:
            del drawn["schema"]  # so that answers stored before there were schemas are found
        decides = json.dumps([self.name, self.fingerprint, drawn], ensure_ascii=False)
        base = hashlib.sha256(decides.encode()).hexdigest()
        seen: Counter[str] = Counter()
        keys = []
        for prompt in prompts:
            shown = messages_sha(prompt)
            sample = seen[shown] if sampling.temperature > 0 else 0
            seen[shown] += 1
            keys.append(hashlib.sha256(f"{base}/{shown}/{sample}".encode()).hexdigest())
        return keys
