"""A real cross-encoder, tiny and random, puts candidates in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from nesy.errors import ModelError
from nesy.kb.entry import Entry
from nesy.kb.index import Index
from nesy.kb.rerank import load_reranker

WORDS = (
    "two",
    "firkins",
    "of",
    "beer",
    "a",
    "firkin",
    "is",
    "gallons",
    "dozen",
    "thirteen",
    "items",
)


def cross_encoder(folder: Path, labels: int = 1) -> Path:
    folder.mkdir()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *WORDS]))
    config = BertConfig(
        vocab_size=len(special) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=0.5,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def entry(id_: str, fact: str) -> Entry:
    return Entry.model_validate({"id": id_, "when": "firkins", "facts": [fact]})


ENTRIES = [
    entry("a", "a firkin is two gallons"),
    entry("b", "firkins of beer"),
    entry("c", "a dozen is thirteen items of beer"),
]


def test_candidates_stand_in_the_order_of_the_cross_encoder(tmp_path: Path) -> None:
    reranker = load_reranker(str(cross_encoder(tmp_path / "ranker")))
    found = Index(ENTRIES, None, mode="bm25", k=3, reranker=reranker).search(["two firkins beer"])
    texts = {e.id: e.key("all") for e in ENTRIES}
    told = reranker.score([("two firkins beer", text) for text in texts.values()])
    scores = dict(zip(texts, told, strict=True))
    assert len(set(scores.values())) == 3
    assert [one.hit.entry for one in found[0]] == sorted(scores, key=lambda id_: -scores[id_])
    ordered = sorted(scores.values(), reverse=True)
    assert [one.hit.score for one in found[0]] == pytest.approx(ordered, abs=1e-5)


def test_what_is_no_reranker_is_refused(tmp_path: Path) -> None:
    several = load_reranker(str(cross_encoder(tmp_path / "three", labels=3)))
    with pytest.raises(ModelError, match="gives 3 scores a pair"):
        several.score([("a", "b")])
    (tmp_path / "none").mkdir()
    with pytest.raises(ModelError, match="can't be loaded"):
        load_reranker(str(tmp_path / "none")).score([("a", "b")])
