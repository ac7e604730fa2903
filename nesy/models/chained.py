"""A model that is asked in several passes, each of which follows what it wrote before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nesy.prompts import Prompt, following
from nesy.types import LM, Completion, Messages, Sampling


class Chained:
    """Answers a prompt, is then asked each of some further prompts, and returns all it wrote.

    The tokens are those of all passes, the finish is that of the last one.
    """

    def __init__(self, lm: LM, prompts: Sequence[Prompt]) -> None:
        self.lm = lm
        self._prompts = tuple(prompts)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.lm.name

    @property
    def fingerprint(self) -> str:
        """Hash of the model and of the further prompts."""
        parts = [self.lm.fingerprint, *(prompt.sha for prompt in self._prompts)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt in all passes.

        Raises:
            ModelError: the model could not answer.
        """
        asked = list(prompts)
        made = self.lm.generate(asked, sampling)
        for prompt in self._prompts:
            pairs = zip(asked, made, strict=True)
            asked = [following(messages, done.text, prompt) for messages, done in pairs]
            further = self.lm.generate(asked, sampling)
            made = [_joined(a, b) for a, b in zip(made, further, strict=True)]
        return made


def _joined(first: Completion, second: Completion) -> Completion:
    return Completion(
        f"{first.text.rstrip()} {second.text.strip()}",
        second.finish,
        first.prompt_tokens + second.prompt_tokens,
        first.completion_tokens + second.completion_tokens,
    )
