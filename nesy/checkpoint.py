"""The state of a training in one file, from which it goes on as if it had not been killed.

It holds the weights that are trained, what the optimizer knows of them, the states of the random
generators, and figures as JSON. Only safetensors are read; a file is replaced at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy import ranks
from nesy.errors import TrainingError

if TYPE_CHECKING:
    import torch

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What Adam holds of each weight, beside the number of steps."""


def save(
    path: Path,
    key: str,
    tensors: Mapping[str, tuple[torch.Tensor, Mapping[str, torch.Tensor]]],
    figures: Mapping[str, Any],
) -> None:
    """Replace the file at ``path``.

    ``tensors`` holds by name each weight and what the optimizer knows of it, ``key`` tells this
    training from others, and ``figures`` are given back by ``restore``.
    """
    import torch
    from safetensors.torch import save_file

    held = {"random": torch.get_rng_state()}
    for number, generator in enumerate(_cuda_states()):
        held[f"cuda/{number}"] = generator
    for name, (weight, moments) in tensors.items():
        held[f"weight/{name}"] = weight
        held |= {f"{part}/{name}": value for part, value in moments.items()}
    part_file = path.with_name(path.name + ".part")
    save_file(held, part_file, {"key": key, "figures": json.dumps(figures)})
    part_file.replace(path)


def restore(
    path: Path,
    key: str,
    named: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> dict[str, Any] | None:
    """Put weights, optimizer and random generators back; return the figures.

    Without a file nothing is changed, and there are none.

    Raises:
        TrainingError: the file is of another training.
    """
    import torch
    from safetensors import safe_open

    if not path.is_file():
        return None
    with safe_open(path, "pt") as state:
        about = state.metadata()
        if about["key"] != key:
            raise of_another(path.parent)
        for name, parameter in named.items():
            with torch.no_grad():
                parameter.copy_(ranks.like(state.get_tensor(f"weight/{name}"), parameter))
            optimizer.state[parameter] = {
                "step": state.get_tensor(f"step/{name}").to(parameter.device),
                **{
                    part: ranks.like(state.get_tensor(f"{part}/{name}"), parameter)
                    for part in MOMENTS
                },
            }
        torch.set_rng_state(state.get_tensor("random"))
        cuda = [state.get_tensor(f"cuda/{n}") for n in range(len(_cuda_states()))]
    if cuda:
        torch.cuda.set_rng_state_all(cuda)
    figures: dict[str, Any] = json.loads(about["figures"])
    return figures


def of_another(folder: Path) -> TrainingError:
    """The error of a folder that holds another training than the one that was asked for."""
    return TrainingError(
        f"{folder}: holds a training of another base, with other examples or settings; delete "
        f"the folder or choose another"
    )


def _cuda_states() -> list[torch.Tensor]:
    """States of the random generators of all CUDA devices."""
    import torch

    return torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
