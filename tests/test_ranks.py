"""Two processes on one training: the same loss, weights and records as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch
from test_distill import project
from test_train import SETTINGS, examples, weights

from nesy import rows, train

HERE = Path(__file__).parent
# Long and short examples, of which some steps have too few for all processes.
LAUNCHED = replace(SETTINGS, epochs=3, batch_size=5, batch_tokens=64, embeddings=False)
TRAINING = """
import sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
import test_ranks
from nesy import ranks, train
def kill(progress):
    if progress.step == int(sys.argv[5]):
        raise SystemExit(9)
with ranks.joined() as first:
    if first:
        settings = test_ranks.replace(test_ranks.LAUNCHED, checkpoint_seconds=0.0)
        train.train(sys.argv[1], test_ranks.examples(), settings, Path(sys.argv[2]), kill)
    else:
        train.follow()
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small.save(tmp_path_factory.mktemp("base") / "lfm2", "lfm2"))


def launch(script: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(script), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1", **env},
        timeout=300,
    )


@pytest.mark.parametrize("how", ["sum", "shards"])
def test_two_processes_train_as_one(base: str, tmp_path: Path, how: str) -> None:
    alone = train.train(base, examples(), LAUNCHED, tmp_path / "one")
    script = tmp_path / "training.py"
    script.write_text(TRAINING, "utf-8")
    words = (base, str(tmp_path / "two"), str(HERE), str(HERE.parent))
    fsdp = {"ACCELERATE_USE_FSDP": "true"} if how == "shards" else {}
    # Ended in the middle, so that what a checkpoint holds is tested as well.
    assert launch(script, *words, "4", **fsdp).returncode != 0
    assert (tmp_path / "two/checkpoint.safetensors").is_file()
    done = launch(script, *words, "0", **fsdp)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "two" / train.REPORT).read_text("utf-8"))
    assert report["steps"] == alone.steps
    assert report["tokens"] == alone.tokens
    curves = [
        [json.loads(line) for line in (tmp_path / name / train.CURVE).read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert [line["loss"] for line in curves[1]] == pytest.approx(
        [line["loss"] for line in curves[0]], abs=1e-3
    )
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=1e-3) for name in one)


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
    words = ("--set", "train.held_out=4", "--set", "train.evaluations=2", "-q")
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
