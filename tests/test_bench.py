"""``scripts/bench``: its list, and the side of ``bench eval`` that runs here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = os.environ.get("NESY_DATA")


def module(name: str) -> ModuleType:
    path = ROOT / "scripts/benches" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_every_file_is_a_command() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/bench"], capture_output=True, text=True, check=True
    )
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"eval", "leaks"} <= listed
    assert listed == {p.stem for p in (ROOT / "scripts/benches").glob("[a-z]*.py")}
    unknown = subprocess.run([sys.executable, ROOT / "scripts/bench", "x"], capture_output=True)
    assert unknown.returncode == 2


@pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
def test_the_harness_gets_the_prompts_that_were_answered(tmp_path: Path) -> None:
    bench = module("eval")
    bench.SHOTS = {"bbh": 3}
    asked = bench._arguments(["--items", "4", "--max-tokens", "6", "--work", str(tmp_path)])
    env = {
        **os.environ,
        "NESY_HOME": str(tmp_path / "home"),
        "NESY_STAGE": str(tmp_path / "stage.json"),
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    seconds, texts = bench._nesy(asked, env)
    rows = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    assert min(seconds) > 0
    assert {row["id"] for row in rows} == set(texts)
    assert len(rows) == 2
    for row in rows:
        assert row["text"].count("So the answer is") == 3
        assert row["stop"]
