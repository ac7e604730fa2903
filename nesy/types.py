"""Records in flight and the two protocols everything else is written against.

Standard library only, so that any module may import it at no cost. All records are
frozen; those that reach a run folder are written as one JSON line each, as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

AnswerKind = Literal["number", "choice", "text", "boolean"]
Outcome = Literal["correct", "wrong", "unparsed", "truncated"]
Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a benchmark, or, with no ``benchmark``, one that a person asks.

    ``text`` already holds the option lines of a choice question
    (``Options:\\n(A) …\\n(B) …``); ``choices`` repeats the option texts for grading.
    ``target`` is the benchmark's own form: ``(B)``, ``42``, ``Yes``, ``] ] >``; ``rationale``
    is its own worked solution up to there, where it has one.
    ``facts`` and ``params`` are filled by the embedded benchmarks only: the ids of the
    facts the answer rests on, and what is needed to derive the answer again.
    """

    id: str
    benchmark: str
    task: str
    split: str
    text: str
    target: str
    kind: AnswerKind
    choices: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    rationale: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


Messages = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a completion is decoded. ``temperature=0`` is greedy.

    ``max_tokens`` counts generated tokens; a completion ends before any of ``stop``.
    ``schema`` is a JSON Schema, as JSON text, that the completion shall keep to where the model
    can be held to one; where it can't, the completion is free text, and the caller reads both.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, and why it ended: of itself (``stop``) or at the limit (``length``).

    A local model that decodes greedily is not waited for where it only repeats itself: it would
    do so until its limit, and has reached it then.
    """

    text: str
    finish: Finish
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no completion: why, in one word or two, and in the server's own words.

    ``tries`` counts the requests that were sent. The tokens are those that the server charged
    although it gave no completion. What is not ``final`` is tried again.
    """

    reason: str
    words: str
    tries: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    final: bool = True

    @property
    def charged(self) -> bool:
        """Whether the server charged anything."""
        return self.prompt_tokens > 0 or self.completion_tokens > 0


@dataclass(frozen=True, slots=True)
class Rationale:
    """A teacher's rationale for a training question, kept or dropped with the reason.

    ``text`` is the rationale without the answer phrase; ``answer`` what the grader read.
    """

    question: str
    sample: int
    text: str
    answer: str | None
    kept: bool
    reason: str
    """``kept``, or why not: ``wrong answer``, ``no answer phrase``, ``truncated``, ``no steps``,
    ``below the critic's threshold``."""


@dataclass(frozen=True, slots=True)
class Example:
    """What one training step of a student sees: messages, the target it shall write, a weight.

    ``view`` names the view that made it, ``question`` the question it was made from.
    """

    messages: Messages
    target: str
    weight: float
    view: str
    question: str


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that retrieval returned, ``rank`` counted from 1, ``score`` of the fused ranking."""

    entry: str
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question answered once: the line of ``attempts.jsonl``."""

    question: str
    task: str
    hits: tuple[Hit, ...]
    prompt_sha: str
    completion: Completion
    answer: str | None
    rule: str | None
    outcome: Outcome
    outcome_strict: Outcome


class LM(Protocol):
    """A language model. Teacher and student are both one; they differ by the prompt they get."""

    @property
    def name(self) -> str:
        """Name that a person would use to select it."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides its output besides prompt and sampling."""

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt; the result has the order and length of ``prompts``.

        Raises:
            ModelError: the model could not answer; never a placeholder completion.
        """


@runtime_checkable
class StreamingLM(LM, Protocol):
    """A language model that hands out each completion as soon as it is done."""

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the prompt, completion) in any order, each prompt once.

        Raises:
            ModelError: as ``generate``; what was yielded before is good.
        """


@runtime_checkable
class EndpointLM(StreamingLM, Protocol):
    """A language model whose single requests may fail while others are answered."""

    def outcomes(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | Failure]]:
        """As ``stream``, but a request that failed for good is yielded as its failure.

        A failure that was charged and is tried again is yielded too, marked as not final.

        Raises:
            ModelError: no request can be answered, such as with a wrong key.
            BudgetReached: the next request could pass the spending cap.
        """


@runtime_checkable
class Scorer(Protocol):
    """A language model that can also tell how likely it finds a text."""

    def logprobs(self, prompts: Sequence[Messages], texts: Sequence[str]) -> list[float]:
        """Natural logarithm of the probability of each text as the completion of its prompt."""


class Encoder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """Model name."""

    @property
    def revision(self) -> str:
        """Hash or revision of the weights; part of the embedding cache's key."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return shape (len(texts), dim), float32, rows of unit length."""
