"""Retrieval: both retrievers, their fusion, the floor, and what a question must not be given."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from nesy.errors import InputError
from nesy.kb import bm25
from nesy.kb.bm25 import words_of
from nesy.kb.encoder import CachedEncoder
from nesy.kb.entry import Entry
from nesy.kb.index import Index


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


class Counting(Bag):
    """Counts the texts that it was given."""

    texts = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += len(texts)
        return super().encode(texts)


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
    texts = [[one.when for one in index.entries], [one.key("all") for one in index.entries]]
    vectors = np.mean([Bag().encode(some) for some in texts], axis=0)
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
    words = words_of("The firkins' berries, 3 glasses, a 4th")
    assert words == ["firkin", "berry", "glasse", "4th"]


def test_word_scores_are_those_of_bm25s() -> None:
    bm25s = pytest.importorskip("bm25s")
    rng = random.Random(1)
    known = ["red", "green", "blue", "ham", "eggs", "spam", "tin"]
    texts = [" ".join(rng.choices(known, k=n)) for n in (*range(1, 40), 3)]
    theirs = bm25s.BM25(backend="numpy")
    theirs.index([words_of(text) or [""] for text in texts], show_progress=False)
    ours = bm25.count(texts)
    for query in ("red ham", "spam", "tin tin eggs", "unknown"):
        words = words_of(query)
        wanted = theirs.get_scores(words) if query != "unknown" else np.zeros(len(texts))
        assert ours.scores(words) == pytest.approx(wanted, abs=1e-5)


def test_an_updated_index_equals_a_new_one_and_costs_the_changed_entries() -> None:
    rng = random.Random(3)
    words = ["firkin", "dozen", "hand", "horse", "beer", "gold", "tin", "water", "acre"]

    def made(number: int) -> Entry:
        return entry(f"e{number:02}", " ".join(rng.choices(words, k=3)), rng.choice(words))

    held = {number: made(number) for number in range(30)}
    counting = Counting()
    index = Index(held.values(), counting, k=5, min_score=None)
    for _ in range(40):
        before = dict(held)
        for number in rng.sample(range(34), rng.choice([0, 1, 1, 3])):
            if rng.random() < 0.3:
                held.pop(number, None)
            else:
                held[number] = made(number)
        old = {n: e.key("all") for n, e in before.items()}
        changed = [e for n, e in held.items() if old.get(n) != e.key("all")]
        counting.texts = 0
        index = index.updated(held.values())
        assert counting.texts == 2 * len(changed)  # `when` and the whole
        queries = [" ".join(rng.choices(words, k=4)) for _ in range(5)]
        fresh = Index(held.values(), Bag(), k=5, min_score=None)
        assert index.search(queries) == fresh.search(queries)


def test_an_edited_fact_costs_one_embedding(tmp_path: Path) -> None:
    counting = Counting()
    index = Index(ENTRIES, CachedEncoder(counting, tmp_path / "e.sqlite"))
    counting.texts = 0
    edited = entry("hand", "the height of a horse", "A hand is 5 inches.")
    index.updated([*ENTRIES[:2], edited])
    assert counting.texts == 1


def test_what_an_entry_applies_to_counts_twice() -> None:
    held = [entry("when", "acre", "Tin is tin."), entry("fact", "tin", "An acre is tin.")]
    found = Index(held, Bag(), k=2, min_score=None).search(["acre"])[0]
    assert [one.hit.entry for one in found] == ["when", "fact"]
    assert found[0].bm25 > found[1].bm25
    assert found[0].dense > found[1].dense


class Inclined(Bag):
    """An encoder for which a text is as near to the question as a table says."""

    near: Mapping[str, float] = {}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        cosines = np.array([self.near.get(text[:1], 1.0) for text in texts], np.float32)
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1)


@pytest.mark.parametrize(("cosine", "first"), [(0.501, "a"), (0.9, "b")])
def test_entries_in_opposite_order_tie_and_the_larger_lead_decides(
    cosine: float, first: str
) -> None:
    encoder = Inclined()
    encoder.near = {"a": 0.5, "b": cosine}
    held = [entry("a", "a: firkin, beer", "a"), entry("b", "b: beer", "b")]
    found = Index(held, encoder, k=2, min_score=None).search(["firkin of beer"])[0]
    assert found[0].hit.score == found[1].hit.score
    assert found[0].hit.entry == first


def test_a_word_that_a_question_repeats_counts_once() -> None:
    index = Index(ENTRIES, None, mode="bm25", k=3)
    assert index.search(["beer beer beer horse"]) == index.search(["beer horse"])


def test_an_entry_left_out_makes_room_for_the_next() -> None:
    index = Index(ENTRIES, Bag(), k=3, min_score=None)
    everything = [found.hit.entry for found in index.search(QUERIES[:1])[0]]
    left = index.search(QUERIES[:1], without=[frozenset({"firkin", "unknown"})])[0]
    assert [found.hit.entry for found in left] == everything[1:]
    assert [found.hit.rank for found in left] == [1, 2]


class Longest:
    """A reranker that likes long texts."""

    name = "longest"

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [float(len(text)) for _, text in pairs]


def test_a_reranker_orders_what_passes_the_floor() -> None:
    index = Index(ENTRIES, Bag(), k=2, min_score=None, reranker=Longest())
    found = index.search(QUERIES)
    lengths = sorted((len(e.key("all")) for e in ENTRIES), reverse=True)
    assert [[one.hit.score for one in some] for some in found] == [lengths[:2]] * 3
    assert [one.hit.rank for one in found[0]] == [1, 2]
    floored = Index(ENTRIES, Bag(), k=2, min_score=0.3, reranker=Longest())
    assert [one.hit.entry for one in floored.search(QUERIES[:1])[0]] == ["firkin"]
    assert floored.search(["nothing alike"]) == [[]]
