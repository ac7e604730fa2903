"""The search of a training question does not show what was written about it alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nesy import recipe, student
from nesy.kb import store
from nesy.kb.entry import Entry
from nesy.kb.index import Index, Mode
from nesy.kb.search import IndexSearch
from nesy.types import Question


class Hashed:
    """An encoder whose unit vectors depend on the text's hash alone."""

    name = "hashed"
    revision = "1"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), 32), np.float32)
        for row, text in zip(rows, texts, strict=True):
            seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
            row[:] = np.random.default_rng(seed).normal(size=32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def entry(id_: str, fact: str, *questions: str, **more: object) -> Entry:
    return Entry.model_validate(
        {
            "id": id_,
            "when": "firkins",
            "facts": [fact],
            "source": {"teacher": "t", "questions": list(questions)} if questions else {},
            **more,
        }
    )


def question(id_: str, task: str = "units") -> Question:
    text = f"Tom drinks two firkins of beer {id_}."
    return Question(id_, "b", task, "train", text, "18", "number")


ENTRIES = [
    entry("d.alone", "A firkin of beer is 9 gallons.", "q1"),
    entry("d.shared", "A firkin is a small cask.", "q1", "q2"),
    entry("d.human", "Beer is sold in firkins."),
    entry("d.other", "Two firkins are a kilderkin.", "q3"),
]
ASKED = [question("q1"), question("q2"), question("q3"), question("q4")]
ALL = {e.id for e in ENTRIES}


def found(mode: Mode, own: bool, entries: Sequence[Entry] = ENTRIES) -> list[list[str]]:
    encoder = None if mode == "bm25" else Hashed()
    search = IndexSearch(Index(entries, encoder, mode=mode, k=9, min_score=None), own=own)
    return [[one.hit.entry for one in some] for some in search(ASKED)]


MODES: list[Mode] = ["bm25", "dense", "hybrid"]


@pytest.mark.parametrize("mode", MODES)
def test_evaluation_shows_every_entry(mode: Mode) -> None:
    assert [set(some) for some in found(mode, True)] == [ALL] * 4


@pytest.mark.parametrize("mode", MODES)
def test_training_hides_what_was_made_from_the_question_alone(mode: Mode) -> None:
    assert [set(some) for some in found(mode, False)] == [
        ALL - {"d.alone"},
        ALL,
        ALL - {"d.other"},
        ALL,
    ]


def test_an_entry_of_several_questions_stays_though_one_has_its_own_as_well() -> None:
    only = [e for e in ENTRIES if e.id != "d.alone"]
    assert "d.shared" in found("bm25", False, only)[0]
    assert "d.shared" in found("bm25", False)[0]


def test_ranks_count_from_one_without_the_hidden_entry() -> None:
    index = Index(ENTRIES, Hashed(), k=9, min_score=None)
    ranks = [one.hit.rank for one in IndexSearch(index, own=False)(ASKED)[0]]
    assert ranks == [1, 2, 3]


def test_scope_holds_and_considered_shows_more_than_k() -> None:
    scoped = entry("d.scoped", "A firkin is 41 litres.", scope={"tasks": ["units"]})
    search = IndexSearch(Index([*ENTRIES, scoped], None, mode="bm25", k=1))
    assert [len(some) for some in search(ASKED)] == [1] * 4
    ids = {one.hit.entry for one in search.considered([ASKED[0]], 9)[0]}
    assert ids == {*ALL, "d.scoped"}
    assert "d.scoped" not in {o.hit.entry for o in search.considered([question("q1", "x")], 9)[0]}
    by_hand = replace(question("q1", "x"), benchmark="")
    assert "d.scoped" in {one.hit.entry for one in search.considered([by_hand], 9)[0]}


def test_an_empty_knowledge_base_finds_nothing() -> None:
    assert IndexSearch(Index([], None, mode="bm25"), own=False)(ASKED) == [[]] * 4
    assert IndexSearch(Index(ENTRIES, None, mode="bm25"))([]) == []


def test_the_key_question_is_the_text_of_the_questions_that_gave_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    overrides = ("knowledge.mode=bm25", "data.benchmark=synth-gsm", "data.per_family=2")
    made = recipe.load("embedded", [*overrides, "data.per_fact=1", "knowledge.min_score=null"])
    asked = student.training_questions(made)[:2]
    drafts = [
        entry(f"d.{n}", "Nothing alike.", one.id).model_copy(update={"when": "something else"})
        for n, one in enumerate(asked)
    ]
    store.write_drafts(tmp_path / "kb", "d", drafts)
    by_question = recipe.changed(made, "knowledge.key=question")
    found = student.load_search(by_question, tmp_path / "kb")(asked)
    assert [some[0].entry.id for some in found] == ["d.0", "d.1"]
    assert student.load_search(made, tmp_path / "kb")(asked) == [[], []]
