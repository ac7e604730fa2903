"""What makes a training step fast on a CPU: the same numbers by fewer and larger operations.

A LoRA layer of plain ``peft`` multiplies what it reads by the weight and by the two thin factors
of the adapter, casts it to and fro between them, and adds the results up: for a small model that
is much of a step. Here the factors are merged into a copy of the weight, so that a layer is one
product forward and one backward; the factors' own gradients come from thin products, which at
the rank of an adapter need fewer operations than the gradient of the weight would.

Attention over short rows and the convolutions of ``Lfm2`` have kernels that are made for other
shapes; their backward passes take twice the time of plain products. Most of the rest of a step is
memory that is read and written, so what can stay in half precision does.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import linear
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from peft.tuners.lora import Linear

_TRIM, _MMAP = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
_SHORT = 512  # tokens of a row; the scores of longer ones would fill the memory
_SHORT_ROWS = "nesy-short-rows"  # name of the attention below
_SPECIAL = ("position_bias", "softcap", "s_aux", "cache")  # what only PyTorch's attention takes


def keep_memory() -> None:
    """Keep what is freed for the next tensors, until the process ends.

    glibc gives large blocks back to the system at once, and takes them anew for the next pass,
    page by page: a tenth of a training step on a CPU. Other allocators are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP, 32 << 20)  # the most that it takes
        mallopt(_TRIM, 1 << 30)


def attend_to_short_rows(model: Any) -> None:
    """Let a model attend by two products where its rows are short and have no mask but time."""
    if model.config._attn_implementation == "sdpa":
        AttentionInterface.register(_SHORT_ROWS, _attend)
        AttentionMaskInterface.register(_SHORT_ROWS, sdpa_mask)
        model.set_attn_implementation(_SHORT_ROWS)


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    rows, heads, length, size = query.shape
    special = attention_mask is not None or any(more.get(name) is not None for name in _SPECIAL)
    if length > _SHORT or length != key.shape[2] or dropout or special:
        made: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return made
    # The query heads that share a key head are one long row of it.
    grouped = (rows, key.shape[1], -1, size)
    scale = size**-0.5 if scaling is None else scaling
    scores = (query * scale).reshape(grouped) @ key.transpose(2, 3)
    later = query.new_full((length, length), -math.inf).triu(1)
    # Softmax of bfloat16 is computed in float32, and its result rounded once.
    shares = (scores.view(rows, heads, length, length) + later).softmax(-1)
    seen = shares.view(rows, key.shape[1], -1, length) @ value
    return seen.view(rows, heads, length, size).transpose(1, 2), None


def normalise_at_once(model: Any) -> None:
    """Let the root-mean-square norms of a model be one operation with a gradient of its own.

    Under autocast a norm of whole tokens gives what the products that read it would cast it to,
    so that it is cast once. Norms that are not the usual one are left as they are.
    """
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.forward = partial(_normalised, module)


def _normalised(module: Any, states: torch.Tensor) -> torch.Tensor:
    kind = states.device.type
    dtype = torch.promote_types(states.dtype, module.weight.dtype)
    if states.dim() == 3 and torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
    made: torch.Tensor = _Normalised.apply(  # type: ignore[no-untyped-call]
        states, module.weight, module.variance_epsilon, dtype
    )
    return made


class _Normalised(torch.autograd.Function):
    """``states`` (…, width) over the root of their mean square, times ``weight`` (width)."""

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, weight: torch.Tensor, epsilon: float, dtype: torch.dtype
    ) -> torch.Tensor:
        read = states.float()
        length = torch.linalg.vector_norm(read, dim=-1, keepdim=True)
        mean = length.square() / read.shape[-1]
        # An overflow must end the training as it does elsewhere: by a loss that is no number.
        scale = torch.rsqrt(mean + epsilon) + (mean - mean)
        ctx.save_for_backward(read, weight, scale)
        ctx.dtype = states.dtype
        made: torch.Tensor = (read * scale).mul_(weight).to(dtype)
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        read, weight, scale = ctx.saved_tensors
        made = read * scale
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (gradients[0] * made).flatten(0, -2).sum(0).to(weight.dtype)
        wanted = gradients[0] * weight
        along = torch.linalg.vecdot(wanted, made)[..., None] / read.shape[-1]
        of_states = wanted.addcmul_(made, along, value=-1).mul_(scale)
        return of_states.to(ctx.dtype), of_weight, None, None


