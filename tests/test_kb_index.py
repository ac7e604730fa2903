"""Retrieval: both retrievers, their fusion, the floor, and what a question must not be given."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from nesy.errors import InputError
from nesy.kb.entry import Entry
from nesy.kb.index import Index, words_of


class Bag:
    """An encoder of word counts, hashed into ``dim`` places."""

    name = "bag"
    revision = "1"

    def __init__(self, dim: int = 256) -> None:
        self.dim = dim

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words_of(text):
                row[int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dim] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def entry(id_: str, when: str, fact: str, **fields: object) -> Entry:
    return Entry.model_validate({"id": id_, "when": when, "facts": [fact], **fields})


ENTRIES = [
    entry(
        "firkin", "beer in firkins", "A firkin of beer is 9 gallons.", source={"questions": ["q1"]}
    ),
    entry("dozen", "baker's dozens", "A baker's dozen is 13 items.", source={"questions": ["q2"]}),
    entry("hand", "the height of a horse", "A hand is 4 inches.", scope={"tasks": ["horses"]}),
]
QUERIES = ["Tom drinks two firkins of beer.", "Four baker's dozens of rolls", "A horse of 15 hands"]


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_each_mode_finds_the_right_entry(mode: str) -> None:
    found = Index(ENTRIES, Bag(), mode=mode).search(QUERIES)  # type: ignore[arg-type]
    assert [hits[0].hit.entry for hits in found] == ["firkin", "dozen", "hand"]
    assert all(hits[0].hit.rank == 1 for hits in found)
    assert all((hits[0].dense > 0) == (mode != "bm25") for hits in found)
    assert all((hits[0].bm25 > 0) == (mode != "dense") for hits in found)


def test_a_question_is_not_given_its_own_entry() -> None:
    index = Index(ENTRIES, Bag(), k=3, min_score=None)
    own = index.search(QUERIES[:2], exclude=[frozenset({"q1"}), frozenset()])
    assert "firkin" not in [found.hit.entry for found in own[0]]
    assert own[1][0].hit.entry == "dozen"


def test_scope_limits_whom_an_entry_serves() -> None:
    index = Index(ENTRIES, Bag(), k=3, min_score=None)
    tasks = [("bbh", "horses"), ("bbh", "cats")]
    given = index.search([QUERIES[2]] * 2, tasks=tasks)
    assert [["hand" in [f.hit.entry for f in hits]] for hits in given] == [[True], [False]]


def test_floor_is_of_the_cosine() -> None:
    index = Index(ENTRIES, Bag(), k=3, min_score=0.3)
    found = index.search(["Tom drinks two firkins of beer.", "nothing alike whatsoever"])
    assert [hit.hit.entry for hit in found[0]] == ["firkin"]
    assert found[1] == []


def test_answer_does_not_depend_on_the_batch_or_on_the_order_of_entries() -> None:
    index = Index(ENTRIES, Bag(), k=3, min_score=None)
    together = index.search(QUERIES)
    alone = [index.search([query])[0] for query in QUERIES]
    assert together == alone
    assert Index(ENTRIES[::-1], Bag(), k=3, min_score=None).search(QUERIES) == together


def test_ties_fall_in_the_order_of_ids() -> None:
    twins = [entry(id_, "same", "Same fact.") for id_ in ("c", "a", "b")]
    found = Index(twins, Bag(), k=3).search(["same fact"])
    assert [hit.hit.entry for hit in found[0]] == ["a", "b", "c"]


def test_dense_agrees_with_brute_force() -> None:
    entries = [entry(f"e{i}", f"word{i} word{i + 1}", f"word{i % 7}") for i in range(300)]
    queries = [f"word{i} word{i % 5}" for i in range(20)]
    index = Index(entries, Bag(), mode="dense", k=1, min_score=None)
    vectors = Bag().encode([found.key("all") for found in index.entries])
    best = (Bag().encode(queries) @ vectors.T).round(6).max(axis=1)
    got = [hits[0].dense for hits in index.search(queries)]
    assert got == pytest.approx(best.tolist(), abs=2e-6)


def test_nothing_to_search_in_gives_nothing() -> None:
    assert Index([], None).search(["a", "b"]) == [[], []]
    assert Index(ENTRIES, Bag()).search([]) == []
    assert Index(ENTRIES, None, mode="bm25").search(["the of"]) == [[]]


def test_misfit_of_encoder_and_index_is_named() -> None:
    index = Index(ENTRIES, Bag())
    index._encoder = Bag(dim=8)
    with pytest.raises(InputError, match=r"bag .*shape \(1, 8\).*dimension 256"):
        index.search(["firkin"])
    with pytest.raises(InputError, match="needs an encoder"):
        Index(ENTRIES, None)


def test_words() -> None:
    assert words_of("The firkins' berries, 3 glasses, 4th") == ["firkin", "berry", "glasse", "4th"]
