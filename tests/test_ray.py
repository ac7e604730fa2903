"""A model spread over a Ray cluster: the same answers in the same order, also where one dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import small

from nesy import models
from nesy.errors import ModelError
from nesy.models import ray as spread
from nesy.models.hf import HFModel
from nesy.types import Message, Messages, Sampling

ROOT = Path(__file__).resolve().parent.parent
SAMPLING = Sampling(max_tokens=12)
# Two nodes, as two machines would be. In a process of its own, for Ray asks where it is.
CLUSTER = """
import json, os, signal, sys
sys.path[:0] = sys.argv[2:]
import psutil
from ray.cluster_utils import Cluster
import test_ray
from nesy import models

def workers():
    found = psutil.Process().children(recursive=True)
    return [p for p in found if p.name().startswith("ray::_Holder")]

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
lm = models.load(sys.argv[1], ray=cluster.address, device="cpu")
found, killed = [], 0
for index, completion in lm.stream(test_ray.prompts(), test_ray.SAMPLING):
    found.append((index, completion.text))
    if not killed:
        actors = workers()
        actors[0].kill()
        killed = len(actors)
again = [c.text for c in lm.generate(test_ray.prompts(), test_ray.SAMPLING)]
told = {"found": found, "again": again, "actors": killed, "about": [lm.name, lm.fingerprint]}
print(json.dumps(told))
"""


def prompts() -> list[Messages]:
    return [(Message("user", f"Which animal is number {n}?"),) for n in range(200)]


@pytest.mark.skipif(
    find_spec("ray") is None, reason='ray is not installed: pip install "nesy[ray]"'
)
def test_a_killed_actor_costs_a_retry_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = str(small.save(tmp_path / "llama", "llama"))
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER, "utf-8")
    done = subprocess.run(
        [sys.executable, str(script), base, str(ROOT / "tests"), str(ROOT)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        },
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    here = HFModel(base, device="cpu")
    expected = [c.text for c in here.generate(prompts(), SAMPLING)]
    assert told["actors"] == 2
    assert "an actor died" in done.stderr
    found = dict(told["found"])
    assert len(told["found"]) == len(expected)
    assert [found[n] for n in range(len(expected))] == expected
    assert told["again"] == expected
    assert told["about"] == [here.name, here.fingerprint]


def test_what_can_not_be_spread_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="only local weights can"):
        models.load("solver", ray="auto")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModelError, match=r'pip install "nesy\[ray\]"'):
        spread.RayModel("tiny", "auto", {})
