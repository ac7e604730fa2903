"""The critic: its measures on made-up scores, and a training of a few thousand parameters."""

from __future__ import annotations

import math
import os
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest
import small
import torch
from safetensors.torch import load_file

from nesy import critic
from nesy.commonsense import pairs
from nesy.critic import Critic, Labelled, Pair, Settings
from nesy.errors import InputError, ModelError, TrainingError

DATA = os.environ.get("NESY_DATA")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save_encoder(tmp_path_factory.mktemp("encoder"))


def labelled(count: int, seed: int) -> list[Labelled]:
    """Claims that are valid if and only if they say so."""
    random = Random(seed)
    made = []
    for number in range(count):
        valid = random.random() < 0.6
        thing = random.choice(["tent", "drill", "train"])
        claim = f"the {thing} is {'right' if valid else 'wrong'}"
        made.append(Labelled(Pair("PersonX buys a lamp", claim), valid, f"g{number % 20}"))
    return made


def settings(encoder: Path, **changes: object) -> Settings:
    made = {"learning_rate": 1e-3, "epochs": 4, "batch_size": 8, "device": "cpu", **changes}
    return Settings(model=str(encoder), **made)  # type: ignore[arg-type]


def test_threshold_at_a_recall_counts_ties_as_one() -> None:
    scores = [0.9, 0.8, 0.8, 0.7, 0.2]
    valid = [True, True, False, True, False]
    assert critic.at_recall(scores, valid, 0.3) == (0.9, 1.0)
    assert critic.at_recall(scores, valid, 0.5) == (0.8, 2 / 3)
    assert critic.at_recall(scores, valid, 1.0) == (0.7, 3 / 4)
    kept = critic.kept_at(scores, valid, 0.75)
    assert (kept.kept, kept.precision, kept.recall) == (3 / 5, 2 / 3, 2 / 3)


def test_auc_and_calibration_by_hand() -> None:
    assert critic.auc([0.1, 0.4, 0.4, 0.9], [False, True, False, True]) == 0.875
    assert critic.auc([0.5, 0.5], [True, False]) == 0.5
    assert critic.bins([0.05, 0.95, 1.0], [False, True, True]) == ((0.05, 0.0, 1), (0.975, 1.0, 2))
    made = critic.quality([0.25, 0.25, 0.25, 0.25], [True, False, False, False])
    assert made.error == 0.0
    assert made.valid == 0.25


def test_groups_are_never_split() -> None:
    parts = critic.split(labelled(400, 0), 0, (0.5, 0.4, 0.1))
    groups = [{one.group for one in part} for part in parts]
    assert sum(len(part) for part in parts) == 400
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert len(groups[0]) > len(groups[2])


def test_a_critic_learns_is_calibrated_and_is_read_back(encoder: Path, tmp_path: Path) -> None:
    sets = [labelled(120, 1), labelled(60, 2), labelled(60, 3)]
    told: list[int] = []
    report = critic.train(
        settings(encoder), *sets, tmp_path / "c", (0.8, 0.5), lambda done, _: told.append(done)
    )
    assert report.test.auc > 0.99
    assert report.test.precision["0.8"] == 1.0
    assert report.at["0.5"].precision == 1.0
    assert report.at["0.5"].recall >= 0.4
    assert report.test.error < 0.1
    assert told == sorted(told)
    judge = Critic(tmp_path / "c", "cpu")
    shown = [Pair("PersonX buys a lamp", f"the tent is {x}") for x in ("right", "wrong")]
    good, bad = judge.score(shown)
    assert good >= judge.threshold(0.8) > bad
    with pytest.raises(InputError, match=r"recall 0\.8, 0\.5"):
        judge.threshold(0.7)
    root = ElementTree.fromstring((tmp_path / "c" / "precision-recall.svg").read_text("utf-8"))
    assert root.tag.endswith("svg")
    again = critic.train(settings(encoder), *sets, tmp_path / "c", (0.8, 0.5))
    assert again == report
    with pytest.raises(TrainingError, match="other labels or settings"):
        critic.train(settings(encoder), sets[0][:-1], *sets[1:], tmp_path / "c", (0.8, 0.5))


