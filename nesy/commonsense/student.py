"""Corpus to model: a small causal language model that completes ``head relation:`` by a tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy import models, pretrained, prompts, train
from nesy.commonsense import triples
from nesy.commonsense.corpus import record
from nesy.commonsense.recipe import CommonsenseRecipe, Student
from nesy.commonsense.triples import Triple
from nesy.errors import ModelError
from nesy.models.hf import HFModel
from nesy.prompts import Prompt
from nesy.types import LM, Example, Messages, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

PROMPT = "commonsense-student"
_SHORT = {"PersonX": "X", "PersonY": "Y"}
"""How the student calls the persons: a third fewer tokens for a small vocabulary."""


@dataclass(frozen=True, slots=True)
class Beam:
    """One of several tails that a student finds likely; ``logprob`` is its mean per token."""

    tail: str
    logprob: float


def examples(chosen: Sequence[Triple]) -> list[Example]:
    """What the student is trained on."""
    prompt = prompts.load(PROMPT)
    return [
        Example(
            messages=_shown(prompt, triple.head, triple.relation),
            target=prompt.render_target(tail=triples.named(triple.tail, _SHORT)),
            weight=1.0,
            view=triple.relation,
            question=triple.id,
        )
        for triple in chosen
    ]


def _shown(prompt: Prompt, head: str, relation: str) -> Messages:
    return prompt.render(head=triples.named(head, _SHORT), relation=relation)


def train_settings(student: Student, count: int) -> train.Settings:
    """The settings of a training on ``count`` triples as the recipe says."""
    return train.Settings(
        rank=student.rank,
        alpha=student.alpha,
        embeddings=student.embeddings,
        lr=student.learning_rate,
        epochs=student.reads / count,
        max_length=student.max_length,
        batch_size=student.batch_size,
        batch_tokens=student.batch_tokens,
        seed=student.seed,
        device=student.device,
    )


def load(student: Student, adapter: Path) -> LM:
    """Load a trained student.

    Raises:
        ModelError: model or adapter are missing.
    """
    return models.load(student.model, adapter=adapter, device=student.device, dtype=student.dtype)


def write(
    recipe: CommonsenseRecipe,
    student: LM,
    pairs: Sequence[tuple[str, str]],
    *,
    first_sample: int = 0,
    known: set[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[Triple]:
    """Let the student complete events under relations, as often as the teacher did.

    Samples are numbered from ``first_sample``; a triple is made once, and not if ``known``
    holds its id.
    """
    prompt = prompts.load(PROMPT)
    shown = [_shown(prompt, head, relation) for head, relation in pairs]
    seen = set() if known is None else set(known)
    made: list[Triple] = []
    for number in range(recipe.corpus.tails):
        sampling = Sampling(
            temperature=recipe.corpus.temperature,
            top_p=recipe.student.top_p,
            max_tokens=recipe.student.max_tokens,
            seed=first_sample + number,
            stop=("\n",),
        )
        for (head, relation), done in zip(pairs, student.generate(shown, sampling), strict=True):
            tail, reason = triples.cleaned_tail(done, _SHORT)
            triple = record(
                head,
                relation,
                tail,
                reason,
                split=triples.split_of(head, recipe.corpus.seed),
                maker=student.name,
                prompt=prompt.sha,
                sample=first_sample + number,
                logprob=None,
                known=seen,
            )
            made += [] if triple is None else [triple]
        if on_progress is not None:
            on_progress((number + 1) * len(pairs))
    return made


def beams(student: LM, head: str, relation: str, width: int, max_tokens: int) -> list[Beam]:
    """The likeliest tails by beam search, best first.

    Raises:
        ModelError: the student is no local model.
    """
    if not isinstance(student, HFModel):
        raise ModelError(f"{student.name}: beams need a local model")
    import torch

    messages = _shown(prompts.load(PROMPT), head, relation)
    model, tokenizer = student.model, student.tokenizer
    ids = torch.tensor([pretrained.prompt_ids(tokenizer, messages)], device=model.device)
    with torch.inference_mode():
        found = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            num_beams=width,
            num_return_sequences=width,
            do_sample=False,
            max_new_tokens=max_tokens,
            early_stopping=True,
            eos_token_id=sorted(pretrained.end_ids(model, tokenizer)),
            pad_token_id=tokenizer.pad_token_id,
            output_scores=True,
            return_dict_in_generate=True,
        )
    return _beams(tokenizer, found, ids.shape[1])


def _beams(tokenizer: Any, found: Any, start: int) -> list[Beam]:
    best: dict[str, Beam] = {}
    written: torch.Tensor = found.sequences[:, start:]
    for row, score in zip(written, found.sequences_scores.tolist(), strict=True):
        said = " ".join(tokenizer.decode(row, skip_special_tokens=True).split())
        tail = triples.unnamed(said, _SHORT)
        best.setdefault(tail, Beam(tail, score))
    return list(best.values())
