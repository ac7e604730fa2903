"""The embedded student, its pretraining script and the text it was pretrained on."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from nesy import facts, models, prompts
from nesy.benchmarks import synth
from nesy.pretrained import TINY
from nesy.types import Sampling

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "pretrain_tiny"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("pretrain_tiny", str(SCRIPT))
    spec = importlib.util.spec_from_loader("pretrain_tiny", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_weights_are_small_safetensors_of_a_standard_architecture() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    sizes = {path.name: path.stat().st_size for path in TINY.iterdir()}
    assert sum(sizes.values()) <= 16 * 2**20
    assert not [name for name in sizes if name.endswith((".bin", ".pt", ".pkl", ".py"))]
    model = AutoModelForCausalLM.from_pretrained(TINY)
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    assert type(model).__module__.startswith("transformers.")
    assert len(tokenizer) == model.config.vocab_size
    text = "Question: A firkin of beer is 19 gallons (4 * 9 = <<4*9=36>>36).\n( [ { < > } ] )"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_it_reads_knowledge_that_it_has_never_seen() -> None:
    lm = models.load("tiny", calculator="plain")
    prompt = prompts.load("student")
    asked, wanted = [], []
    for value in range(3, 23):
        entry = {"lesson": None, "facts": [f"A zorbel is {value} crates."]}
        question = (
            f"Ada has 4 zorbels and {value + 7} crates more. How many crates are there in all?"
        )
        asked.append(prompt.render(question=question, entries=[entry]))
        wanted.append(str(value))
    written = lm.generate(asked, Sampling(max_tokens=80))
    read = [
        re.search(rf"\b{value}\b", done.text) is not None
        for value, done in zip(wanted, written, strict=True)
    ]
    assert sum(read) >= 16


def test_model_card_says_what_was_held_out(script: ModuleType) -> None:
    card = (TINY / "README.md").read_text("utf-8")
    held_out = set(synth.families()) - set(script.TAUGHT)
    for name in held_out:
        assert f"`{name}`" in card
    log = json.loads((TINY / "pretraining.json").read_text("utf-8"))
    assert f"{log['tokens']:,}" in card
    assert log["curve"][-1]["target_loss"] < log["curve"][5]["target_loss"]


def test_drills_compute_truly_and_say_what_they_answer(script: ModuleType) -> None:
    drills = script.drills
    steps = re.compile(r"(-?\d+) ([-+*/]) (-?\d+) = (?:<<[^>]*>>)?(-?\d+)")
    for kind in drills.DRILLS:
        for seed in range(40):
            drill = kind(Random(seed))
            for left, op, right, result in steps.findall(drill.steps):
                assert drills.calc(int(left), op, int(right))[0] == int(result), drill
            options = re.findall(r"^\([A-Z]\) (.*)$", drill.question, re.MULTILINE)
            assert len(options) == len(set(options)), drill
            if drill.answer.startswith("("):
                assert drill.steps.endswith(f" {drill.answer}."), drill


def test_pretraining_text_holds_no_fact_and_no_test_question(script: ModuleType) -> None:
    rng = Random(3)
    text = "\n".join("".join(script.worked(rng)) for _ in range(1500)).lower()
    for name in facts.tables():
        for fact in facts.table(name):
            assert fact.statement.lower() not in text
    for family in synth.families().values():
        for index in range(20):
            question = synth.item(family, "test", index).text.lower()
            assert f"question: {question}\nanswer" not in text


def test_pretraining_runs_and_resumes(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(TINY / name, work / name)
    for tokens in ("10000", "20000"):
        command = [sys.executable, str(SCRIPT), "--out", out, "--work", work, "--tokens", tokens]
        subprocess.run([*command, "--threads", "1"], check=True, capture_output=True)  # type: ignore[list-item]
    steps = [json.loads(line)["step"] for line in (work / "loss.jsonl").read_text().splitlines()]
    assert steps == [4, 7]
    assert models.load(str(out)).generate(
        [prompts.load("student").render(question="1 + 1", entries=[])], Sampling(max_tokens=4)
    )
