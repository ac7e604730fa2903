"""The network of a critic: a cross-encoder, two texts in, a logit out.

Both texts are read together by the lower layers of a pretrained encoder; a head of two hidden
layers reads the mean of each text's token vectors. The lower layers still tell the words apart,
so that which word goes with which can be learned from a few thousand labels. The upper ones of
a sentence encoder have mixed them into what the whole is about (Petrov et al., arXiv 2403.20222,
on shallow cross-encoders).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy import pretrained
from nesy.errors import ModelError

if TYPE_CHECKING:
    import torch

Texts = tuple[str, str]

_HEAD = "head.safetensors"
_BATCH = 64  # pairs that are read at once
_HIDDEN = 512  # width of both hidden layers of the head
_DROPOUT = 0.1


class Network:
    """A cross-encoder that is read from a folder, trained and written back.

    ``encoder`` and ``head`` are what is trained, all but the word vectors, which hold half of a
    small encoder's weights; ``longest`` is the number of tokens that are read at once.
    """

    def __init__(self, where: str, longest: int, device: str, layers: int | None = None) -> None:
        """Load an encoder, of which the lowest ``layers`` are kept, or what ``save`` wrote.

        Raises:
            ModelError: ``where`` holds no encoder, or one of fewer layers.
        """
        import torch

        self._longest, self._device = longest, device
        self._half = device == "cpu" and pretrained.multiplies_bfloat16()
        self._tokenizer = pretrained.load_tokenizer(where)
        self.encoder = _encoder(where, layers).to(device)
        self.encoder.get_input_embeddings().weight.requires_grad_(False)
        width = 2 * self.encoder.config.hidden_size
        head, mean, scale = _head(width, where)
        self.head, self._mean, self._scale = head.to(device), mean.to(device), scale.to(device)
        self.trained = torch.nn.ModuleDict({"encoder": self.encoder, "head": self.head})

    def prepare(self, pairs: Sequence[Texts]) -> torch.Tensor:
        """Learn from the training pairs how widely the parts of a vector vary.

        Returns:
            The vectors of the pairs as the encoder is now, (len(pairs), 2 width); see ``judged``.
        """
        import torch

        self.trained.eval()
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        shown = torch.empty(len(pairs), len(self._mean), device=self._device)
        for first in range(0, len(order), _BATCH):
            chosen = order[first : first + _BATCH]
            with torch.no_grad():
                shown[chosen] = self._vectors([pairs[i] for i in chosen])
        self._mean, self._scale = torch.mean(shown, 0), torch.std(shown, 0) + 1e-6
        return shown

    def judged(self, vectors: torch.Tensor) -> torch.Tensor:
        """Logits by the head of the vectors of pairs."""
        logits: torch.Tensor = self.head((vectors - self._mean) / self._scale)
        return logits[:, 0]

    def __call__(self, pairs: Sequence[Texts]) -> torch.Tensor:
        """Logits of pairs, shape (len(pairs),), through which ``trained`` gets its gradient."""
        return self.judged(self._vectors(pairs))

    def logits(
        self, pairs: Sequence[Texts], on_progress: Callable[[int], None] | None = None
    ) -> list[float]:
        """Logits of any number of pairs."""
        import torch

        self.trained.eval()
        found = [0.0] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        for first in range(0, len(order), _BATCH):
            chosen = order[first : first + _BATCH]
            with torch.inference_mode():
                logits = self([pairs[i] for i in chosen]).float().tolist()
            for i, value in zip(chosen, logits, strict=True):
                found[i] = value
            if on_progress is not None:
                on_progress(first + len(chosen))
        return found

    def save(self, folder: Path) -> None:
        """Write the network, so that it can be loaded from ``folder``."""
        from safetensors.torch import save_file

        self.encoder.save_pretrained(str(folder), safe_serialization=True)
        self._tokenizer.save_pretrained(str(folder))
        held = {**self.head.state_dict(), "mean": self._mean, "scale": self._scale}
        save_file({name: one.contiguous() for name, one in held.items()}, folder / _HEAD)

    def _vectors(self, pairs: Sequence[Texts]) -> torch.Tensor:
        """Mean of the token vectors of each text, both read together: (len(pairs), 2 width)."""
        import torch

        read = self._tokenizer(
            [context for context, _ in pairs],
            [claim for _, claim in pairs],
            truncation=True,
            max_length=self._longest,
            padding=True,
            return_tensors="pt",
        )
        # Whose each token is; -1 for what belongs to neither text.
        text = torch.tensor(
            [[-1 if of is None else of for of in read.sequence_ids(i)] for i in range(len(pairs))],
            device=self._device,
        )
        # The weights' gradients are noisy anyway; scores are computed in full.
        half = self._half and self.trained.training
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            hidden = self.encoder(**read.to(self._device)).last_hidden_state.float()
        parts = [(text == of)[..., None].float() for of in (0, 1)]
        return torch.cat([(hidden * p).sum(1) / p.sum(1).clamp(min=1) for p in parts], 1)


def _encoder(where: str, layers: int | None) -> Any:
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # it names the layers that are left out
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False)
        if layers is not None:
            if layers > config.num_hidden_layers:
                raise ModelError(f"{where}: has {config.num_hidden_layers} layers, not {layers}")
            config.num_hidden_layers = layers
        return AutoModel.from_pretrained(
            where, config=config, use_safetensors=True, trust_remote_code=False
        ).float()
    except (OSError, ValueError) as error:
        raise ModelError(f"{where}: can't be loaded as a critic: {error}") from error


def _head(width: int, where: str) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A head with the mean and scale of its input: the one in the folder, or a new one."""
    import torch
    from safetensors.torch import load_file
    from torch import nn

    made = nn.Sequential(
        *(nn.Dropout(_DROPOUT), nn.Linear(width, _HIDDEN), nn.GELU()),
        *(nn.Dropout(_DROPOUT), nn.Linear(_HIDDEN, _HIDDEN), nn.GELU()),
        *(nn.Dropout(_DROPOUT), nn.Linear(_HIDDEN, 1)),
    )
    mean, scale = torch.zeros(width), torch.ones(width)
    if (Path(where) / _HEAD).is_file():
        held = load_file(Path(where) / _HEAD)
        mean, scale = held.pop("mean"), held.pop("scale")
        made.load_state_dict(held)
    return made, mean, scale
