"""Money: prices by model, and what a run may still spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nesy import resources
from nesy.errors import BudgetReached, InputError
from nesy.types import Messages

_MILLION = 1_000_000
_FILE = "prices.yaml"
_MARGIN = 1.25  # a prompt may hold more tokens a byte than all that were seen
_FRAME = 16  # tokens that a server adds around each message, at most


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens of prompts, and of completions."""

    input: float
    output: float

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what tokens cost, in USD."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / _MILLION


FREE = Price(0.0, 0.0)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class _Prices(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prices: Mapping[str, _Line]


def prices_file() -> Path:
    """Return ``./prices.yaml`` if there is one, else the file that comes with the package."""
    local = Path(_FILE)
    return local if local.is_file() else Path(__file__).parent / _FILE


def price_of(spec: str) -> Price | None:
    """Return the price of a model such as ``openai:gpt-4o-mini``; ``None`` if it is unknown.

    A model that runs here costs nothing.

    Raises:
        InputError: the file of prices is wrong; the message says where.
    """
    kind, _, model = spec.partition(":")
    if kind != "openai":
        return FREE
    path = prices_file()
    document = resources.read_document(path)
    try:
        known = _Prices.model_validate(document.value).prices
    except ValidationError as error:
        problem = error.errors()[0]
        line, column = document.place(problem["loc"])
        raise InputError(
            f"{resources.shown(path)}:{line}:{column}: {'.'.join(map(str, problem['loc']))}: "
            f"{problem['msg']}; a line is `model: {{input: 0.15, output: 0.60}}`, USD for a "
            "million tokens"
        ) from error
    found = known.get(model)
    return None if found is None else Price(found.input, found.output)


class Budget:
    """What a run may still spend: requests under way hold the most that they can cost.

    That a cap is never passed rests on the server's ``max_tokens`` and on the bytes of a prompt,
    of which a token needs at least one; once replies told how many tokens a byte makes, on the
    highest such share and a margin.
    """

    def __init__(self, price: Price | None, cap: float | None = None, spent: float = 0.0) -> None:
        """``cap`` and ``spent`` are in USD; ``spent`` is what the run has paid for before.

        Raises:
            InputError: a cap without a price can't be kept.
        """
        if cap is not None and price is None:
            raise InputError(
                f"--max-usd needs the price of the teacher; add it to ./{_FILE} (a copy of "
                f"{Path(__file__).parent / _FILE})"
            )
        self.price = price
        self.cap = cap
        self.spent = spent
        self.held = 0.0
        self._under_way = 0
        self._share = 1.0
        self._seen = False

    def hold(self, messages: Messages, max_tokens: int) -> float | None:
        """Hold the most that a request can cost, in USD; ``None`` if it must wait for others.

        Raises:
            BudgetReached: no request is under way, and this one could pass the cap.
        """
        if self.price is None or self.cap is None:
            self._under_way += 1
            return 0.0
        tokens = int(self._share * _bytes(messages)) + _FRAME * (len(messages) + 1)
        most = self.price.usd(tokens, max_tokens)
        if self.spent + self.held + most <= self.cap:
            self.held += most
            self._under_way += 1
            return most
        if self._under_way:
            return None
        raise BudgetReached(
            f"the next request could cost up to ${most:.4f}, and ${self.spent:.4f} of "
            f"--max-usd {self.cap:g} are spent; every answer is kept, so raise --max-usd and run "
            "the same command again to go on"
        )

    def settle(
        self, held: float, messages: Messages, prompt_tokens: int, completion_tokens: int
    ) -> None:
        """Give back what a request held, and count what its reply was charged."""
        self._under_way -= 1
        self.held = max(0.0, self.held - held) if self._under_way else 0.0
        if self.price is not None:
            self.spent += self.price.usd(prompt_tokens, completion_tokens)
        if prompt_tokens:
            share = min(1.0, _MARGIN * prompt_tokens / max(1, _bytes(messages)))
            self._share = max(self._share, share) if self._seen else share
            self._seen = True


def _bytes(messages: Messages) -> int:
    return sum(len(message.content.encode()) for message in messages)
