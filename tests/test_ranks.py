"""Two processes on one training: the same loss, weights and records as one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import small
import torch
from test_distill import project
from test_train import SETTINGS, examples, weights

from nesy import rows, train, zero
from nesy.errors import TrainingError

HERE = Path(__file__).parent
# Long and short examples, of which some steps have too few for all processes.
LAUNCHED = replace(SETTINGS, epochs=3, batch_size=5, batch_tokens=64, embeddings=False)
DEEPSPEED = find_spec("deepspeed") is not None and shutil.which("g++") is not None
HOW = {
    "sum": {},
    "shards": {"ACCELERATE_USE_FSDP": "true"},
    **{
        f"zero-{stage}": {
            "ACCELERATE_USE_DEEPSPEED": "true",
            "ACCELERATE_DEEPSPEED_ZERO_STAGE": stage,
            "DS_ACCELERATOR": "cpu",
        }
        for stage in "123"
    },
}
# Each is ended after four steps and started again, so that what a checkpoint holds is tested too.
TRAINING = """
import json, os, sys
base, out, *paths, wanted = sys.argv[1:]
sys.path[:0] = paths
from pathlib import Path
import test_ranks
from nesy import ranks, train

class Ended(Exception): ...

def checkpoint(run, losses):
    whole(run, losses)
    if len(losses) == 4:
        raise Ended

whole = train._Run._checkpoint
settings = test_ranks.replace(test_ranks.LAUNCHED, checkpoint_seconds=0.0)
with ranks.joined() as first:
    for how in json.loads(wanted):
        os.environ |= test_ranks.HOW[how]
        for train._Run._checkpoint in checkpoint, whole:
            try:
                if first:
                    train.train(base, test_ranks.examples(), settings, Path(out) / how)
                    ranks.told(None)
                else:
                    train.follow()
            except Ended:
                continue
            assert train._Run._checkpoint is whole
        for name in test_ranks.HOW[how]:
            del os.environ[name]
    if not first:
        train.follow()
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small.save(tmp_path_factory.mktemp("base") / "lfm2", "lfm2"))


@pytest.fixture(scope="module")
def launched(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the training of each way that is tried here, and ``alone``, of one process."""
    out = tmp_path_factory.mktemp("launched")
    train.train(base, examples(), LAUNCHED, out / "alone")
    script = out / "training.py"
    script.write_text(TRAINING, "utf-8")
    hows = [how for how in HOW if DEEPSPEED or not how.startswith("zero")]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [
            *(*torchrun, "--nproc-per-node", "2", str(script), base, str(out)),
            *(str(HERE), str(HERE.parent), json.dumps(hows)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"},
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("how", HOW)
def test_two_processes_train_as_one(launched: Path, how: str) -> None:
    if how.startswith("zero") and not DEEPSPEED:
        pytest.skip('deepspeed (pip install "nesy[deepspeed]") or the g++ that it needs is missing')
    one, two = (
        json.loads((launched / name / train.REPORT).read_text("utf-8")) for name in ("alone", how)
    )
    for same in ("steps", "tokens", "trainable_parameters"):
        assert one[same] == two[same]
    curves = [
        [json.loads(line) for line in (launched / name / train.CURVE).read_text().splitlines()]
        for name in ("alone", how)
    ]
    assert [line["loss"] for line in curves[1]] == pytest.approx(
        [line["loss"] for line in curves[0]], abs=1e-3
    )
    found, expected = weights(launched / how), weights(launched / "alone")
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-3) for name in expected)


def test_deepspeed_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.setattr(zero, "find_spec", lambda _: None)
    with pytest.raises(TrainingError, match=r'pip install "nesy\[deepspeed\]"'):
        zero.stage()
    monkeypatch.setattr(zero, "find_spec", lambda _: "there")
    config = tmp_path / "config.json"
    config.write_text('{"zero_optimization": {"stage": 3}, "train_batch_size": "auto"}', "utf-8")
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_CONFIG_FILE", str(config))
    assert zero.stage() == 3
    config.write_text("{}", "utf-8")
    with pytest.raises(TrainingError, match="ZeRO optimization config"):
        zero.stage()


def test_examples_are_dealt_out_evenly() -> None:
    lengths = [5 + (i * 7) % 40 for i in range(50)]
    shares = rows.dealt([list(range(30)), list(range(30, 50))], lengths, 100, 3)
    dealt = [i for share in shares for one_pass in share for i in one_pass]
    assert sorted(dealt) == list(range(50))
    sizes = [sum(lengths[i] for one_pass in share for i in one_pass) for share in shares]
    assert max(sizes) - min(sizes) <= 40
    assert all(
        max(lengths[i] for i in one_pass) * len(one_pass) <= 100
        for share in shares
        for one_pass in share
    )
    assert rows.dealt([[0]], lengths, 100, 2) == [[[0]], []]


def test_a_distillation_in_two_processes(tmp_path: Path) -> None:
    student = small.save(tmp_path / "student", "llama", context=1024)
    made = project(tmp_path / "project", student)
    sets = ("train.held_out=4", "train.evaluations=2", "knowledge.special=null", "views.DC=1")
    words = (*(word for one in sets for word in ("--set", one)), "-q")
    made.nesy(*made.distilling("runs/one", *words, limit=12))
    pack = (made.folder / "kb/distilled.yaml").read_text("utf-8")
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--cpu"]
    done = subprocess.run(
        [
            *(*launcher, "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"),
            *("--dynamo_backend", "no", "--main_process_port", "0", "-m", "nesy"),
            *made.distilling("runs/two", *words, limit=12),
        ],
        cwd=made.folder,
        env=made.env,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("knowledge base") == 1  # one process prints
    for name in ("rationales.jsonl", "mining.jsonl", "knowledge.jsonl", "augmented.jsonl"):
        assert made.rows("runs/one", name) == made.rows("runs/two", name)
    assert (made.folder / "kb/distilled.yaml").read_text("utf-8") == pack
    for stage in ("stage1", "adapter"):
        one, two = (
            json.loads((made.folder / "runs" / run / stage / train.REPORT).read_text("utf-8"))
            for run in ("one", "two")
        )
        assert two["last_loss"] == pytest.approx(one["last_loss"], abs=1e-3)
        assert one["accuracy"] == two["accuracy"]
        assert len(made.rows("runs/one", f"{stage}/{train.HELD_OUT}")) == 2
    kept = [row for row in made.rows("runs/one", "rationales.jsonl") if row["kept"]]
    trained = {row["question"] for row in made.rows("runs/one", "augmented.jsonl")}
    assert len({row["question"] for row in kept} - trained) == 4 and len(trained) == 8
