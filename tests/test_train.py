"""LoRA training: what is learned, what is refused, what survives a kill."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
import small
import torch

from nesy import pretrained, rows, train, views
from nesy.errors import ModelError, TrainingError
from nesy.models.hf import HFModel
from nesy.recipe import View
from nesy.rows import Batching
from nesy.types import Example, Message, Sampling

ANIMALS = ["cat", "dog", "owl", "bee", "cow", "hen", "fox", "ant"]
SETTINGS = train.Settings(
    rank=8,
    alpha=16.0,
    embeddings=True,
    lr=2e-2,
    epochs=40,
    batch_size=8,
    batch_tokens=256,
    dtype="float32",
)


def examples() -> list[Example]:
    lessons = [
        views.Lesson(f"q/{i}", f"Which animal is {name}?", f"{name} it is.", name)
        for i, name in enumerate(ANIMALS)
    ]
    made = views.examples(lessons, {"long": View(), "short": View(prompts=("student-answer",))})
    return [replace(one, weight=0.5) if one.view == "short" else one for one in made]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small.save(tmp_path_factory.mktemp("base") / "llama", "llama"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = load_file(folder / "adapter_model.safetensors")
    return found


@pytest.mark.parametrize("architecture", small.ARCHITECTURES)
@pytest.mark.parametrize("tie", [True, False])
def test_training_teaches_and_the_adapter_loads_anywhere(
    tmp_path: Path, architecture: str, tie: bool
) -> None:
    from peft import AutoPeftModelForCausalLM

    where = str(small.save(tmp_path / "base", architecture, tie=tie))
    seen: list[train.Progress] = []
    report = train.train(where, examples(), SETTINGS, tmp_path / "adapter", seen.append)
    assert report.steps == len(seen) == 80
    assert report.last_loss < 0.1 * report.first_loss
    assert report.tokens == seen[-1].tokens == 40 * report.preflight.tokens
    student = HFModel(where, adapter=tmp_path / "adapter")
    said = student.generate([e.messages for e in examples()], Sampling(max_tokens=40))
    right = [c.text == e.target for c, e in zip(said, examples(), strict=True)]
    assert sum(right) >= 0.75 * len(right)
    with pretrained.adapting():
        loaded = AutoPeftModelForCausalLM.from_pretrained(str(tmp_path / "adapter"))
    ids = torch.tensor([[9, 17, 30, 41]])
    with torch.no_grad():
        torch.testing.assert_close(
            loaded(ids).logits, student.model(ids).logits, rtol=1e-3, atol=1e-3
        )


def test_loss_is_on_target_tokens_only_and_by_weight(base: str, tmp_path: Path) -> None:
    def first_loss(made: list[Example], name: str) -> float:
        once = replace(SETTINGS, epochs=0.01, batch_size=64, batch_tokens=10_000)
        return train.train(base, made, once, tmp_path / name).first_loss

    one, two = examples()[0], examples()[2]
    first, second = first_loss([one], "one"), first_loss([two], "two")
    n = {e.question: len(small.tokenizer().encode(e.target)) + 1 for e in (one, two)}
    mixed = first_loss([replace(one, weight=3.0), two], "mixed")
    a, b = 3 * n[one.question], n[two.question]
    assert mixed == pytest.approx((a * first + b * second) / (a + b), rel=1e-4)
    silent = first_loss([one, replace(two, weight=0.0)], "silent")
    assert silent == pytest.approx(first, rel=1e-5)


def test_what_shall_not_be_written_becomes_less_likely(base: str, tmp_path: Path) -> None:

    right = examples()[0]
    learned = replace(examples()[2], messages=right.messages)  # what the student writes wrongly
    first = tmp_path / "first"
    train.train(base, [learned], replace(SETTINGS, epochs=30), first)
    before = HFModel(base, adapter=first)
    (tokens,) = rows.tokenize(before.tokenizer, [learned])
    ids = torch.tensor([tokens.prompt + tokens.target])
    chances = before.model(input_ids=ids).logits[0, len(tokens.prompt) - 1 : -1].softmax(-1)
    p = chances[range(len(tokens.target)), tokens.target]
    assert p.min() > 0.5
    settings = replace(SETTINGS, epochs=10)
    wrong = replace(learned, weight=-0.5)
    report = train.train(base, [wrong], settings, tmp_path / "second", None, first)
    assert report.first_loss == pytest.approx(float(-torch.log1p(-p).mean()), rel=1e-2)
    after = HFModel(base, adapter=tmp_path / "second")
    was, now = (m.logprobs([wrong.messages], [wrong.target])[0] for m in (before, after))
    assert now < was - 5


def test_unlikelihood_starts_where_the_wrong_target_leaves_the_right_one(base: str) -> None:
    tokenizer = HFModel(base).tokenizer
    right = examples()[0]
    wrong = replace(right, target=right.target.replace(" it is", " it was"), weight=-1.0)
    tokens = rows.tokenize(tokenizer, [wrong, right])
    made = rows.Rows.cut(tokens, [wrong, right], 99)
    shared = tokenizer.decode(made.ids[0][len(tokens[0].prompt) : made.starts[0]])
    assert shared.startswith(" cat it")
    assert made.starts[1] == len(tokens[1].prompt)
    same = replace(right, weight=-1.0)  # nothing is wrong about it
    assert len(rows.Rows.cut(rows.tokenize(tokenizer, [same, right]), [same, right], 99).ids) == 1


def test_first_loss_is_the_models_own_cross_entropy(base: str, tmp_path: Path) -> None:
    example = examples()[0]
    once = replace(SETTINGS, epochs=0.01, embeddings=False)
    loss = train.train(base, [example], once, tmp_path / "a").first_loss
    model = HFModel(base)
    (tokens,) = rows.tokenize(model.tokenizer, [example])
    ids = torch.tensor([tokens.prompt + tokens.target])
    labels = ids.clone()
    labels[0, : len(tokens.prompt)] = -100
    with torch.no_grad():
        expected = float(model.model(ids, labels=labels).loss)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_passes_do_not_change_a_step(base: str, tmp_path: Path) -> None:
    reports = []
    for tokens in (64, 10_000):
        settings = replace(SETTINGS, epochs=1, batch_size=16, batch_tokens=tokens)
        reports.append(train.train(base, examples(), settings, tmp_path / str(tokens)))
    assert reports[0].first_loss == pytest.approx(reports[1].first_loss, rel=1e-4)
    assert reports[0].steps == reports[1].steps == 1


@pytest.mark.parametrize(
    "change", [{"batch_size": None, "accumulate": 2}, {"gradient_checkpointing": True}]
)
def test_other_ways_to_batch(base: str, tmp_path: Path, change: dict[str, object]) -> None:
    settings = replace(SETTINGS, epochs=6, **change)  # type: ignore[arg-type]
    report = train.train(base, examples(), settings, tmp_path / "a")
    assert report.last_loss < 0.5 * report.first_loss


def test_beta2_says_how_long_large_gradients_are_remembered(base: str, tmp_path: Path) -> None:
    usual, shorter = (
        train.train(base, examples(), replace(SETTINGS, beta2=beta2), tmp_path / str(beta2))
        for beta2 in (0.999, 0.5)
    )
    assert usual.last_loss != shorter.last_loss
    assert usual.key != shorter.key


def test_half_precision_stays_close_to_float32(base: str, tmp_path: Path) -> None:
    found = {}
    for dtype in ("float32", "bfloat16", "float16"):
        settings = replace(SETTINGS, epochs=4, dtype=dtype)
        found[dtype] = train.train(base, examples(), settings, tmp_path / dtype)
        trained = weights(tmp_path / dtype)
        assert all(w.dtype == torch.float32 for w in trained.values())
    for dtype in ("bfloat16", "float16"):
        assert found[dtype].dtype == dtype
        assert found[dtype].last_loss == pytest.approx(found["float32"].last_loss, rel=0.25)


def test_the_adapter_with_the_highest_accuracy_is_kept(base: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=10, evaluations=10, patience=3, checkpoint_seconds=0.0)
    told = iter([0.2, 0.6, 0.1, 0.6, 0.5, 1.0])
    judged: list[dict[str, torch.Tensor]] = []

    def judge(adapter: Path) -> float:
        judged.append(weights(adapter))
        return next(told)

    def kill(progress: train.Progress) -> None:
        if progress.step == 7:
            raise Killed

    with pytest.raises(Killed):
        train.train(base, examples(), settings, tmp_path / "a", kill, judge=judge)
    report = train.train(base, examples(), settings, tmp_path / "a", judge=judge)
    # Steps 2, 4, 6, 8 and 10 are judged: three in a row are no better than the second.
    assert (report.steps, report.best_step, report.accuracy) == (10, 4, 0.6)
    assert len(judged) == 5
    kept = weights(tmp_path / "a")
    assert all(torch.equal(kept[name], judged[1][name]) for name in kept)
    assert not all(torch.equal(kept[name], judged[4][name]) for name in kept)
    curve = (tmp_path / "a" / train.HELD_OUT).read_text().splitlines()
    assert [json.loads(line)["accuracy"] for line in curve] == [0.2, 0.6, 0.1, 0.6, 0.5]
    left = {path.name for path in (tmp_path / "a").iterdir()}
    assert left.isdisjoint({"judged", "best.safetensors", "checkpoint.safetensors"})


def test_four_bits_need_bitsandbytes(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install bitsandbytes"):
        train.train(base, examples(), replace(SETTINGS, quantization="4bit"), tmp_path / "a")


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_a_student_in_four_bits_learns(base: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, embeddings=False, epochs=20, quantization="4bit")
    report = train.train(base, examples(), settings, tmp_path / "a")
    assert report.last_loss < 0.5 * report.first_loss
    said = HFModel(base, adapter=tmp_path / "a").generate(
        [examples()[0].messages], Sampling(max_tokens=4)
    )
    assert said[0].text


@pytest.mark.parametrize("architecture", small.ARCHITECTURES)
def test_examples_of_a_pass_do_not_see_each_other(tmp_path: Path, architecture: str) -> None:
    where = str(small.save(tmp_path / "base", architecture))
    once = replace(SETTINGS, epochs=0.01, embeddings=False, batch_size=64, batch_tokens=10_000)
    together = train.train(where, examples(), once, tmp_path / "together")
    tokens = [len(small.tokenizer().encode(e.target)) + 1 for e in examples()]
    alone = [
        train.train(where, [e], once, tmp_path / f"alone{n}").first_loss
        for n, e in enumerate(examples())
    ]
    mean = sum(loss * n * e.weight for loss, n, e in zip(alone, tokens, examples(), strict=True))
    mean /= sum(n * e.weight for n, e in zip(tokens, examples(), strict=True))
    assert together.first_loss == pytest.approx(mean, rel=1e-4)


def test_few_shapes_occur_in_a_training(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaForCausalLM

    read, written = set(), set()
    original = LlamaForCausalLM.forward

    def noted(self: Any, *args: Any, **more: Any) -> Any:
        made = original(self, *args, **more)
        read.add(more["input_ids"].shape[1])
        written.add(made.logits.shape[0])
        return made

    lengths = range(1, 24)
    some = [replace(examples()[0], target="it is " * n) for n in lengths]
    monkeypatch.setattr(LlamaForCausalLM, "forward", noted)
    once = replace(SETTINGS, epochs=1, batch_size=1)
    train.train(base, some, once, tmp_path / "a")
    (longest,) = {max(read)}
    assert len(read) <= 1 + longest // 16
    assert all(width % 16 == 0 or width == longest for width in read)
    assert all(count % 64 == 0 for count in written)


def test_less_than_a_tenth_is_pad_where_examples_are_grouped_by_length() -> None:
    random = Random(0)
    lengths = [random.randint(40, 400) for _ in range(2000)]
    batching = Batching(epochs=1, batch_size=None, batch_tokens=4096, accumulate=1, seed=0)
    passes = [one_pass for step in rows.plan(lengths, batching) for one_pass in step]
    computed = sum(max(lengths[i] for i in one) * len(one) for one in passes)
    assert sum(lengths) / computed > 0.9


class Killed(Exception):
    """Stands for a kill: the training has no chance to tidy up."""


def test_a_killed_training_goes_on_as_if_it_had_not_been(base: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=5, dropout=0.1)
    often = replace(settings, checkpoint_seconds=0.0)
    whole = train.train(base, examples(), settings, tmp_path / "whole")

    def kill(progress: train.Progress) -> None:
        if progress.step == 6:
            raise Killed

    with pytest.raises(Killed):
        train.train(base, examples(), often, tmp_path / "cut", kill)
    with (tmp_path / "cut" / train.CURVE).open("a") as curve:
        curve.write('{"step": 7, "lo')  # as a kill may leave it
    steps: list[int] = []
    resumed = train.train(base, examples(), often, tmp_path / "cut", lambda p: steps.append(p.step))
    assert steps == [7, 8, 9, 10]
    assert (resumed.first_loss, resumed.last_loss) == (whole.first_loss, whole.last_loss)
    assert resumed.tokens == whole.tokens
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    curves = [
        [json.loads(line) for line in (tmp_path / name / train.CURVE).read_text().splitlines()]
        for name in ("whole", "cut")
    ]
    assert curves[0] == curves[1]
    assert [line["step"] for line in curves[0]] == list(range(1, 11))
    assert not (tmp_path / "cut" / "checkpoint.safetensors").exists()


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
import test_train
from nesy import train
def kill(progress):
    if progress.step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
settings = test_train.replace(test_train.SETTINGS, epochs=3, checkpoint_seconds=0.0)
train.train(sys.argv[1], test_train.examples(), settings, Path(sys.argv[2]), kill)
"""


