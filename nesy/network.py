"""The network of a critic: two texts in, a logit out.

It reads them together, as a cross-encoder of which every weight is trained; or each apart, with
the encoder as it is and a head trained on the mean of each text's token vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nesy import pretrained
from nesy.errors import ModelError

if TYPE_CHECKING:
    import torch

Reading = Literal["together", "apart"]
Texts = tuple[str, str]

_HEAD = "head.safetensors"
_BATCH = 64  # texts or pairs that are read at once
_HIDDEN = 512  # width of both hidden layers of the head
_DROPOUT = 0.1


class Network:
    """A network that is read from a folder, trained and written back.

    ``trained`` is the part whose weights change, ``longest`` the tokens it reads at once.
    """

    def __init__(self, where: str, reads: Reading, longest: int, device: str) -> None:
        """Load an encoder, or what ``save`` wrote.

        Raises:
            ModelError: ``where`` holds no encoder.
        """
        self.trained: torch.nn.Module
        self._reads, self._longest, self._device = reads, longest, device
        self._tokenizer = pretrained.load_tokenizer(where)
        self._encoder = _encoder(where, reads).to(device)
        if reads == "together":
            self.trained = self._encoder
            return
        self._encoder.eval()
        self._vectors: dict[str, torch.Tensor] = {}
        self.trained, self._mean, self._scale = _head(2 * self._encoder.config.hidden_size, where)
        self.trained.to(device)

    def prepare(self, pairs: Sequence[Texts], on_progress: Callable[[str], None]) -> None:
        """Learn from the training pairs how widely the parts of a text's vector vary."""
        import torch

        if self._reads == "apart":
            self._read(pairs, on_progress)
            shown = self._features(pairs)
            self._mean, self._scale = torch.mean(shown, 0), torch.std(shown, 0) + 1e-6

    def __call__(self, pairs: Sequence[Texts]) -> torch.Tensor:
        """Logits of pairs, shape (len(pairs),), through which ``trained`` gets its gradient."""
        logits: torch.Tensor
        if self._reads == "together":
            shown = self._tokens([context for context, _ in pairs], [claim for _, claim in pairs])
            logits = self._encoder(**shown).logits
            return logits[:, 0]
        self._read(pairs, lambda _: None)
        scaled = (self._features(pairs) - self._mean) / self._scale
        logits = self.trained(scaled)
        return logits[:, 0]

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

        self._encoder.save_pretrained(str(folder), safe_serialization=True)
        self._tokenizer.save_pretrained(str(folder))
        if self._reads == "apart":
            held = {**self.trained.state_dict(), "mean": self._mean, "scale": self._scale}
            save_file({name: one.contiguous() for name, one in held.items()}, folder / _HEAD)

    def _features(self, pairs: Sequence[Texts]) -> torch.Tensor:
        import torch

        return torch.stack([torch.cat([self._vectors[text] for text in pair]) for pair in pairs])

    def _read(self, pairs: Sequence[Texts], on_progress: Callable[[str], None]) -> None:
        """Encode each text that is new, once: the encoder does not change."""
        import torch

        fresh = {text for pair in pairs for text in pair} - self._vectors.keys()
        order = sorted(fresh, key=lambda text: (len(text), text))
        for first in range(0, len(order), _BATCH):
            some = order[first : first + _BATCH]
            with torch.no_grad():
                shown = self._tokens(some)
                mask = shown["attention_mask"][..., None].float()
                hidden = self._encoder(**shown).last_hidden_state.float()
                means = (hidden * mask).sum(1) / mask.sum(1)
            self._vectors.update(zip(some, means, strict=True))
            on_progress(f"{first + len(some):,} of {len(order):,} texts read")

    def _tokens(self, *texts: list[str]) -> Any:
        shown = self._tokenizer(
            *texts, truncation=True, max_length=self._longest, padding=True, return_tensors="pt"
        )
        return shown.to(self._device)


def _encoder(where: str, reads: Reading) -> Any:
    from transformers import AutoModel, AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # it names the new head, which is to be trained
    safe = {"use_safetensors": True, "trust_remote_code": False}
    try:
        if reads == "apart":
            return AutoModel.from_pretrained(where, **safe).float()
        return AutoModelForSequenceClassification.from_pretrained(
            where, num_labels=1, **safe
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
