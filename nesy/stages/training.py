"""The trainings of a distillation: settings, length, and the judge on held-out questions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

from nesy import pretrained, prompts, rows, student, train, views
from nesy.answer import answer
from nesy.errors import TrainingError
from nesy.progress import Progress
from nesy.recipe import Recipe
from nesy.runs import Run
from nesy.types import Example, Question, Sampling


def train_student(
    recipe: Recipe,
    run: Run,
    name: str,
    examples: Sequence[Example],
    init: Path | None,
    epochs: float,
    progress: Progress,
    judge: train.Judge | None,
) -> Path:
    """Train an adapter into ``<run>/<name>``."""
    given = len(examples)
    if name == "stage1" and epochs < 1:
        # What is not read need not be tokenized. Later trainings may have a budget of tokens,
        # which only a part of an epoch meets exactly.
        drawn = Random(recipe.train.seed).sample(range(given), math.ceil(given * epochs))
        examples, epochs = [examples[i] for i in sorted(drawn)], 1.0
    beside = recipe.local_sgd
    settings = train.Settings(
        rank=recipe.train.rank,
        alpha=recipe.train.alpha,
        dropout=recipe.train.dropout,
        embeddings=recipe.train.embeddings,
        lr=recipe.train.learning_rate,
        beta2=recipe.train.beta2,
        epochs=epochs,
        warmup=recipe.train.warmup,
        max_length=recipe.train.max_length,
        batch_size=recipe.train.batch_size,
        batch_tokens=recipe.train.batch_tokens,
        gradient_checkpointing=recipe.train.gradient_checkpointing,
        seed=recipe.train.seed,
        device=recipe.student.device,
        dtype=recipe.train.dtype,
        quantization=recipe.train.quantization,
        evaluations=0 if judge is None else recipe.train.evaluations,
        patience=recipe.train.patience,
        white_box=_white_box(recipe) if name != "stage1" else None,
        local_sgd=None if beside is None else train.LocalSGD(beside.copies, beside.steps),
    )
    folder = run.folder / name
    if name != "stage1":
        examples = _balanced(recipe, examples)
    tokenizer = pretrained.load_tokenizer(pretrained.locate(recipe.student.model))
    tokens = rows.tokenize(tokenizer, examples)
    checked = rows.inspect(tokenizer, tokens, settings.max_length)
    run.write_json(f"preflight-{name}", asdict(checked))
    progress.say(
        f"{name}: {checked.examples:,} examples, {checked.tokens:,} tokens of which "
        f"{checked.target_tokens:,} are trained, {checked.truncated:.1%} truncated, "
        f"{checked.untrained:.1%} without a trained token"
    )
    total = round(checked.tokens * epochs)
    with progress.stage(f"training {name}", total, "tokens") as advance:
        report = train.train(
            recipe.student.model,
            examples,
            settings,
            folder,
            lambda p: advance(p.tokens, f"loss {p.loss:.3f}"),
            init,
            judge,
            tokens,
        )
    if report.accuracy is not None:
        progress.say(
            f"  {report.accuracy:.1%} of the held-out questions are answered after step "
            f"{report.best_step}, more than before and after; that adapter is kept"
        )
    progress.say(
        f"  loss {report.first_loss:.3f} to {report.last_loss:.3f} in {report.steps} steps"
    )
    run.finish(name, examples=given, tokens=report.tokens, last_loss=report.last_loss)
    return folder


def epochs_of(
    recipe: Recipe,
    general: Sequence[Example],
    augmented: Mapping[str, Sequence[Example]],
    trainings: int,
) -> list[float]:
    """Return how often some of the trainings after the general one read their examples.

    All ``trainings`` together meet the budget, and each has the same part of it.
    """
    if recipe.budget is None:
        return [recipe.train.augmented_epochs] * len(augmented)
    base, longest = recipe.student.model, recipe.train.max_length
    tokenizer = pretrained.load_tokenizer(pretrained.locate(base))
    tokens = [
        rows.inspect(tokenizer, rows.tokenize(tokenizer, some), longest).tokens
        for some in (general, *augmented.values())
    ]
    before = recipe.train.general_epochs if recipe.train.init == "stage1" else 0
    left = tokens[0] * (recipe.budget - before)
    if left <= 0:
        raise TrainingError(
            f"budget: {recipe.budget:g} readings of the rationales are spent by the general "
            "distillation; give more, or set train.init to base"
        )
    return [left / trainings / count for count in tokens[1:]]


def judge_of(recipe: Recipe, held_out: Sequence[Question], kb: Path | None) -> train.Judge | None:
    """Measure an adapter on held-out questions, by the path of evaluation.

    Without ``kb`` it answers as the student of the general distillation, with it as the recipe's.
    """
    if not held_out:
        return None
    sampling = Sampling(max_tokens=recipe.student.max_tokens)
    prompt = prompts.load(student.PROMPT) if kb is None else student.prompt(recipe)
    search = None
    if kb is not None and recipe.answering.knowledge:
        search = student.load_search(recipe, kb, own=False)

    def judge(adapter: Path) -> float:
        lm = student.load_student(recipe, adapter)
        lm = lm if kb is None else student.answering(recipe, lm)
        attempts = answer(held_out, lm, prompt, sampling, search)
        return sum(attempt.outcome == "correct" for attempt in attempts) / len(held_out)

    return judge


def _white_box(recipe: Recipe) -> train.WhiteBox | None:
    """The teacher whose probabilities the student follows, if the recipe says so."""
    box = recipe.whitebox
    if box is None:
        return None
    return train.WhiteBox(recipe.teacher.model, box.loss, box.weight, box.temperature)


def _balanced(recipe: Recipe, examples: Sequence[Example]) -> Sequence[Example]:
    """Give the examples the weights of the recipe's views, if it has any."""
    if all(view.weight is None for view in recipe.views.values()):
        return examples
    tokenizer = pretrained.load_tokenizer(pretrained.locate(recipe.student.model))
    tokens = rows.tokenize(tokenizer, examples)
    return views.balanced(examples, rows.trained(tokens, recipe.train.max_length), recipe.views)
