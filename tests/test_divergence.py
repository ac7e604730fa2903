"""White-box distillation: the distances, and a student that comes closer to its teacher."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import small
import torch
from test_train import SETTINGS, examples

from nesy import divergence, pretrained, recipe, train
from nesy.errors import RecipeError, TrainingError
from nesy.models.hf import HFModel

LOSSES = get_args(divergence.Divergence)


def logits(seed: int) -> torch.Tensor:
    return torch.randn(5, 7, generator=torch.Generator().manual_seed(seed)) * 3


def test_the_kls_are_those_of_torch() -> None:
    teacher, student = logits(0), logits(1)
    p, q = teacher.log_softmax(-1), student.log_softmax(-1)
    kl = torch.nn.functional.kl_div
    forward = kl(q, p, reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(divergence.forward_kl(teacher, student), forward)
    torch.testing.assert_close(divergence.reverse_kl(student, teacher), forward)
    mean = ((p.exp() + q.exp()) / 2).log()
    js = (kl(mean, p, reduction="none", log_target=True).sum(-1)) / 2
    js += (kl(mean, q, reduction="none", log_target=True).sum(-1)) / 2
    torch.testing.assert_close(divergence.js(teacher, student), js)
    assert divergence.js(teacher, student).max() < math.log(2)


def test_sinkhorn_matches_tokens_at_the_least_cost() -> None:
    teacher = 20 * torch.eye(4)
    assert divergence.sinkhorn(teacher, teacher).abs().max() < 1e-4
    # The same probabilities in another order cost nothing to carry over, unlike token by token.
    turned = teacher.roll(1, 0)
    assert divergence.sinkhorn(teacher, turned).abs().max() < 1e-4
    assert divergence.forward_kl(teacher, turned).min() > 10
    alone = divergence.sinkhorn(teacher[:1], turned[:1])
    assert float(alone) == pytest.approx(2.0, abs=1e-4)  # L1 of what has nothing in common


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_along_the_gradient_comes_closer(name: divergence.Divergence) -> None:
    teacher, student = logits(0), logits(1).requires_grad_()
    far = divergence.of(name, teacher, student, temperature=2.0)
    assert far.shape == (5,)
    assert far.min() > 0
    far.sum().backward()
    assert student.grad is not None
    closer = divergence.of(name, teacher, student - 0.1 * student.grad, temperature=2.0)
    assert closer.sum() < far.sum()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A student and a teacher of another architecture with the same tokenizer."""
    there = tmp_path_factory.mktemp("models")
    student, teacher = (small.save(there / name, name) for name in ("llama", "lfm2"))
    # What is trained on the spot is not the same twice.
    shutil.copyfile(student / "tokenizer.json", teacher / "tokenizer.json")
    return str(student), str(teacher)


def distance(student: HFModel, teacher: HFModel) -> float:
    """Mean KL(teacher, student) over the tokens of the examples."""
    found = []
    for one in examples():
        (tokens,) = pretrained.example_ids(student.tokenizer, [(one.messages, one.target)])
        ids, start = torch.tensor([tokens.prompt + tokens.target]), len(tokens.prompt) - 1
        with torch.no_grad():
            said = [m.model(input_ids=ids).logits[0, start:-1] for m in (teacher, student)]
        found.append(divergence.forward_kl(said[0], said[1]))
    return float(torch.cat(found).mean())


@pytest.mark.parametrize("name", LOSSES)
def test_a_student_follows_its_teacher(
    models: tuple[str, str], tmp_path: Path, name: divergence.Divergence
) -> None:
    base, told = models
    box = train.WhiteBox(told, name, weight=1.0)
    settings = replace(SETTINGS, epochs=15, white_box=box)
    report = train.train(base, examples(), settings, tmp_path / "one")
    assert report.last_loss < 0.7 * report.first_loss
    teacher = HFModel(told)
    before = distance(HFModel(base), teacher)
    assert distance(HFModel(base, adapter=tmp_path / "one"), teacher) < 0.8 * before
    if name == "forward-kl":
        once = replace(settings, epochs=0.01, batch_size=64, batch_tokens=10_000)
        even = [replace(one, weight=1.0) for one in examples()]
        first = train.train(base, even, once, tmp_path / "first").first_loss
        assert first == pytest.approx(before, rel=1e-3)
        plain = replace(once, white_box=None)
        alone = train.train(base, even, plain, tmp_path / "plain").first_loss
        half = replace(once, white_box=replace(box, weight=0.25))
        mixed = train.train(base, even, half, tmp_path / "half").first_loss
        assert mixed == pytest.approx(0.25 * first + 0.75 * alone, rel=1e-3)


def test_what_shall_not_be_written_is_not_followed(models: tuple[str, str], tmp_path: Path) -> None:
    base, told = models
    wrong = [replace(examples()[0], weight=-1.0)]
    once = replace(SETTINGS, epochs=0.01)
    box = train.WhiteBox(told, "js", weight=1.0)
    followed = train.train(base, wrong, replace(once, white_box=box), tmp_path / "one")
    plain = train.train(base, wrong, once, tmp_path / "two")
    assert followed.first_loss == plain.first_loss


def test_another_vocabulary_is_refused(models: tuple[str, str], tmp_path: Path) -> None:
    settings = replace(SETTINGS, white_box=train.WhiteBox("tiny"))
    with pytest.raises(TrainingError, match="have other vocabularies"):
        train.train(models[0], examples(), settings, tmp_path / "one")


def test_a_teacher_without_probabilities_is_refused() -> None:
    made = recipe.load("white-box", ["teacher.model=hf:some/teacher", "whitebox.loss=js"])
    assert made.whitebox == recipe.WhiteBox(loss="js")
    with pytest.raises(RecipeError, match=r"which openai:x does not give; set teacher\.model"):
        recipe.load("white-box", ["teacher.model=openai:x"])
