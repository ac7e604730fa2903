"""What makes a training step fast on a CPU: the same numbers by fewer and larger operations.

A LoRA layer of plain ``peft`` multiplies what it reads by the weight and by the two thin factors
of the adapter, casts it to and fro between them, and adds the results up: for a small model that
is much of a step. Here the factors are merged into a copy of the weight, so that a layer is one
product forward and one backward; the factors' own gradients come from thin products, which at
the rank of an adapter need fewer operations than the gradient of the weight would. All factors lie
in one piece of memory, and so do their gradients, so that what is done to each number of them (to
cast, to clip, AdamW) is done at once and not factor by factor.

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


class OnePiece:
    """The trained weights of a model in one piece of memory, float32, and so their gradients.

    Each parameter stays what it is to the model and to autograd, as a part of the piece. The
    layers of ``as_one_product`` read a copy in the dtype of the products, made before each forward
    pass, and add their gradients up in such a copy, which ``collect`` takes over after each
    backward pass.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        trained = [p for p in model.parameters() if p.requires_grad]
        whole = torch.cat([p.detach().flatten().float() for p in trained])
        self.weights = torch.nn.Parameter(whole)
        self.weights.grad = self._gradient = torch.zeros_like(whole)
        self._read, self._found = whole, self._gradient
        self._fresh = False
        if dtype != torch.float32:
            self._read, self._found = whole.to(dtype), torch.zeros_like(whole, dtype=dtype)
            model.register_forward_pre_hook(self._cast)
        self._places: dict[int, slice] = {}
        self._others = {id(p) for p in trained}  # whose gradients autograd adds up
        done = 0
        for parameter in trained:
            self._places[id(parameter)] = slice(done, done + parameter.numel())
            done += parameter.numel()
            parameter.data = self.part(whole, parameter)
            parameter.grad = self.part(self._gradient, parameter)

    def part(self, whole: torch.Tensor, parameter: torch.nn.Parameter) -> torch.Tensor:
        """Return what belongs to a parameter, in its shape, of something like ``weights``."""
        return whole[self._places[id(parameter)]].view(parameter.shape)

    def read(self, parameter: torch.nn.Parameter) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a parameter as the products read it, and where its gradient is added up."""
        self._others.discard(id(parameter))
        return self.part(self._read, parameter), self.part(self._found, parameter)

    def clear(self) -> None:
        """Forget the gradients, before the first pass of a step."""
        self._fresh = self._found is not self._gradient and not self._others
        if not self._fresh:  # else the first pass is written over them
            self._gradient.zero_()

    def collect(self) -> None:
        """Add the gradients that the layers have found in a pass to those of ``weights``."""
        if self._found is self._gradient:
            return
        if self._fresh:
            self._gradient.copy_(self._found)
        else:
            self._gradient += self._found
        self._found.zero_()
        self._fresh = False

    def _cast(self, *_: Any) -> None:
        self._read.copy_(self.weights.detach())


def as_one_product(model: Any, dtype: torch.dtype, piece: OnePiece) -> None:
    """Let the LoRA layers of a peft model compute so, those that have nothing else to them.

    Parameters of adapters, and what is saved of them, stay what they are; frozen weights are
    from now on in ``dtype``, that of the products, so that they aren't cast in each step, and so
    is what the output layer reads. A layer with dropout, of another kind than LoRA's own or in
    four bits is left as it is.
    """
    from peft.tuners.lora import Linear

    for module in model.modules():
        if type(module) is Linear and _plain(module):
            name = module.active_adapters[0]
            down, up = (piece.read(f[name].weight) for f in (module.lora_A, module.lora_B))
            module.base_layer.weight.data = module.base_layer.weight.data.to(dtype)
            module.forward = partial(_forward, module, down, up)
    output = model.get_output_embeddings()
    if _is_frozen(output):
        # Not its own weight: that may be the embedding's, whose sums are float32.
        output.forward = partial(_frozen, output.weight.to(dtype), output.bias)


def _is_frozen(layer: Any) -> bool:
    return type(layer) is torch.nn.Linear and not any(p.requires_grad for p in layer.parameters())


def _frozen(weight: torch.Tensor, bias: torch.Tensor | None, read: torch.Tensor) -> torch.Tensor:
    made = linear(read.to(weight.dtype), weight)
    return made if bias is None else made + bias.to(weight.dtype)


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


def _forward(
    layer: Linear,
    down: tuple[torch.Tensor, torch.Tensor],
    up: tuple[torch.Tensor, torch.Tensor],
    read: torch.Tensor,
) -> torch.Tensor:
    name, base = layer.active_adapters[0], layer.base_layer
    made: torch.Tensor = _OneProduct.apply(  # type: ignore[no-untyped-call]
        read.to(base.weight.dtype),
        layer.lora_A[name].weight,
        base.weight,
        down,
        up,
        layer.scaling[name],
    )
    return made if base.bias is None else made + base.bias.to(made.dtype)


class _OneProduct(torch.autograd.Function):
    """``read`` (…, in) times weight (out, in) + scaling · up (out, rank) · down (rank, in).

    ``down`` and ``up`` come with the places where their gradients are added up. ``factor`` is
    one of them as autograd knows it, so that it calls ``backward`` also where nothing else that
    is read has a gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        read: torch.Tensor,
        factor: torch.Tensor,
        weight: torch.Tensor,
        down: tuple[torch.Tensor, torch.Tensor],
        up: tuple[torch.Tensor, torch.Tensor],
        scaling: float,
    ) -> torch.Tensor:
        merged = torch.addmm(weight, up[0], down[0], alpha=scaling)
        ctx.save_for_backward(read, merged)
        ctx.factors = down, up, scaling
        return linear(read, merged)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        read, merged = ctx.saved_tensors
        (down, of_down), (up, of_up), scaling = ctx.factors
        # As one row of tokens: what is not in one piece would be multiplied sequence by sequence.
        made, read = gradients[0].flatten(0, -2), read.flatten(0, -2)
        wanted = ctx.needs_input_grad[0]
        of_read = (made @ merged).view(*gradients[0].shape[:-1], -1) if wanted else None
        of_down.addmm_((made @ up).t(), read, alpha=scaling)
        of_up.addmm_(made.t(), read @ down.t(), alpha=scaling)
        return of_read, None, None, None, None, None
