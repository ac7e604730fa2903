"""A provider's batch endpoint: cheaper, within a day; found again after a kill by what was asked.

Every request has the hash of its body as its id. Before anything is submitted, the provider's
list of batches is searched for these ids, so a batch that was submitted before a kill is waited
for instead of paid twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nesy.errors import BudgetReached, ModelError
from nesy.models.openai import OpenAIModel, Outcome, named, read_reply
from nesy.types import Completion, Failure, Messages, Sampling

_POLL = 30.0  # seconds
_MOST = 50_000  # requests in a batch
_MARK = "nesy"
_ENDED = ("completed", "expired", "failed", "cancelled")
_VAIN = ("failed", "cancelled", "cancelling")

_log = logging.getLogger(__name__)


class BatchModel:
    """The model of an endpoint, asked through its batches; stored answers are shared with it."""

    def __init__(self, model: OpenAIModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._model.name

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the model."""
        return self._model.fingerprint

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt.

        Raises:
            ModelError: a request failed.
        """
        found = dict(self.stream(prompts, sampling))
        return [found[index] for index in range(len(prompts))]

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the prompt, completion) batch by batch.

        Raises:
            ModelError: a request failed.
        """
        for index, outcome in self.outcomes(prompts, sampling):
            if isinstance(outcome, Failure):
                raise ModelError(f"{self.name}: prompt {index}: {outcome.reason} ({outcome.words})")
            yield index, outcome

    def outcomes(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield (index of the prompt, completion or failure) batch by batch.

        Interrupted, it leaves the batches to the provider; called again, it finds them. What is
        refused for a setting that the model doesn't know is asked again without it.

        Raises:
            ModelError: the endpoint has no batches, refuses them, or gave one up.
            BudgetReached: the requests could pass the spending cap.
        """
        import openai

        left: Sequence[int] = range(len(prompts))
        try:
            with self._model.sync_client() as client:
                while left:
                    again: list[int] = []
                    for index, outcome, learned in self._asked(client, prompts, left, sampling):
                        if learned:
                            again.append(index)
                        else:
                            yield index, outcome
                    left = again
        except openai.APIStatusError as error:
            failure = named(self._model, error.status_code, error.body, error.response.text)
            raise ModelError(
                f"{self.name} at {self._model.shown_url()}: batches: {failure.reason} "
                f"({failure.words})"
            ) from None
        except openai.APIConnectionError as error:
            raise ModelError(
                f"{self.name} at {self._model.shown_url()}: no connection "
                f"({self._model.words(str(error.__cause__ or error))}); the batches go on there, "
                "run the same command again"
            ) from None

    def _asked(
        self, client: Any, prompts: Sequence[Messages], left: Sequence[int], sampling: Sampling
    ) -> Iterator[tuple[int, Outcome, bool]]:
        """Yield index, outcome, and whether it taught what to leave out of the request."""
        some = [prompts[index] for index in left]
        lines = {line["custom_id"]: line for line in self._lines(some, sampling)}
        waiting = dict(zip(lines, left, strict=True))
        for batch in self._earlier(client, waiting):
            for id_, outcome in self._results(client, batch, prompts, waiting):
                learned = self._learns(lines[id_], outcome)
                # What failed in an earlier batch is asked once more.
                if learned or isinstance(outcome, Completion):
                    yield waiting.pop(id_), outcome, learned
        ids = list(waiting)
        for first in range(0, len(ids), _MOST):
            asked = {id_: waiting[id_] for id_ in ids[first : first + _MOST]}
            held = self._hold(prompts, list(asked.values()), sampling.max_tokens)
            batch = self._submitted(client, [lines[id_] for id_ in asked])
            found = dict(self._results(client, batch, prompts, asked))
            for id_, index in asked.items():
                outcome = found.get(id_, Failure("not answered", batch.id, 1))
                self._model.budget.settle(
                    held[index], prompts[index], outcome.prompt_tokens, outcome.completion_tokens
                )
                yield index, outcome, self._learns(lines[id_], outcome)

    def _learns(self, line: Mapping[str, Any], outcome: Outcome) -> bool:
        """Learn from a refusal, as one by one."""
        if isinstance(outcome, Completion) or outcome.reason != "refused":
            return False
        return self._model.learns(line["body"], outcome.words)

    def _lines(self, prompts: Sequence[Messages], sampling: Sampling) -> list[dict[str, Any]]:
        """The requests; equal ones, which are samples of one prompt, are numbered."""
        seen: Counter[str] = Counter()
        lines = []
        # Whether the model can be held to a schema is known a day later; text is read as well.
        sampling = replace(sampling, schema=None)
        for messages in prompts:
            body = self._model.body(messages, sampling)
            sha = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
            id_ = f"{sha[:40]}-{seen[sha]}"
            seen[sha] += 1
            line = {"custom_id": id_, "method": "POST", "url": "/v1/chat/completions"}
            lines.append({**line, "body": body})
        return lines

    def _hold(
        self, prompts: Sequence[Messages], indexes: Sequence[int], max_tokens: int
    ) -> Mapping[int, float]:
        """Hold what the requests can cost, all or none."""
        held: dict[int, float] = {}
        for index in indexes:
            most = self._model.budget.hold(prompts[index], max_tokens)
            if most is None:
                for other, amount in held.items():
                    self._model.budget.settle(amount, prompts[other], 0, 0)
                raise BudgetReached(
                    f"a batch of {len(indexes)} requests could cost more than is left of "
                    "--max-usd; raise it, or ask for less with --limit"
                )
            held[index] = most
        return held

    def _earlier(self, client: Any, waiting: Mapping[str, int]) -> Iterator[Any]:
        """Batches that were submitted before and hold some of the requests."""
        for batch in client.batches.list(limit=100):
            if (batch.metadata or {}).get(_MARK) != "1" or batch.status in _VAIN:
                continue
            content = client.files.content(batch.input_file_id).text
            if any(json.loads(line)["custom_id"] in waiting for line in content.splitlines()):
                _log.warning("batch %s was submitted before and is waited for", batch.id)
                yield batch

    def _submitted(self, client: Any, lines: Sequence[dict[str, Any]]) -> Any:
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        file = client.files.create(file=("nesy.jsonl", content.encode()), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={_MARK: "1"},
        )
        _log.warning("batch %s submitted with %d requests", batch.id, len(lines))
        return batch

    def _results(
        self, client: Any, batch: Any, prompts: Sequence[Messages], asked: Mapping[str, int]
    ) -> Iterator[tuple[str, Outcome]]:
        """Wait for a batch and read its files."""
        while batch.status not in _ENDED:
            time.sleep(_POLL)
            batch = client.batches.retrieve(batch.id)
        if batch.status in _VAIN:
            said = [str(one.message) for one in (batch.errors.data or [])] if batch.errors else []
            raise ModelError(
                f"{self.name}: batch {batch.id} {batch.status}: "
                f"{self._model.words('; '.join(said))}"
            )
        for file in (batch.output_file_id, batch.error_file_id):
            for line in client.files.content(file).text.splitlines() if file else ():
                row = json.loads(line)
                if row["custom_id"] in asked:
                    messages = prompts[asked[row["custom_id"]]]
                    yield row["custom_id"], self._outcome(row, messages)

    def _outcome(self, row: Mapping[str, Any], messages: Messages) -> Outcome:
        reply = row.get("response") or {}
        if row.get("error") or reply.get("status_code") != 200:
            said = row.get("error") or reply.get("body") or {}
            return named(self._model, int(reply.get("status_code") or 500), said, str(said))
        return read_reply(reply.get("body"), messages, self._model)
