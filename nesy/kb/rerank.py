"""Read question and entry together: a cross-encoder that puts the best candidates in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from nesy.errors import ModelError
from nesy.kb.encoder import locate

_BATCH = 32


class Reranker(Protocol):
    """Scores how well texts fit a question."""

    @property
    def name(self) -> str:
        """Model name."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return a score for each (question, text), higher is better; no scale of its own."""


class CrossEncoder:
    """A sentence-transformers cross-encoder in a folder, loaded when the first pair needs it."""

    def __init__(self, name: str, folder: Path, device: str | None = None) -> None:
        self.name = name
        self._folder = folder
        self._device = device
        self._model: Any = None

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return a score for each (question, text).

        Raises:
            ModelError: the folder holds no cross-encoder with one score a pair.
        """
        if self._model is None:
            self._model = self._loaded()
        scores = self._model.predict(list(pairs), batch_size=_BATCH, show_progress_bar=False)
        return [float(score) for score in scores]

    def _loaded(self) -> Any:
        from sentence_transformers import CrossEncoder as Model
        from transformers.utils import logging

        logging.disable_progress_bar()
        where = f"reranker {self.name}: {self._folder}"
        try:
            model = Model(str(self._folder), device=self._device, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{where} can't be loaded: {error}") from error
        if model.num_labels != 1:
            raise ModelError(
                f"{where} gives {model.num_labels} scores a pair; choose a cross-encoder "
                "for ranking, which gives one"
            )
        return model


def load_reranker(name: str, device: str | None = None) -> CrossEncoder:
    """Return the cross-encoder of a hub name or a folder; it is loaded at first need.

    Raises:
        ModelError: it is not at hand.
    """
    return CrossEncoder(name, locate(name), device)