def test_kill_9(base: str, tmp_path: Path) -> None:
    here = Path(__file__).parent
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, base, str(tmp_path / "a"), str(here), str(here.parent)],
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    steps: list[int] = []
    settings = replace(SETTINGS, epochs=3)
    train.train(base, examples(), settings, tmp_path / "a", lambda p: steps.append(p.step))
    train.train(base, examples(), settings, tmp_path / "b")
    assert steps == [5, 6]
    found, expected = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_finished_training_is_not_done_again(base: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    first = train.train(base, examples(), settings, tmp_path / "a")

    def never(progress: train.Progress) -> None:
        raise AssertionError(progress)

    assert train.train(base, examples(), settings, tmp_path / "a", never) == first
    other = replace(settings, seed=1)
    with pytest.raises(TrainingError, match="other examples or settings"):
        train.train(base, examples(), other, tmp_path / "a")


def test_a_checkpoint_of_another_training_is_refused(base: str, tmp_path: Path) -> None:
    def kill(progress: train.Progress) -> None:
        raise Killed

    often = replace(SETTINGS, checkpoint_seconds=0.0)
    with pytest.raises(Killed):
        train.train(base, examples(), often, tmp_path / "a", kill)
    with pytest.raises(TrainingError, match="other examples or settings"):
        train.train(base, examples()[:-1], often, tmp_path / "a")


def test_training_goes_on_from_an_adapter(base: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=10)
    first = train.train(base, examples(), settings, tmp_path / "a")
    second = train.train(base, examples(), settings, tmp_path / "b", init_adapter=tmp_path / "a")
    assert second.first_loss < 0.5 * first.first_loss
    with pytest.raises(ModelError, match="nowhere"):
        train.train(base, examples(), settings, tmp_path / "c", init_adapter=tmp_path / "nowhere")


def test_preflight_counts_and_shows(base: str) -> None:
    checked = train.preflight(base, examples(), SETTINGS)
    assert checked.examples == 16
    assert checked.truncated == checked.untrained == 0
    assert checked.shown == (
        "Question: Which animal is cat?\nAnswer:⟦ cat it is. So the answer is cat.<|end|>⟧"
    )
    words = small.tokenizer()
    ends = [len(words.encode(e.target)) + 1 for e in examples()]
    starts = [len(words.encode(e.messages[0].content)) for e in examples()]
    assert checked.target_tokens == sum(ends)
    assert checked.tokens == sum(ends) + sum(starts)
    short = train.preflight(base, examples(), replace(SETTINGS, max_length=max(starts)))
    assert 0 < short.untrained < short.truncated <= 1
    assert short.target_tokens < checked.target_tokens


def test_training_on_nothing_is_refused(base: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no examples"):
        train.train(base, [], SETTINGS, tmp_path / "a")
    with pytest.raises(TrainingError, match="none of the 16 examples has a token"):
        train.train(base, examples(), replace(SETTINGS, max_length=5), tmp_path / "a")
    empty = [Example((Message("user", "Say nothing."),), "", 1.0, "dc", "q/1")]
    with pytest.raises(TrainingError, match="none of the 1 examples"):
        train.train(base, empty, SETTINGS, tmp_path / "a")
    silent = [replace(e, weight=0.0) for e in examples()]
    with pytest.raises(TrainingError, match="none of the 16 examples"):
        train.train(base, silent, SETTINGS, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_loss_that_is_no_number_ends_the_training(base: str, tmp_path: Path) -> None:
    wild = replace(SETTINGS, lr=1e30, warmup=0.0, max_grad_norm=1e30)
    with pytest.raises(TrainingError, match=r"step \d+ of 80: the loss is (nan|inf); lower"):
        train.train(base, examples(), wild, tmp_path / "a")
    assert not (tmp_path / "a" / train.REPORT).exists()


def test_the_learning_rate_rises_and_falls(base: str, tmp_path: Path) -> None:
    train.train(base, examples(), replace(SETTINGS, epochs=10, warmup=0.2), tmp_path / "a")
    lines = (tmp_path / "a" / train.CURVE).read_text().splitlines()
    rates = [json.loads(line)["lr"] for line in lines]
    assert len(rates) == 20
    assert rates[:4] == pytest.approx([SETTINGS.lr * k / 4 for k in (1, 2, 3, 4)])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[12] == pytest.approx(SETTINGS.lr * 0.5 * (1 + math.cos(math.pi * 0.5)))


def test_batches_cover_every_example_once_an_epoch() -> None:
    lengths = [5 + (i * 7) % 40 for i in range(50)]
    by_size = Batching(epochs=2, batch_size=8, batch_tokens=100, accumulate=1, seed=0)
    for batching in (by_size, replace(by_size, batch_size=None, accumulate=3)):
        steps = list(rows.plan(lengths, batching))
        flat = [i for step in steps for one_pass in step for i in one_pass]
        assert sorted(flat) == sorted([*range(50), *range(50)])
        for one_pass in (p for step in steps for p in step):
            assert max(lengths[i] for i in one_pass) * len(one_pass) <= 100
        assert steps == list(rows.plan(lengths, batching))
        assert steps != list(rows.plan(lengths, replace(batching, seed=1)))
    half = list(rows.plan(lengths, replace(by_size, epochs=0.5, batch_size=10)))
    assert len(half) == 3
