"""Several processes of one training: the first does everything, the others take their share.

``torchrun`` and ``accelerate launch`` start the same command once for each device. Teacher,
records and knowledge base are the first process's alone; the others wait in ``train.follow``
until it trains. Gradients are summed over all, or, where ``accelerate``'s configuration says
FSDP, the weights are sharded too (``fully_shard``); DeepSpeed is in ``nesy.zero``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# The others wait for as long as the first process asks its teacher.
_PATIENCE = timedelta(days=30)


def count() -> int:
    """Number of processes that the launcher started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process, counted from 0."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def joined() -> Iterator[bool]:
    """Join the processes that a launcher started; gives whether this is the first of them."""
    if count() == 1:
        yield True
        return
    import torch
    from torch import distributed

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_PATIENCE)
    try:
        yield rank() == 0
        # Only then: after an error the launcher ends the others.
        if rank() == 0:
            told(None)
    finally:
        distributed.destroy_process_group()


def told(what: Any) -> Any:
    """Return what the first process says, in all of them; it waits for none."""
    import torch
    from torch import distributed

    said = [what]
    distributed.broadcast_object_list(said, 0, device=torch.device("cpu"))
    return said[0]


def sharded() -> bool:
    """Whether the weights are spread over the processes, as ``accelerate``'s FSDP says."""
    return count() > 1 and wanted("FSDP")


def shard(model: Any) -> None:
    """Spread the weights of a model over the processes, layer by layer."""
    from torch.distributed.fsdp import fully_shard

    layers = set(model._no_split_modules or ())
    for module in model.modules():
        if type(module).__name__ in layers:
            fully_shard(module)
    fully_shard(model)


def add_up(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Sum the gradients of all processes; none stands for 0."""
    import torch
    from torch import distributed

    flat = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
    )
    distributed.all_reduce(flat)
    done = 0
    for parameter in parameters:
        parameter.grad = flat[done : done + parameter.numel()].view_as(parameter)
        done += parameter.numel()


def total(value: float, device: torch.device) -> float:
    """Sum a number over all processes."""
    import torch
    from torch import distributed

    whole = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.all_reduce(whole)
    return float(whole)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Gather a tensor that may be spread over the processes; all of them call it."""
    gather = getattr(tensor, "full_tensor", None)
    found: torch.Tensor = tensor if gather is None else gather()
    return found


def like(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """Place a whole tensor where a parameter is, spread as it is."""
    mesh = getattr(parameter, "device_mesh", None)
    tensor = tensor.to(parameter.device)
    if mesh is None:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, mesh, parameter.placements)  # type: ignore[attr-defined]


def wanted(name: str) -> bool:
    """Whether ``accelerate``'s configuration asks for ``FSDP`` or ``DEEPSPEED``."""
    return os.environ.get(f"ACCELERATE_USE_{name}", "").lower() in ("true", "1")
