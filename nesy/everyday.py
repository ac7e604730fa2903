"""A small closed world of everyday events (``everyday.yaml``) in which validity is known.

The embedded teacher generates events and inferences from it, errors included; what it says is
judged by the same world. Only here can the validity of a triple be computed instead of asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nesy import resources

SOURCE = Path(__file__).with_suffix(".yaml")
FORMS = (
    ("xAttr", "xReact", "oReact"),
    ("xIntent", "xWant", "xNeed", "oWant"),
    ("xEffect", "oEffect"),
    ("HinderedBy", "isAfter", "isBefore", "HasSubEvent"),
)
"""Relations whose tails have the same grammatical form, so that one reads well for another."""

RELATIONS = tuple(name for form in FORMS for name in form)
_CONFUSED = 0.14  # share of beliefs taken from the situation that is mixed up with this one
_MISPLACED = 0.08  # from another relation of the same event
_WRONG_OBJECT = 0.05
_RANDOM = 0.05  # from any situation
_STEEP = 0.5  # each next tail of a list is this much less likely than the one before


@dataclass(frozen=True, slots=True)
class Situation:
    """What can be said of a kind of event; ``tails`` by relation, the most typical first.

    ``rare`` objects are those of which the embedded teacher never thinks by itself.
    """

    id: str
    events: tuple[str, ...]
    objects: tuple[str, ...]
    rare: tuple[str, ...]
    tails: Mapping[str, tuple[str, ...]]
    mistaken_for: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the world: its situation, and the object that it is about."""

    text: str
    situation: str
    object: str

    @property
    def has_other(self) -> bool:
        """Whether a PersonY takes part."""
        return "PersonY" in self.text


@cache
def situations() -> Mapping[str, Situation]:
    """All situations by id."""
    document = resources.read_yaml(SOURCE)
    moods = document["moods"]
    found = {}
    for row in document["situations"]:
        tails = {name: tuple(row[name]) for name in RELATIONS if name in row}
        for relation, key in (("xReact", "moods"), ("oReact", "theirs")):
            if key in row:
                # One feeling of each mood in turn, so that the first of each comes first.
                tails[relation] = tuple(_in_turn([moods[name] for name in row[key]]))
        found[row["id"]] = Situation(
            row["id"],
            tuple(row["events"]),
            tuple(row["objects"]),
            tuple(row["rare"]),
            tails,
            row["mistaken_for"],
        )
    return found


@cache
def events() -> Mapping[str, Event]:
    """All events by their text, those of rare objects too."""
    made = {}
    for situation in situations().values():
        for pattern in situation.events:
            for thing in (*situation.objects, *situation.rare):
                text = filled(pattern, thing)
                made[text] = Event(text, situation.id, thing)
    return made


@cache
def event_weights() -> Mapping[str, float]:
    """How likely the embedded teacher is to think of each event; they sum to 1."""
    weights = {}
    for situation in situations().values():
        for pattern in situation.events:
            for rank, thing in enumerate(situation.objects):
                weights[filled(pattern, thing)] = 1 / (rank + 3)
    return normalized(weights)


def valid(head: str, relation: str, tail: str) -> bool | None:
    """Whether a triple is true in this world; ``None`` if the head is not of this world.

    Nothing is true of an event with a thing of another kind, such as cooking a tram.
    """
    event = events().get(head)
    if event is None:
        return False if head in _misfits() else None
    return bare(tail) in {bare(known) for known in true_tails(event, relation)}


def true_tails(event: Event, relation: str) -> tuple[str, ...]:
    """What holds of an event under a relation; nothing about a PersonY who takes no part."""
    return _tails(event, situations()[event.situation], relation)