def test_a_critic_keeps_the_lowest_layers_and_the_word_vectors(
    encoder: Path, tmp_path: Path
) -> None:
    sets = [labelled(120, 1), labelled(60, 2), labelled(60, 3)]
    report = critic.train(settings(encoder, layers=1), *sets, tmp_path / "c")
    assert report.test.auc > 0.99
    before, after = (
        load_file(folder / "model.safetensors") for folder in (encoder, tmp_path / "c")
    )
    words = "embeddings.word_embeddings.weight"
    assert torch.equal(before[words], after[words])
    query = "encoder.layer.{}.attention.self.query.weight"
    assert not torch.equal(before[query.format(0)], after[query.format(0)])
    assert query.format(1) in before and query.format(1) not in after
    with pytest.raises(ModelError, match="has 2 layers, not 3"):
        critic.train(settings(encoder, layers=3), *sets, tmp_path / "d")


def test_a_score_does_not_depend_on_what_is_read_beside_it(encoder: Path, tmp_path: Path) -> None:
    sets = [labelled(120, 1), labelled(60, 2), labelled(60, 3)]
    critic.train(settings(encoder, epochs=1), *sets, tmp_path / "c")
    judge = Critic(tmp_path / "c", "cpu")
    shown = [
        Pair("PersonX buys a lamp", "the drill is right"),
        Pair("PersonX buys a new lamp online for the flat", "wrong"),
    ]
    alone = [judge.score([pair])[0] for pair in shown]
    assert judge.score(shown) == pytest.approx(alone, abs=1e-5)
    turned = Pair(shown[0].claim, shown[0].context)
    assert judge.score([turned])[0] != pytest.approx(alone[0], abs=1e-5)


def test_labels_of_one_kind_and_missing_critics_are_told(encoder: Path, tmp_path: Path) -> None:
    only = [one for one in labelled(40, 1) if one.valid]
    with pytest.raises(TrainingError, match=r"validation set \(\d+ labels\) needs valid and inv"):
        critic.train(settings(encoder), labelled(40, 1), only, labelled(40, 2), tmp_path / "c")
    with pytest.raises(ModelError, match="so it is no critic"):
        Critic(tmp_path)


@pytest.mark.parametrize(
    ("claim", "form"),
    [
        ("so 3 * 4 = 12\nA: 12", "2 digits"),
        ("A: -7", "negative"),
        ("A: 1,500", "round 4 digits"),
        ("that costs $2.50", "decimal"),
        ("A: 18.", "2 digits"),
        ("I do not know", "none"),
    ],
)
def test_form_of_an_answer(claim: str, form: str) -> None:
    assert pairs.form(claim) == form


def test_baselines_know_only_the_training_half() -> None:
    known = [Labelled(Pair("q", "x" * n), n > 50, f"g{n}") for n in range(1, 101)]
    test = [Labelled(Pair("q", "y" * n), True, "t") for n in (5, 95)]
    assert pairs.by_length(known, test) == [0.0, 1.0]
    formed = [Labelled(Pair("q", c), v, "g") for c, v in (("A: -3", False), ("A: 12", True))]
    assert pairs.by_form(formed, [Labelled(Pair("q", "A: 4.5"), True, "t")]) == [0.5]


def test_rows_that_are_no_pairs_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "q", "solution": "s", "is_correct": 1}\n{"question": "q"}\n')
    with pytest.raises(InputError, match=r"rows.jsonl:2: the row needs 'solution' as text"):
        pairs.read(path, pairs.Fields())


@pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
def test_real_solutions_are_read_and_measured(encoder: Path, tmp_path: Path) -> None:
    labels = pairs.read(Path(DATA or "") / "critic/gsm8k_labelled_solutions.jsonl", pairs.Fields())
    assert len(labels) == 2400
    chosen = [one for one in labels if hash_share(one.group) < 0.15]
    made = pairs.measure(chosen, settings(encoder, epochs=1, batch_size=32), tmp_path / "c")
    assert made.training + made.validation + made.test == len(chosen)
    rows = {row.name: row for row in made.rows}
    assert set(rows) == {"critic", "length", "answer form"}
    for row in rows.values():
        assert row.interval[0] <= row.quality.auc <= row.interval[1]
        assert row.quality.precision["0.8"] <= 1
    assert rows["length"].quality.auc > 0.5


def hash_share(text: str) -> float:
    import hashlib

    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def test_platt_scaling_keeps_a_perfect_separation_finite() -> None:
    slope, shift = critic._calibrated([-3.0, -1.0, 1.0, 3.0], [False, False, True, True])
    assert 0 < slope < 100
    assert math.isfinite(shift)
