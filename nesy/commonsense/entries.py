"""Triples into the knowledge base, and back: each event becomes a draft entry, its tails facts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nesy.commonsense import triples
from nesy.commonsense.triples import Triple
from nesy.kb import store
from nesy.kb.entry import Entry
from nesy.kb.extract import slug
from nesy.kb.store import MergeSummary

_WHEN = {"PersonY": "someone else", "PersonX": "someone"}
_SAID = {"PersonX": "the person", "PersonY": "the other person"}
_TAIL = "\N{BLACK SQUARE}"  # stands for a tail in a relation's sentence; no event holds it


def entries(chosen: Sequence[Triple], pack: str) -> list[Entry]:
    """Draft entries, one an event."""
    by_id: dict[str, list[Triple]] = {}
    for triple in chosen:
        id_ = f"{pack}.{slug(triples.named(triple.head, _WHEN))}"
        by_id.setdefault(id_, []).append(triple)
    return [_entry(id_, some) for id_, some in sorted(by_id.items())]


def _entry(id_: str, some: Sequence[Triple]) -> Entry:
    head, split = some[0].head, some[0].split
    return Entry(
        id=id_,
        when=triples.named(head, _WHEN),
        facts=tuple(dict.fromkeys(_fact(head, t.relation, t.tail) for t in some)),
        source={
            "teacher": "+".join(sorted({triple.maker for triple in some})),
            "questions": (f"commonsense/{split}/{slug(head)}",),
        },
    )


def write(chosen: Sequence[Triple], kb: Path, pack: str) -> MergeSummary:
    """Merge the drafts into ``<kb>/<pack>.yaml``; what people changed there stays.

    Raises:
        EntryError: the knowledge base can't be read; nothing is written then.
    """
    return store.write_drafts(kb, pack, entries(chosen, pack))


def inferences(entry: Entry) -> dict[str, tuple[str, str, str]]:
    """Read the facts of an entry about an event back: head, relation and tail of each by fact.

    The entry may have been written or edited by a person. Facts that are the sentence of no
    relation are left out, and all of an entry that is about no event.

    Raises:
        InputError: a relation's prompt is not one.
    """
    head, reason = triples.cleaned_event(triples.unnamed(entry.when, _WHEN))
    if reason != "kept":
        return {}
    sentences = [(name, _fact(head, name, _TAIL).split(_TAIL)) for name in triples.relations(head)]
    found = {}
    for fact in entry.facts:
        for relation, (start, end) in sentences:
            tail = fact.removeprefix(start).removesuffix(end)
            if tail and fact == f"{start}{tail}{end}":
                found[fact] = (head, relation, triples.unnamed(tail, _SAID))
                break
    return found


def _fact(head: str, relation: str, tail: str) -> str:
    given = {k: v for k, v in _SAID.items() if k == "PersonX" or k in head}
    said = triples.sentence(head, relation, tail, given)
    return said[0].upper() + said[1:]
