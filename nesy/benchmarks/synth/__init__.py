"""The embedded benchmarks ``synth-gsm``, ``synth-bbh`` and ``synth-arc``: one file a family.

A family is a module of this folder with

* a docstring: an example, what is the general ability, what is the special knowledge;
* ``BENCHMARK``: which of the three benchmarks it belongs to;
* ``FACTS``: the name of its fact table in ``nesy/facts/``, or ``None``;
* ``make(rng, facts) -> Item``: one item, drawn with ``rng`` alone, over one of ``facts``;
* ``derive(params) -> str``: the target again, from ``Item.params`` alone.

The folder is the registry: a new file is a new family.

Item ``i`` of a split depends on (seed, family, split, i) only. A question belongs to the
training or to the test side by the hash of its text, so no test question equals a training
question whatever the seeds. Facts are held out by the hash of their id: the splits ``train``
and ``test`` draw from the known facts, ``test-new-facts`` from the held-out ones.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal

from nesy import facts
from nesy.errors import BenchmarkError
from nesy.facts import Fact
from nesy.types import AnswerKind, Question

Split = Literal["train", "test", "test-new-facts"]
BENCHMARKS = ("synth-gsm", "synth-bbh", "synth-arc")
_TEST_SHARE = 5  # one text in five falls on the test side
_MAX_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Item:
    """A generated question with what is needed to derive its target again."""

    text: str
    target: str
    kind: AnswerKind
    params: Mapping[str, Any]
    choices: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """A module of this folder, loaded."""

    name: str
    benchmark: str
    table: str | None
    make: Callable[[Random, Sequence[Fact]], Item]
    derive: Callable[[Mapping[str, Any]], str]
    doc: str = field(repr=False)


@cache
def families() -> dict[str, Family]:
    """All families by name, in alphabetical order."""
    found: dict[str, Family] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found[info.name] = Family(
            name=info.name,
            benchmark=module.BENCHMARK,
            table=module.FACTS,
            make=module.make,
            derive=module.derive,
            doc=module.__doc__ or "",
        )
    return found


def item(family: Family, split: Split, index: int, seed: int = 0) -> Item:
    """Make item ``index`` of a split, reproducible alone from (seed, family, split, index).

    Raises:
        BenchmarkError: the split needs held-out facts and the family has no fact table, or
            the family cannot make an item that falls on this side of the split.
    """
    chosen: Sequence[Fact] = ()
    if family.table is not None:
        # The facts take turns, so that a split asks after each equally often.
        known = pool(family.table, split)
        chosen = [known[index % len(known)]]
    elif split == "test-new-facts":
        raise BenchmarkError(f"{family.name} has no fact table, so it has no split test-new-facts")
    rng = Random(_digest(f"{seed}/{family.name}/{split}/{index}"))
    for _ in range(_MAX_DRAWS):
        made = family.make(rng, chosen)
        if (_bucket(made.text, _TEST_SHARE) == 0) == (split != "train"):
            return made
    raise BenchmarkError(f"{family.name}: no item for {split} in {_MAX_DRAWS} draws")


def pool(table: str, split: Split) -> list[Fact]:
    """The facts of a table that a split asks about, in the table's order."""
    return [f for f in facts.table(table) if f.held_out == (split == "test-new-facts")]


def questions(
    benchmark: str, split: Split, per_family: int, seed: int = 0, per_fact: int | None = None
) -> Iterator[Question]:
    """Yield ``per_family`` questions of each family of ``benchmark`` (``synth``: of all three).

    With ``per_fact``, a family with a fact table gives that many questions on each fact instead.
    """
    for family in families().values():
        if benchmark not in ("synth", family.benchmark):
            continue
        if split == "test-new-facts" and family.table is None:
            continue
        count = per_family
        if per_fact is not None and family.table is not None:
            count = per_fact * len(pool(family.table, split))
        for index in range(count):
            made = item(family, split, index, seed)
            yield Question(
                id=f"{family.benchmark}/{split}/{family.name}/{index}",
                benchmark=family.benchmark,
                task=family.name,
                split=split,
                text=made.text,
                target=made.target,
                kind=made.kind,
                choices=made.choices,
                facts=made.facts,
                params=made.params,
            )


PEOPLE = ("Ana", "Ben", "Chidi", "Dora", "Emil", "Farah", "Goran", "Hana", "Ivo", "Jun", "Kemi")
"""Names that ``synth-arc`` uses."""


def options(texts: Sequence[str]) -> str:
    """Render option lines as BIG-Bench Hard does, starting with a line ``Options:``."""
    lines = [f"({chr(ord('A') + i)}) {text}" for i, text in enumerate(texts)]
    return "\n".join(["Options:", *lines])


def letter(index: int) -> str:
    """Return the option label ``(A)`` for index 0, and so on."""
    return f"({chr(ord('A') + index)})"


def beside(rng: Random, fact: Fact, field: str, table: str) -> list[str]:
    """What the fact says in ``field``, with three things that other facts of its table say.

    ``not_beside`` of a fact names what would be right as well.
    """
    value = fact.fields[field]
    barred = {value, *fact.fields.get("not_beside", ())}
    others = sorted({other.fields[field] for other in facts.table(table)} - barred)
    choices = [value, *rng.sample(others, 3)]
    rng.shuffle(choices)
    return choices


def choosing(stem: str, choices: Sequence[str], fact: Fact, params: Mapping[str, Any]) -> Item:
    """An item that asks for the option ``params["value"]`` and rests on one fact."""
    return Item(
        text=f"{stem}\n{options(choices)}",
        target=option_of(params),
        kind="choice",
        params=params,
        choices=tuple(choices),
        facts=(fact.id,),
    )


def option_of(params: Mapping[str, Any]) -> str:
    """Return the label of the option that names ``params["value"]``.

    Raises:
        ValueError: no option does.
    """
    return letter(params["choices"].index(params["value"]))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _bucket(text: str, shares: int) -> int:
    return _digest(text) % shares