@cache
def beliefs(head: str, relation: str) -> Mapping[str, float]:
    """What the embedded teacher believes follows, with probabilities that sum to 1.

    Most of it is true; the rest confuses the situation with a similar one, takes the tail of
    another relation, names another object, or comes from anywhere. Nothing for an unknown head.
    """
    event = events().get(head)
    if event is None or not true_tails(event, relation):
        return {}
    known = situations()
    own = known[event.situation]
    mixed: dict[str, float] = {}
    parts: list[tuple[float, Mapping[str, float]]] = [
        (_CONFUSED, _graded(_tails(event, known[own.mistaken_for], relation))),
        (_MISPLACED, _even(_of_other_relations(event, relation))),
        (_WRONG_OBJECT, _even(_with_other_objects(event, own, relation))),
        (_RANDOM, _even(t for s in known.values() for t in _tails(event, s, relation))),
    ]
    spent = sum(share for share, tails in parts if tails)
    for share, tails in [(1 - spent, _graded(true_tails(event, relation))), *parts]:
        for tail, weight in tails.items():
            mixed[tail] = mixed.get(tail, 0.0) + share * weight
    return normalized(mixed)


@cache
def things(pattern: str) -> Mapping[str, float]:
    """What the embedded teacher puts into the place of ``<o>`` of an event, with probabilities.

    Mostly what fits, rare things less often; some things of other events. Nothing for an
    unknown pattern.
    """
    fits = [s for s in situations().values() if pattern in s.events]
    if not fits:
        return {}
    weights = {thing: 1 / (rank + 2) for rank, thing in enumerate(fits[0].objects)}
    weights.update(dict.fromkeys(fits[0].rare, 0.08))
    others = {t for s in situations().values() for t in s.objects} - set(weights)
    mixed = {t: (1 - _RANDOM - _WRONG_OBJECT) * w for t, w in normalized(weights).items()}
    share = (_RANDOM + _WRONG_OBJECT) / len(others)
    return {**mixed, **dict.fromkeys(sorted(others), share)}


def filled(pattern: str, thing: str) -> str:
    """Put the object into a pattern, with ``an`` where it must stand."""
    return re.sub(r"\ba (?=[aeiou])", "an ", pattern.replace("<o>", thing))


def bare(tail: str) -> str:
    """A tail as it is compared: no final dot, no leading ``to``, case and spaces alike."""
    return " ".join(tail.casefold().strip(" .").split()).removeprefix("to ")


def normalized(weights: Mapping[str, float]) -> dict[str, float]:
    """Scale weights so that they sum to 1."""
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


@cache
def _misfits() -> frozenset[str]:
    """Events with a thing that belongs to events of another kind."""
    known = situations().values()
    things = {thing for s in known for thing in (*s.objects, *s.rare)}
    patterns = [pattern for s in known for pattern in s.events]
    return frozenset(filled(p, thing) for p in patterns for thing in things) - set(events())


def _tails(event: Event, situation: Situation, relation: str) -> tuple[str, ...]:
    if relation.startswith("o") and not event.has_other:
        return ()
    return tuple(
        filled(tail, event.object)
        for tail in situation.tails.get(relation, ())
        if event.has_other or "PersonY" not in tail
    )


def _of_other_relations(event: Event, relation: str) -> Iterator[str]:
    form = next(form for form in FORMS if relation in form)
    for other in form:
        if other != relation:
            yield from true_tails(event, other)


def _with_other_objects(event: Event, own: Situation, relation: str) -> Iterator[str]:
    for tail in own.tails.get(relation, ()):
        if "<o>" in tail and (event.has_other or "PersonY" not in tail):
            yield from (filled(tail, thing) for thing in own.objects if thing != event.object)


def _graded(tails: tuple[str, ...]) -> dict[str, float]:
    return normalized({t: _STEEP**rank for rank, t in enumerate(tails)}) if tails else {}


def _even(tails: Iterator[str]) -> dict[str, float]:
    found = dict.fromkeys(tails, 1.0)
    return normalized(found) if found else {}


def _in_turn(lists: list[list[str]]) -> Iterator[str]:
    for place in range(max(len(some) for some in lists)):
        yield from (some[place] for some in lists if place < len(some))
