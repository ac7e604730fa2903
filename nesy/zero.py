"""DeepSpeed's ZeRO around a training, where ``accelerate``'s configuration asks for it.

Of that configuration counts what says how a training is spread and offloaded; its batch,
clipping, optimizer and precision are the recipe's. Stage 0 spreads nothing, so it is left to
``nesy.ranks``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nesy import ranks
from nesy.checkpoint import MOMENTS
from nesy.errors import TrainingError

if TYPE_CHECKING:
    import torch

_RECIPES = ("train_batch_size", "optimizer", "scheduler", "fp16", "bf16", "torch_autocast")


def stage() -> int:
    """What is spread over the processes: 0 nothing, 1 the optimizer, 2 gradients, 3 weights.

    Raises:
        TrainingError: DeepSpeed is missing, or its configuration can't be read.
    """
    if ranks.count() == 1 or not ranks.wanted("DEEPSPEED"):
        return 0
    if find_spec("deepspeed") is None:
        raise TrainingError(
            'accelerate\'s configuration asks for DeepSpeed: pip install "nesy[deepspeed]"'
        )
    found: int = _plugin().zero_stage
    return found


class Zero:
    """A model and its AdamW in DeepSpeed's hands; a gradient is the mean over the processes.

    The state that the optimizer brings along is taken over. ``clip`` is the greatest norm of
    the gradients.
    """

    def __init__(
        self, model: Any, optimizer: torch.optim.Optimizer, clip: float, dtype: torch.dtype
    ) -> None:
        import deepspeed
        import torch

        # Its messages go to stdout, which is the command's.
        logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
        config = {
            **_settled(_plugin().deepspeed_config),
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": clip,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
        }
        if dtype != torch.float32:
            name = str(dtype).removeprefix("torch.")
            # None of its modules is named, so that gradients are exchanged in float32.
            config["torch_autocast"] = {
                **{"enabled": True, "dtype": name},
                "lower_precision_safe_modules": [],
            }
        before = dict(optimizer.state)
        optimizer.state.clear()
        self._optimizer = optimizer
        self._engine = deepspeed.initialize(model=model, optimizer=optimizer, config=config)[0]
        if before:
            self._restore(model, before)

    def __call__(self, **inputs: Any) -> Any:
        """Do the forward pass."""
        return self._engine(**inputs)

    def backward(self, loss: torch.Tensor, last: bool) -> None:
        """Add gradients up; ``last`` is the last pass of a step."""
        self._engine.set_gradient_accumulation_boundary(last)
        self._engine.backward(loss)

    def step(self, rate: float) -> None:
        """Do an optimizer step with a learning rate."""
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate
        self._engine.step()

    def weight(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        """Gather a trained weight; all processes call it."""
        from deepspeed.utils import safe_get_full_fp32_param

        found: torch.Tensor = safe_get_full_fp32_param(parameter)
        return found

    def state(self, parameter: torch.nn.Parameter) -> dict[str, torch.Tensor]:
        """Gather the optimizer's state of a weight; all processes call it."""
        from deepspeed.utils import safe_get_full_optimizer_state

        found = {part: safe_get_full_optimizer_state(parameter, part) for part in MOMENTS}
        return {"step": next(self._counters()).clone(), **found}

    def _restore(self, model: Any, before: dict[Any, dict[str, torch.Tensor]]) -> None:
        import torch
        from deepspeed.utils import safe_set_full_optimizer_state

        # The state is made by the first step only; one at the rate 0 changes no weight.
        ids = torch.zeros((1, 2), dtype=torch.long, device=self._engine.device)
        self.backward(self(input_ids=ids, use_cache=False).logits.float().sum() * 0, last=True)
        self.step(0.0)
        for parameter, state in before.items():
            for part in MOMENTS:
                safe_set_full_optimizer_state(parameter, state[part], part)
        done = next(iter(before.values()))["step"]
        for counter in self._counters():
            counter.copy_(done)

    def _counters(self) -> Iterator[torch.Tensor]:
        return (state["step"] for state in self._optimizer.state.values())


def _plugin() -> Any:
    from accelerate.utils import DeepSpeedPlugin

    try:
        return DeepSpeedPlugin()
    except (ValueError, OSError) as error:
        raise TrainingError(f"accelerate's configuration of DeepSpeed: {error}") from error


def _settled(config: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is the recipe's, and ``auto``: DeepSpeed's default is meant."""
    kept = {}
    for key, value in config.items():
        if isinstance(value, dict):
            value = _settled(value)
        if value != "auto" and key not in _RECIPES:
            kept[key] = value
    return kept
