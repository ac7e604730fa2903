"""The packs of ``kb/``: every held-out fact once, no known fact, and every sum adds up."""

from __future__ import annotations

import calendar
import operator
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from nesy import contamination, facts, resources
from nesy.benchmarks import load
from nesy.facts import Fact
from nesy.kb import checks
from nesy.kb.entry import Entry, Pack

FOLDER = Path(__file__).parent.parent / "kb"
FILES = sorted(FOLDER.glob("*.yaml"))
SIGNS = {"*": operator.mul, "+": operator.add, "-": operator.sub}
SUM = re.compile(r"(\d+) ([*+-]) (\d+) == (\d+)")
GENERAL = (
    *("arithmetic", "dates", "geometry", "language", "logic", "probability-counting"),
    *("science", "units"),
)
"""Packs with general knowledge; ``dates`` and ``units`` hold held-out facts besides."""

ANSWERS = ("value", "number", "group", "element", "studies", "measures", "body")
"""Columns of the fact tables of which each fact has one, besides the days of the calendar."""

HELD_OUT = {f.statement for name in facts.tables() for f in facts.table(name) if f.held_out}
DATA = os.environ.get("NESY_DATA")


@cache
def _packs() -> dict[str, Pack]:
    return {file.stem: Pack.model_validate(resources.read_yaml(file)) for file in FILES}


def _entries() -> list[Entry]:
    return [entry for pack in _packs().values() for entry in pack.entries]


def _special(entry: Entry) -> bool:
    return not HELD_OUT.isdisjoint(entry.facts)


def _general() -> list[Entry]:
    return [entry for entry in _entries() if not _special(entry)]


def _lines(entry: Entry) -> list[str]:
    return [entry.when, *entry.facts, entry.lesson or "", entry.example or ""]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pack_has_the_form_of_a_pack(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    pack = _packs()[file.stem]
    assert pack.name == file.stem
    assert pack.license == "CC0-1.0"
    assert pack.description
    assert pack.entries
    for entry in pack.entries:
        assert entry.id.startswith(f"{pack.name}.")
        assert entry.status == "reviewed"
        assert entry.lesson
        assert entry.source["reference"]


def test_ids_and_occasions_are_unique() -> None:
    entries = _entries()
    assert not [i for i, count in Counter(e.id for e in entries).items() if count > 1]
    assert not [w for w, count in Counter(e.when for e in entries).items() if count > 1]


@pytest.mark.parametrize("name", facts.tables())
def test_every_held_out_fact_is_in_exactly_one_entry(name: str) -> None:
    said = Counter(line for entry in _entries() for line in entry.facts)
    held_out = [fact for fact in facts.table(name) if fact.held_out]
    assert held_out
    assert {f.id: said[f.statement] for f in held_out} == {f.id: 1 for f in held_out}


@pytest.mark.parametrize("name", facts.tables())
def test_no_known_fact_is_in_a_pack(name: str) -> None:
    texts = [line for entry in _entries() for line in _lines(entry)]
    known = [fact.statement for fact in facts.table(name) if not fact.held_out]
    assert not [statement for statement in known for text in texts if statement in text]


def test_an_entry_with_a_held_out_fact_says_nothing_else() -> None:
    special = [entry for entry in _entries() if _special(entry)]
    assert all(len(entry.facts) == 1 for entry in special)
    assert len(special) == len(HELD_OUT)


def test_other_entries_stand_in_the_general_packs() -> None:
    others = {
        name: [entry for entry in pack.entries if not _special(entry)]
        for name, pack in _packs().items()
    }
    assert [name for name, some in others.items() if some] == sorted(GENERAL)
    assert all(len(others[name]) >= 40 for name in GENERAL)


def _answer(fact: Fact) -> str:
    if "day" in fact.fields:
        return f"{calendar.month_name[fact.fields['month']]} {fact.fields['day']}"
    (column,) = [name for name in ANSWERS if name in fact.fields]
    return str(fact.fields[column])


@pytest.mark.parametrize("name", facts.tables())
def test_general_entries_do_not_answer_after_the_facts_of_a_table(name: str) -> None:
    """No line names what a fact is about together with what is asked about it."""
    lines = [line.lower() for entry in _general() for line in _lines(entry)]
    for fact in facts.table(name):
        subject, answer = fact.subject.lower(), _answer(fact).lower()
        both = [re.compile(rf"(?<!\w){re.escape(words)}s?(?!\w)") for words in (subject, answer)]
        near = [line for line in lines if subject in line and answer in line]
        assert not [line for line in near if all(words.search(line) for words in both)], fact


def test_checks_of_facts_are_true_and_are_the_examples_sum() -> None:
    checked = [entry for entry in _entries() if entry.check and _special(entry)]
    assert len(checked) > 80
    for entry in checked:
        match = SUM.fullmatch(entry.check or "")
        assert match, entry.id
        a, sign, b, result = match.groups()
        assert int(result) == SIGNS[sign](int(a), int(b)), entry.id
        assert re.search(rf"\b{re.escape(f'{a} {sign} {b} = {result}')}\b", entry.example or "")


def test_general_entries_are_short_and_their_checks_true() -> None:
    for entry in _general():
        assert 1 <= len(entry.facts) <= 3, entry.id
        assert re.fullmatch(r"[A-Z][^.]*(?:\d\.\d[^.]*)*\.", entry.lesson or ""), entry.id
        assert all(fact.endswith(".") for fact in entry.facts), entry.id
        assert entry.check is None or entry.example, entry.id
    assert not checks.wrong_checks(_general())
    with_sums = [e for e in _general() if e.id.startswith(("arith", "units", "geom", "prob"))]
    assert sum(entry.check is not None for entry in with_sums) > 0.9 * len(with_sums)


def test_packs_have_no_problem() -> None:
    entries = {entry.id: entry for entry in _entries()}
    assert checks.run(entries) == []
    assert checks.licenses(_packs()) == []


@pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
@pytest.mark.parametrize(
    ("benchmark", "split"),
    [
        *(("gsm8k", "test"), ("bbh", "train"), ("bbh", "test"), ("arc-challenge", "test")),
        ("agieval", "test"),
    ],
)
def test_packs_hold_no_test_question(benchmark: str, split: str) -> None:
    questions = load(benchmark, split)
    entries = _entries()
    parts = {entry.id: contamination.entry_parts(entry) for entry in entries}
    assert contamination.overlaps(parts, questions) == []
    assert checks.overlaps(entries, {q.id: q.text for q in questions}) == []
