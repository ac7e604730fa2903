"""Events and triples: how they are recorded, cleaned, worded and split."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

from nesy import prompts, resources
from nesy.errors import InputError
from nesy.everyday import bare
from nesy.types import Completion, Messages

Split = Literal["train", "validation", "test"]
MAIN = ("xAttr", "xReact", "xEffect", "xIntent", "xWant", "xNeed", "HinderedBy")
"""The seven relations of the paper; a relation is a prompt ``commonsense-<relation>``."""

_PREFIX = "commonsense-"  # of the prompts of relations, and of those that are for other things
_NO_RELATIONS = ("events", "student", "thing")
_SEEDS = Path(__file__).with_name("seeds.yaml")
_WORDS = 12
_CLEAN = re.compile(r"[A-Za-z0-9 ,'-]+")
_REFUSAL = re.compile(r"(?:I|As an AI|Sorry)\b")  # no tail is about the teacher itself
_OPEN_ENDS = ("a", "an", "the", "to", "of", "on", "in", "at", "for", "with", "and", "or", "from")


@dataclass(frozen=True, slots=True)
class Thought:
    """A line of ``events.jsonl``: an event that the teacher thought of, kept or why not.

    ``logprob`` is the natural logarithm of its probability, if the teacher can tell.
    """

    id: str
    event: str
    kept: bool
    reason: str
    logprob: float | None


@dataclass(frozen=True, slots=True)
class Triple:
    """A line of ``triples.jsonl``: head, relation, tail, and where it comes from.

    ``maker`` is the model that wrote it under the prompt with hash ``prompt`` as sample number
    ``sample``. ``reason`` is ``kept`` or why it is no use; ``logprob`` as in ``Thought``.
    """

    id: str
    head: str
    relation: str
    tail: str
    split: Split
    maker: str
    prompt: str
    sample: int
    kept: bool
    reason: str
    logprob: float | None


@cache
def seeds() -> tuple[str, ...]:
    """The project's own seed events."""
    return tuple(resources.read_yaml(_SEEDS)["events"])


@cache
def names() -> tuple[str, ...]:
    """Names that say nothing about a person."""
    return tuple(resources.read_yaml(_SEEDS)["names"])


def relations(head: str) -> list[str]:
    """Names of the relations that can be asked of an event, the project's and one's own."""
    named_ = (n.removeprefix(_PREFIX) for n in resources.names("prompts") if n.startswith(_PREFIX))
    return [
        name
        for name in named_
        if name not in _NO_RELATIONS and ("PersonY" in head or not concerns_other(name))
    ]


def concerns_other(relation: str) -> bool:
    """Whether a relation is about PersonY: by its name, as ``oReact``."""
    return relation.startswith("o")


def people(head: str, draw: str) -> dict[str, str]:
    """Names for the persons of an event; ``draw`` decides which."""
    first, second = Random(f"{draw}/{head}").sample(names(), 2)
    given = {"PersonX": first}
    if "PersonY" in head:
        given["PersonY"] = second
    return given


def unnamed_people(head: str) -> dict[str, str]:
    """The persons of an event under no names but PersonX and PersonY."""
    return {person: person for person in ("PersonX", "PersonY") if person in head}


def named(text: str, given: Mapping[str, str]) -> str:
    """Put names in the places of PersonX and PersonY."""
    for person, name in given.items():
        text = text.replace(person, name)
    return text


def unnamed(text: str, given: Mapping[str, str]) -> str:
    """Put PersonX and PersonY in the places of their names."""
    for person, name in given.items():
        text = re.sub(rf"\b{re.escape(name)}\b", person, text)
    return text


def tail_prompt(head: str, relation: str, given: Mapping[str, str]) -> Messages:
    """What a teacher is shown, to write the tail of an event under a relation.

    Raises:
        InputError: there is no prompt of that relation, or it is not one.
    """
    return _prompt(relation).render(**_variables(head, given))


def sentence(head: str, relation: str, tail: str, given: Mapping[str, str]) -> str:
    """A triple's tail as a sentence, with the persons named as given.

    Raises:
        InputError: there is no prompt of that relation, or it is not one.
    """
    tail = named(tail, given)
    return _prompt(relation).render_target(**_variables(head, given), tail=tail)


def prompt_sha(relation: str) -> str:
    """Hash of the prompt file of a relation."""
    return _prompt(relation).sha


def split_of(head: str, seed: int) -> Split:
    """80 / 10 / 10 by head, so that no event is in two splits."""
    place = int.from_bytes(hashlib.sha256(f"{seed}/{head}".encode()).digest()[:4], "big") % 10
    return "test" if place == 0 else "validation" if place == 1 else "train"


def triple_id(head: str, relation: str, tail: str) -> str:
    """Name of a triple: the same for the same content."""
    return hashlib.sha256(f"{head}\t{relation}\t{bare(tail)}".encode()).hexdigest()[:16]


def cleaned_event(text: str) -> tuple[str, str]:
    """An event as it is kept, and ``kept`` or the reason why not."""
    event = _first_line(text).removeprefix("Event:").strip().rstrip(".").strip()
    words = event.split()
    if not event.startswith("PersonX "):
        return event, "does not start with PersonX"
    if not _CLEAN.fullmatch(event):
        return event, "odd characters"
    if len(words) > _WORDS:
        return event, f"longer than {_WORDS} words"
    if len(words) < 3 or words[-1] in _OPEN_ENDS:
        return event, "incomplete"
    return event, "kept"


def cleaned_tail(completion: Completion, given: Mapping[str, str]) -> tuple[str, str]:
    """A tail as it is kept, with the names mapped back, and ``kept`` or the reason why not."""
    tail = unnamed(_first_line(completion.text).rstrip(".").strip(), given)
    if not tail:
        return tail, "empty"
    if completion.finish == "length":
        return tail, "truncated"
    if _REFUSAL.match(tail):
        return tail, "refused"
    if not _CLEAN.fullmatch(tail):
        return tail, "odd characters"
    if len(tail.split()) > _WORDS:
        return tail, f"longer than {_WORDS} words"
    return tail, "kept"


def kept(triples: Sequence[Triple]) -> list[Triple]:
    """The triples that are of use."""
    return [triple for triple in triples if triple.kept]


@cache
def _prompt(relation: str) -> prompts.Prompt:
    try:
        found = prompts.load(f"{_PREFIX}{relation}")
    except InputError as error:
        raise InputError(f"relation {relation}: {error}") from error
    if found.target is None:
        raise InputError(
            f"relation {relation}: its prompt needs a target, the sentence that its tail completes"
        )
    return found


def _variables(head: str, given: Mapping[str, str]) -> dict[str, str]:
    named_x = {"head": named(head, given), "x": given["PersonX"]}
    return {**named_x, "y": given["PersonY"]} if "PersonY" in given else named_x


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return (
        " ".join(lines[0].replace("\u2019", "'").split()).strip("\"'\u201c\u201d") if lines else ""
    )