@contextmanager
def training_convolutions() -> Iterator[None]:
    """Compute the short convolutions of ``Lfm2`` as shifted products.

    The same numbers; but the backward pass of PyTorch's grouped convolution is slower on two
    CPU threads than on one, and takes a third of a training step.
    """
    from transformers.models.lfm2 import modeling_lfm2

    original = modeling_lfm2.causal_conv1d_fn
    modeling_lfm2.causal_conv1d_fn = _shifted
    try:
        yield
    finally:
        modeling_lfm2.causal_conv1d_fn = original


def _shifted(
    hidden_states: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    **_: Any,
) -> torch.Tensor:
    """Convolve each channel causally: (batch, channels, tokens), weight (channels, taps)."""
    # What a product made lies in memory token by token, and the next one reads it so.
    out: torch.Tensor = _Convolution.apply(  # type: ignore[no-untyped-call]
        hidden_states.transpose(1, 2), weight.t()
    )
    out = out if bias is None else out + bias
    return out.transpose(1, 2)


class _Convolution(torch.autograd.Function):
    """``states`` (batch, tokens, channels) convolved causally by ``weight`` (taps, channels)."""

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(states, weight)
        out = states * weight[-1]
        for shift, tap in enumerate(weight[:-1].flip(0), 1):
            out[:, shift:].addcmul_(states[:, :-shift], tap)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, weight = ctx.saved_tensors
        of_states = of_weight = None
        if ctx.needs_input_grad[0]:
            of_states = gradients[0] * weight[-1]
            for shift, tap in enumerate(weight[:-1].flip(0), 1):
                of_states[:, :-shift].addcmul_(gradients[0][:, shift:], tap)
            of_states = of_states.to(states.dtype)
        if ctx.needs_input_grad[1]:
            count = states.shape[1]
            shifts = range(len(weight) - 1, -1, -1)
            taps = [gradients[0][:, s:] * states[:, : max(0, count - s)] for s in shifts]
            of_weight = torch.stack([tap.sum((0, 1)) for tap in taps]).to(weight.dtype)
        return of_states, of_weight


def as_one_product(model: Any, dtype: torch.dtype) -> None:
    """Let the LoRA layers of a peft model compute so, those that have nothing else to them.

    Parameters of adapters, and what is saved of them, stay what they are; frozen weights are
    from now on in ``dtype``, that of the products, so that they aren't cast in each step. A layer
    with dropout, of another kind than LoRA's own or in four bits is left as it is.
    """
    from peft.tuners.lora import Linear

    for module in model.modules():
        if type(module) is Linear and _plain(module):
            module.forward = partial(_forward, module)
            module.base_layer.weight.data = module.base_layer.weight.data.to(dtype)


def _plain(layer: Linear) -> bool:
    """Whether a layer is its frozen weight and one adapter, and no more."""
    names = layer.active_adapters
    return (
        len(names) == 1
        and names[0] in layer.lora_A
        and not layer.lora_variant
        and not layer.lora_bias[names[0]]
        and isinstance(layer.lora_dropout[names[0]], torch.nn.Identity)
        and type(layer.base_layer) is torch.nn.Linear
        and not any(p.requires_grad for p in layer.base_layer.parameters())
    )


def _forward(layer: Linear, read: torch.Tensor) -> torch.Tensor:
    name = layer.active_adapters[0]
    base = layer.base_layer
    kind = read.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else read.dtype
    made: torch.Tensor = _OneProduct.apply(  # type: ignore[no-untyped-call]
        read.to(dtype),
        base.weight,
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        layer.scaling[name],
    )
    return made if base.bias is None else made + base.bias.to(dtype)


class _OneProduct(torch.autograd.Function):
    """``read`` (…, in) times weight (out, in) + scaling · up (out, rank) · down (rank, in)."""

    @staticmethod
    def forward(
        ctx: Any,
        read: torch.Tensor,
        weight: torch.Tensor,
        down: torch.Tensor,
        up: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        ctx.scaling, ctx.dtypes = scaling, (down.dtype, up.dtype)
        down, up = down.to(read.dtype), up.to(read.dtype)
        merged = torch.addmm(weight.to(read.dtype), up, down, alpha=scaling)
        ctx.save_for_backward(read, merged, down, up)
        return linear(read, merged)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        read, merged, down, up = ctx.saved_tensors
        of_read = gradients[0] @ merged if ctx.needs_input_grad[0] else None
        made, read = gradients[0].flatten(0, -2), read.flatten(0, -2)
        of_down = (made @ up).t() @ read
        of_up = made.t() @ (read @ down.t())
        of_down, of_up = (
            some.to(dtype) * ctx.scaling
            for some, dtype in zip((of_down, of_up), ctx.dtypes, strict=True)
        )
        return of_read, None, of_down, of_up, None
