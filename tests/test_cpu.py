"""Training steps on a CPU: the numbers are those of peft, transformers and PyTorch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear

from nesy import cpu, pretrained

IDS = torch.arange(5, 29).view(2, 12)


def adapted(folder: Path, architecture: str, **more: Any) -> Any:
    base = pretrained.load_weights(
        str(small.save(folder / architecture, architecture)), "cpu", torch.float32
    )
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, **more
    )
    torch.manual_seed(1)
    with pretrained.adapting():
        return get_peft_model(base, config).train()


def step(
    model: Any, context: AbstractContextManager[Any], piece: cpu.OnePiece | None = None
) -> tuple[float, dict[str, torch.Tensor]]:
    if piece is None:
        model.zero_grad()
    else:
        piece.clear()
    with context:
        loss = model(input_ids=IDS, labels=IDS).loss
    loss.backward()
    if piece is not None:
        piece.collect()
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}
    return float(loss.detach()), grads


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "lfm2"])
def test_loss_and_gradients_are_those_of_plain_peft(tmp_path: Path, architecture: str) -> None:
    model = adapted(tmp_path, architecture)
    loss, grads = step(model, nullcontext())
    piece = cpu.OnePiece(model, torch.float32)
    cpu.as_one_product(model, torch.float32, piece)
    assert any("forward" in vars(m) for m in model.modules() if type(m) is Linear)
    again, found = step(model, nullcontext(), piece)
    assert again == pytest.approx(loss, rel=1e-5)
    assert found.keys() == grads.keys()
    for name, grad in grads.items():
        torch.testing.assert_close(found[name], grad, rtol=1e-3, atol=1e-5, msg=name)


def test_bfloat16_is_as_close_to_float32_as_plain_peft_is(tmp_path: Path) -> None:
    model = adapted(tmp_path, "lfm2")
    _, exact = step(model, nullcontext())
    _, plain = step(model, torch.autocast("cpu", torch.bfloat16))
    piece = cpu.OnePiece(model, torch.bfloat16)
    cpu.as_one_product(model, torch.bfloat16, piece)
    cpu.normalise_at_once(model)
    _, found = step(model, torch.autocast("cpu", torch.bfloat16), piece)

    def error(grads: dict[str, torch.Tensor]) -> float:
        return sum(float((grads[name] - exact[name]).square().sum()) for name in exact) ** 0.5

    assert 0 < error(found) < 1.5 * error(plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_piece_holds_weights_and_gradients(tmp_path: Path, dtype: torch.dtype) -> None:
    model = adapted(tmp_path, "lfm2")
    names = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    piece = cpu.OnePiece(model, dtype)
    cpu.as_one_product(model, dtype, piece)
    half = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
    _, once = step(model, half, piece)
    for name, parameter in model.named_parameters():
        if name in names:
            assert torch.equal(parameter, names[name])
            assert torch.equal(piece.part(piece.weights, parameter), names[name])
    # A step of the piece is one of the parameters, and the next pass reads it.
    with torch.no_grad():
        piece.weights.zero_()
    assert not any(p.any() for name, p in model.named_parameters() if name in names)
    loss, _ = step(model, half, piece)
    with model.disable_adapter(), half:
        assert loss == pytest.approx(float(model(input_ids=IDS, labels=IDS).loss), rel=1e-3)
    # The gradients of several passes are summed.
    with torch.no_grad():
        piece.weights.copy_(torch.cat([names[name].flatten() for name in names]))
    step(model, half, piece)
    with half:
        model(input_ids=IDS, labels=IDS).loss.backward()
    piece.collect()  # without a clear before it
    for name, parameter in model.named_parameters():
        if name in names:
            torch.testing.assert_close(parameter.grad, 2 * once[name])


@pytest.mark.parametrize("more", [{"lora_dropout": 0.1}, {"use_dora": True}, {"bias": "all"}])
def test_layers_with_more_to_them_are_left_alone(tmp_path: Path, more: dict[str, Any]) -> None:
    model = adapted(tmp_path, "qwen2", **more)
    cpu.as_one_product(model, torch.float32, cpu.OnePiece(model, torch.float32))
    left = [m for m in model.modules() if type(m) is Linear and "forward" not in vars(m)]
    with_bias = [m for m in left if m.base_layer.bias is not None]
    assert with_bias if "bias" in more else len(left) == 14


@pytest.mark.parametrize("architecture", ["llama", "lfm2", "mistral"])
def test_attention_to_short_rows_gives_the_same_gradients(
    tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted(tmp_path, architecture)
    loss, grads = step(model, nullcontext())
    cpu.attend_to_short_rows(model.get_base_model())
    for longest in (512, 8):  # by two products, and by PyTorch's after all
        monkeypatch.setattr(cpu, "_SHORT", longest)
        again, found = step(model, nullcontext())
        assert again == pytest.approx(loss, rel=1e-5)
        for name, grad in grads.items():
            torch.testing.assert_close(found[name], grad, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "lfm2"])
def test_norms_at_once_give_the_same_gradients(tmp_path: Path, architecture: str) -> None:
    model = adapted(tmp_path, architecture)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, mean=1.0)
            parameter.requires_grad = True
    loss, grads = step(model, nullcontext())
    cpu.normalise_at_once(model)
    again, found = step(model, nullcontext())
    assert again == pytest.approx(loss, rel=1e-5)
    assert any("norm" in name for name in grads)
    for name, grad in grads.items():
        torch.testing.assert_close(found[name], grad, rtol=1e-3, atol=1e-5, msg=name)


def test_training_convolutions_are_the_same_numbers() -> None:
    from transformers.models.lfm2 import modeling_lfm2

    torch.manual_seed(0)
    states = torch.randn(2, 8, 20, requires_grad=True)
    weight, bias = torch.randn(8, 3, requires_grad=True), torch.randn(8)
    reference = modeling_lfm2.causal_conv1d_fn(states, weight, bias)
    expected = torch.autograd.grad(reference.square().sum(), (states, weight))
    with cpu.training_convolutions():
        shifted = modeling_lfm2.causal_conv1d_fn(states, weight, bias)
        found = torch.autograd.grad(shifted.square().sum(), (states, weight))
    assert torch.allclose(reference, shifted, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(expected, found, strict=True))
    again = modeling_lfm2.causal_conv1d_fn(states, weight, bias)
    assert torch.equal(again, reference)
