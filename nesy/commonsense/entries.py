"""Triples into the knowledge base: each event becomes a draft entry, its tails are the facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nesy.commonsense import triples
from nesy.commonsense.triples import Triple
from nesy.kb import extract, store
from nesy.kb.entry import Entry
from nesy.kb.extract import Draft
from nesy.kb.store import MergeSummary

_WHEN = {"PersonX": "someone", "PersonY": "someone else"}
_SAID = {"PersonX": "the person", "PersonY": "the other person"}


def entries(chosen: Sequence[Triple], pack: str) -> list[Entry]:
    """Draft entries, one an event; events of which the same is said are one entry."""
    by_head: dict[str, list[Triple]] = {}
    for triple in chosen:
        by_head.setdefault(triple.head, []).append(triple)
    drafts = [
        Draft(
            question=f"commonsense/{some[0].split}/{_slug(head)}",
            when=triples.named(head, _WHEN),
            lesson=None,
            facts=tuple(dict.fromkeys(_fact(triple) for triple in some)),
            example=None,
            check=None,
        )
        for head, some in by_head.items()
    ]
    made, _ = extract.entries(drafts, pack, "+".join(sorted({t.maker for t in chosen})))
    return made


def write(chosen: Sequence[Triple], kb: Path, pack: str) -> MergeSummary:
    """Merge the drafts into ``<kb>/<pack>.yaml``; what people changed there stays.

    Raises:
        EntryError: the knowledge base can't be read; nothing is written then.
    """
    return store.write_drafts(kb, pack, entries(chosen, pack))


def _fact(triple: Triple) -> str:
    given = {k: v for k, v in _SAID.items() if k == "PersonX" or k in triple.head}
    said = triples.sentence(triple.head, triple.relation, triple.tail, given)
    return said[0].upper() + said[1:]


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))
