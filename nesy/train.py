"""LoRA fine-tuning of a local causal language model: the loop, its checkpoints, its report.

Loss is on target tokens only. Batches hold examples of like length up to a number of tokens;
their order depends on the seed alone, so a training that was killed goes on as if it had not
been. Examples are padded, not packed into one row: the convolutions of hybrids such as ``Lfm2``
would carry one example into the next, and sorted by length less than a tenth is pad.

Several processes (``nesy.ranks``) share each step: its examples are dealt out, the gradients
summed. So the effective batch is the recipe's, however many there are. On a CPU the recipe can have
several ``copies``, each with steps of its own, that are averaged now and then (``nesy.local_sgd``).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy import checkpoint, divergence, local_sgd, pretrained, ranks, rows, zero
from nesy.errors import ModelError, TrainingError
from nesy.local_sgd import Copies
from nesy.pretrained import Tokens
from nesy.rows import Batching, Preflight, Rows
from nesy.types import Example

if TYPE_CHECKING:
    import torch

    from nesy.cpu import OnePiece

_IGNORED = -100
# Rows and targets of a pass are filled up to these, so that few shapes occur in a training: the
# products of a CPU are compiled for each shape, which takes as long as some fifty of them.
_WIDTH, _TARGETS = 16, 64
REPORT = "training.json"
CURVE = "loss.jsonl"
HELD_OUT = "held_out.jsonl"
_CHECKPOINT = "checkpoint.safetensors"
_BEST = "best.safetensors"
_JUDGED = "judged"
_ALONE = Copies(0, 1, (), -1)  # with nobody to share memory with
_LEAST = 50_000  # tokens of a training with copies; one starts as long as it reads 10,000
_COPY = "nesy.train:follow_first"

Judge = Callable[[Path], float]
"""Returns the accuracy, 0 to 1, of the student with the adapter of a folder."""


@dataclass(frozen=True, slots=True)
class WhiteBox:
    """A teacher whose logits are at hand, because its weights are local.

    It reads what the student reads, and must have the student's vocabulary. The loss of a token
    that is learned is (1 - ``weight``) times its cross entropy plus ``weight`` times ``loss``.
    """

    teacher: str
    loss: divergence.Divergence = "forward-kl"
    weight: float = 0.5
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class LocalSGD:
    """``copies`` of a model, each a process that reads other examples in the same steps.

    After ``steps`` steps of each all go on from the mean of their weights.
    """

    copies: int
    steps: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    ``rank``, ``alpha``, ``dropout`` are LoRA's, on all linear layers; ``embeddings`` trains
    the word embeddings (and the output layer) in full as well, which a model needs that must
    learn new words. ``warmup`` is the share of steps with a rising learning rate, after which
    it falls to 0 by a cosine. ``beta2`` is AdamW's: how much of the mean square of the gradients
    stays from step to step.

    One step reads ``batch_size`` examples, in passes of at most ``batch_tokens`` tokens (pad
    included); with ``batch_size=None`` it reads ``accumulate`` passes of ``batch_tokens``.
    ``epochs`` may be a fraction. ``max_length`` is in tokens; longer examples lose their end.
    ``dtype="auto"`` computes in bfloat16 where that is fast, weights that are trained stay
    float32. ``quantization="4bit"`` keeps the others in four bits (QLoRA), which needs
    bitsandbytes. ``checkpoint_seconds`` is the least time between two checkpoints.

    ``evaluations`` is how often a training is judged on what it is not trained on: the adapter
    with the highest accuracy is the one that is kept, and after ``patience`` evaluations in a
    row without a higher one the training ends.

    With ``local_sgd`` copies of the model train side by side on a CPU. Elsewhere, where a launcher
    started several processes, and for fewer tokens than are worth it, there is one.

    With ``white_box`` the student also follows the next-token probabilities of a local teacher.
    """

    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.0
    embeddings: bool = False
    lr: float = 2e-4
    beta2: float = 0.999
    epochs: float = 3.0
    warmup: float = 0.1
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_length: int = 4096
    batch_size: int | None = None
    batch_tokens: int = 4096
    accumulate: int = 1
    dtype: str = "auto"
    gradient_checkpointing: bool = False
    seed: int = 0
    device: str = "auto"
    device_map: str | None = None
    checkpoint_seconds: float = 60.0
    quantization: str | None = None
    evaluations: int = 0
    patience: int | None = None
    white_box: WhiteBox | None = None
    local_sgd: LocalSGD | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is; ``loss`` of the last step, ``tokens`` read and ``seconds`` so far."""

    step: int
    steps: int
    loss: float
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training did. Losses are means over target tokens of the first and last tenth.

    With several copies ``steps`` and losses are those of the first (where they meet, the mean of
    all), ``tokens`` what all have read.
    Where it was judged, ``accuracy`` is the highest and ``best_step`` the step of the adapter.
    """

    adapter: str
    key: str
    preflight: Preflight
    steps: int
    tokens: int
    seconds: float
    first_loss: float
    last_loss: float
    trainable_parameters: int
    dtype: str
    best_step: int | None = None
    accuracy: float | None = None


def preflight(base: str, examples: Sequence[Example], settings: Settings) -> Preflight:
    """Count what a training would see, without loading the weights.

    Raises:
        TrainingError: there is nothing to learn from.
        ModelError: the tokenizer is missing or has no end token.
    """
    tokenizer = pretrained.load_tokenizer(pretrained.locate(base))
    return rows.inspect(tokenizer, rows.tokenize(tokenizer, examples), settings.max_length)


def train(
    base: str,
    examples: Sequence[Example],
    settings: Settings,
    out_dir: Path,
    on_progress: Callable[[Progress], None] | None = None,
    init_adapter: Path | None = None,
    judge: Judge | None = None,
    tokens: Sequence[Tokens] | None = None,
) -> TrainReport:
    """Train an adapter into ``out_dir``, as a plain PEFT adapter with its tokenizer.

    Called again after it was killed, it goes on from the last checkpoint; called again after
    it ended, it returns the report. ``init_adapter`` is trained on instead of a new one.
    ``judge`` is asked ``settings.evaluations`` times. ``tokens`` are those of the examples, where
    ``rows.tokenize`` has already given them. Where there are several processes, the first calls
    this, and the others are in ``follow``.

    Raises:
        TrainingError: nothing to learn from, the loss is not a number, a teacher to follow has
            another vocabulary, or ``out_dir`` holds a training with other examples or settings.
        ModelError: the base model or ``init_adapter`` cannot be loaded.
    """
    where = pretrained.locate(base)
    tokenizer = pretrained.load_tokenizer(where)
    tokens = rows.tokenize(tokenizer, examples) if tokens is None else tokens
    checked = rows.inspect(tokenizer, tokens, settings.max_length)
    if settings.white_box is not None:
        _same_vocabulary(base, settings.white_box.teacher)
    if (out_dir / REPORT).is_file():
        return _finished(out_dir, _key(where, tokens, examples, settings, init_adapter))
    job = (base, tokens, examples, settings, out_dir, init_adapter)
    if ranks.count() > 1:
        ranks.told(job)
    count = _copies(settings, checked.tokens * settings.epochs)
    with local_sgd.led(count, _COPY, job) as copies:
        run = _prepared(where, tokens, examples, settings, out_dir, init_adapter, copies)
        losses = run.go(on_progress, judge)
    run.save(tokenizer)
    best = run.best
    tenth = max(1, len(losses) // 10)
    report = TrainReport(
        adapter=str(out_dir),
        key=run.key,
        preflight=checked,
        steps=len(losses),
        tokens=run.tokens,
        seconds=round(run.seconds, 1),
        first_loss=sum(losses[:tenth]) / tenth,
        last_loss=sum(losses[-tenth:]) / tenth,
        trainable_parameters=run.size,
        dtype=str(run.dtype).removeprefix("torch."),
        best_step=None if best is None else best.step,
        accuracy=None if best is None else best.accuracy,
    )
    # The report is written last: without it the training counts as unfinished.
    _write(out_dir / REPORT, json.dumps(asdict(report), indent=2, ensure_ascii=False).encode())
    for name in (_CHECKPOINT, _BEST):
        (out_dir / name).unlink(missing_ok=True)
    return report


def follow() -> None:
    """Take part in every training of the first process, until that has ended.

    Raises:
        TrainingError: the loss is not a number.
        ModelError: the base model or an adapter cannot be loaded.
    """
    while (job := ranks.told(None)) is not None:
        run = _of_job(job, _ALONE)
        run.go(None, None)
        run.save(None)


def follow_first(line: Connection) -> None:
    """Train a copy beside the process that started this one, until that has enough."""
    # It ends or kills its copies, and says itself what went wrong.
    with suppress(TrainingError, EOFError):
        copies, job = local_sgd.followed(line)
        _of_job(job, copies).go(None, None)


def _copies(settings: Settings, tokens: float) -> int:
    """How many copies of a model shall train, so that they read ``tokens`` together."""
    if settings.local_sgd is None or tokens < _LEAST or os.name != "posix" or ranks.count() > 1:
        return 1
    return settings.local_sgd.copies if pretrained.device_of(settings.device) == "cpu" else 1


def _of_job(job: Any, copies: Copies) -> _Run:
    base, tokens, examples, settings, out_dir, init_adapter = job
    where = pretrained.locate(base)
    return _prepared(where, tokens, examples, settings, out_dir, init_adapter, copies)


def _prepared(
    where: str,
    tokens: Sequence[Tokens],
    examples: Sequence[Example],
    settings: Settings,
    out_dir: Path,
    init_adapter: Path | None,
    copies: Copies,
) -> _Run:
    """Load the model with its adapter, and everything else that a training needs."""
    import torch

    device = pretrained.device_of(settings.device)
    dtype = _compute_dtype(settings.dtype, device)
    torch.manual_seed(settings.seed)
    # Shards of one layer have one dtype, and what is trained stays float32.
    spread = ranks.sharded() or zero.stage() == 3
    weights = torch.float32 if device == "cpu" or spread else dtype
    model = pretrained.load_weights(
        where, device, weights, settings.device_map, settings.quantization
    )
    model = _with_adapter(model, settings, init_adapter)
    piece = None
    if device == "cpu":
        from nesy import cpu

        cpu.keep_memory()
        cpu.attend_to_short_rows(model.get_base_model())
        cpu.normalise_at_once(model)
        if ranks.count() == 1:  # else parameters are exchanged or spread one by one
            piece = cpu.OnePiece(model, dtype)
            cpu.as_one_product(model, dtype, piece)
    data = Rows.cut(tokens, examples, settings.max_length)
    key = _key(where, tokens, examples, settings, init_adapter)
    out_dir.mkdir(parents=True, exist_ok=True)
    return _Run(model, data, settings, device, dtype, out_dir, key, copies, piece)


@dataclass(frozen=True, slots=True)
class Judged:
    """The line of ``held_out.jsonl``: the accuracy after a step."""

    step: int
    accuracy: float


class _Run:
    """The training loop and everything that a checkpoint must hold."""

    def __init__(
        self,
        model: Any,
        data: Rows,
        settings: Settings,
        device: str,
        dtype: torch.dtype,
        out_dir: Path,
        key: str,
        copies: Copies,
        piece: OnePiece | None,
    ) -> None:
        import torch

        self._copies = copies
        self._piece = piece
        self._first = ranks.rank() == 0 and copies.place == 0
        self._model = model
        self._rows = data
        self._settings = settings
        self._device = model.get_input_embeddings().weight.device
        kind = device.split(":")[0]
        self._teacher = _teacher(settings, device)
        self._autocast = nullcontext() if dtype == torch.float32 else torch.autocast(kind, dtype)
        # Gradients below the smallest float16 would be lost without a scale.
        scaled = dtype == torch.float16 and not zero.stage()
        self._scaler = torch.amp.GradScaler(kind, enabled=scaled)
        self._convolutions = _convolutions(device)
        self.dtype = dtype
        self._out_dir = out_dir
        self.key = key
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if ranks.sharded():
            ranks.shard(model)
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._trained = list(self._named.values())
        self.size = sum(p.numel() for p in self._trained)
        self._zero: zero.Zero | None = None
        # What the optimizer knows the trained weights by.
        self._optimized = self._trained if piece is None else [piece.weights]
        self._optimizer = torch.optim.AdamW(
            self._optimized,
            lr=settings.lr,
            betas=(0.9, settings.beta2),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        batching = Batching(
            settings.epochs,
            settings.batch_size,
            settings.batch_tokens,
            settings.accumulate,
            settings.seed,
        )
        self._lengths = [len(ids) for ids in data.ids]
        self._longest = max(self._lengths, default=0)
        meet = 1 if settings.local_sgd is None else settings.local_sgd.steps
        steps = rows.plan(self._lengths, batching)
        self._turns = rows.turns(steps, copies.count, meet, self._lengths)
        self._steps = [turn[copies.place] for turn in self._turns]
        self.tokens = 0
        self.seconds = 0.0
        self._judged: list[Judged] = []

    @property
    def best(self) -> Judged | None:
        """The first of the evaluations with the highest accuracy."""
        return max(self._judged, key=lambda one: one.accuracy, default=None)

    def go(
        self, on_progress: Callable[[Progress], None] | None, judge: Judge | None
    ) -> list[float]:
        """Run all steps that are not done yet; return the loss of every step."""
        losses = self._resume()
        if zero.stage():
            clip = self._settings.max_grad_norm
            self._zero = zero.Zero(self._model, self._optimizer, clip, self.dtype)
        with self._convolutions:
            self._go(losses, on_progress, judge)
        return losses

    def _go(
        self,
        losses: list[float],
        on_progress: Callable[[Progress], None] | None,
        judge: Judge | None,
    ) -> None:
        began = saved = time.monotonic()
        before = self.seconds
        self._model.train()
        curve_file = self._out_dir / CURVE if self._first else Path(os.devnull)
        with curve_file.open("a", encoding="utf-8") as curve:
            for number in range(len(losses), len(self._steps)):
                if self._enough():
                    return
                loss, rate = self._step(number), self._rate(number)
                if alike := self._meets(number + 1):
                    loss = self._average(loss)
                if not math.isfinite(loss) and self._copies.place == 0:
                    raise TrainingError(
                        f"step {number + 1} of {len(self._steps)}: the loss is {loss}; lower "
                        f"train.lr (now {self._settings.lr}) or set train.dtype to float32"
                    )
                losses.append(loss)
                line = {"step": number + 1, "loss": loss, "lr": rate, "tokens": self.tokens}
                curve.write(json.dumps(line) + "\n")
                self.seconds = before + time.monotonic() - began
                if not alike or self._copies.place > 0:
                    continue
                due = time.monotonic() - saved >= self._settings.checkpoint_seconds
                if number + 1 in self._evaluated():
                    self._evaluate(number + 1, judge)
                    due = True
                if ranks.count() > 1:
                    due = ranks.told(due)
                if due:
                    curve.flush()
                    self._checkpoint(losses)
                    saved = time.monotonic()
                if on_progress is not None:
                    on_progress(
                        Progress(number + 1, len(self._steps), loss, self.tokens, self.seconds)
                    )

    def _meets(self, step: int) -> bool:
        """Whether all copies are the same after a step, so that it can be kept or judged."""
        if self._copies.count == 1 or step == len(self._steps):
            return True
        beside = self._settings.local_sgd
        return beside is None or step % beside.steps == 0 or step in self._evaluated()

    def _average(self, loss: float) -> float:
        """Go on from the mean of all copies; return that of their losses."""
        import torch

        if self._copies.count == 1:
            return loss
        mean = torch.tensor([loss])
        states = [self._optimizer.state[p] for p in self._optimized]
        moments = [state[name] for state in states for name in checkpoint.MOMENTS]
        self._copies.average([mean, *self._optimized, *moments])
        return float(mean)

    def _evaluated(self) -> set[int]:
        """Steps after which the adapter is judged, the last among them."""
        often = min(self._settings.evaluations, len(self._steps))
        return {math.ceil(len(self._steps) * (n + 1) / often) for n in range(often)}

    def _evaluate(self, step: int, judge: Judge | None) -> None:
        """Judge the adapter as it is; keep it if it is the best so far."""
        from safetensors.torch import save_file

        state = self._state()
        accuracy = 0.0
        if judge is not None:
            folder = self._out_dir / _JUDGED
            self._model.save_pretrained(str(folder), state_dict=state, safe_serialization=True)
            accuracy = judge(folder)
            shutil.rmtree(folder)
            self._model.train()
        accuracy = ranks.told(accuracy) if ranks.count() > 1 else accuracy
        best = self.best
        self._judged.append(Judged(step, accuracy))
        if ranks.rank() > 0:
            return
        if best is None or accuracy > best.accuracy:
            part = self._out_dir / (_BEST + ".part")
            save_file({name: state[name] for name in self._named}, part)
            part.replace(self._out_dir / _BEST)
        lines = "".join(json.dumps(asdict(one)) + "\n" for one in self._judged)
        _write(self._out_dir / HELD_OUT, lines.encode())

    def _enough(self) -> bool:
        """Whether the accuracy has not risen for so long that the training ends."""
        patience, best = self._settings.patience, self.best
        if patience is None or best is None:
            return False
        return len(self._judged) - 1 - self._judged.index(best) >= patience

    def _state(self) -> dict[str, torch.Tensor]:
        """The trained weights, whole; all processes call it."""
        # Under all names of a weight that is tied, as peft looks for it.
        named = self._model.named_parameters(remove_duplicate=False)
        return {name: self._whole(p) for name, p in named if p.requires_grad}

    def _whole(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        if self._zero is not None:
            return self._zero.weight(parameter)
        whole = ranks.whole(parameter.detach())
        # A part of one piece must not be saved with all of it.
        return whole if self._piece is None else whole.clone()

    def save(self, tokenizer: Any) -> None:
        """Write the adapter, the best where it was judged; all processes call it."""
        from safetensors.torch import load_file

        state = self._state()
        if ranks.rank() > 0:
            return
        if self._judged:
            best = load_file(self._out_dir / _BEST)
            same = {id(p): name for name, p in self._named.items()}
            named = self._model.named_parameters(remove_duplicate=False)
            state = {name: best[same[id(p)]] for name, p in named if p.requires_grad}
        self._model.save_pretrained(str(self._out_dir), state_dict=state, safe_serialization=True)
        tokenizer.save_pretrained(str(self._out_dir))

    def _step(self, number: int) -> float:
        """Do one optimizer step; return the mean loss over its target tokens, by weight."""
        import torch

        data = self._rows
        total = sum(
            abs(data.weights[i]) * (len(data.ids[i]) - data.starts[i])
            for one_pass in self._steps[number]
            for i in one_pass
        )
        loss = 0.0
        if self._piece is not None:
            self._piece.clear()
        passes = self._passes(number)
        for place, (one_pass, share) in enumerate(passes, 1):
            with self._autocast:
                part = self._loss(one_pass) * share / total
            if self._zero is not None:
                self._zero.backward(part, last=place == len(passes))
            else:
                self._scaler.scale(part).backward()  # type: ignore[no-untyped-call]
            if self._piece is not None:
                self._piece.collect()
            loss += float(part.detach())
        self.tokens += sum(
            len(data.ids[i]) for step in self._turns[number] for one_pass in step for i in one_pass
        )
        if ranks.count() > 1:
            loss = self._together(loss)
        if self._zero is not None:
            self._zero.step(self._rate(number))
            return loss
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._optimized, self._settings.max_grad_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(number)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._piece is None:
            self._optimizer.zero_grad(set_to_none=True)
        return loss

    def _passes(self, number: int) -> list[tuple[Sequence[int], float]]:
        """The passes of this process in a step, each with a factor of its loss."""
        import torch

        step, count = self._steps[number], ranks.count()
        if max(count, self._copies.count) > 1:
            # Dropout differs between the processes, and is the same after a resume.
            place = max(ranks.rank(), self._copies.place)
            torch.manual_seed(hash((self._settings.seed, number, place)))
        if count == 1:
            return [(one_pass, 1.0) for one_pass in step]
        shares = rows.dealt(step, self._lengths, self._settings.batch_tokens, count)
        mine: list[tuple[Sequence[int], float]] = [(one, 1.0) for one in shares[ranks.rank()]]
        if not (ranks.sharded() or self._zero):
            return mine
        # What is spread is gathered in every pass, so all need the same number of them, and
        # the mean of the gradients is taken.
        most = max(map(len, shares))
        idle = [(step[0][:1], 0.0)] * (most - len(mine))
        return [(one_pass, share * count) for one_pass, share in [*mine, *idle]]

    def _together(self, loss: float) -> float:
        """Sum gradients and loss over the processes."""
        if ranks.sharded() or self._zero:
            return ranks.total(loss, self._device) / ranks.count()
        ranks.add_up(self._trained)
        return ranks.total(loss, self._device)

    def _loss(self, chosen: Sequence[int]) -> torch.Tensor:
        """Sum over the target tokens of ``chosen`` of weight times cross entropy.

        With a negative weight it is unlikelihood, -log(1 - p) of each token (Welleck 2020).
        """
        import torch
        from torch.nn.functional import cross_entropy

        data = self._rows
        width = -(-max(len(data.ids[i]) for i in chosen) // _WIDTH) * _WIDTH
        width = min(width, self._longest)  # which the model can surely read
        ids = torch.zeros((len(chosen), width), dtype=torch.long)
        labels = torch.full((len(chosen), width + 1), _IGNORED)
        for place, i in enumerate(chosen):
            row = torch.tensor(data.ids[i])
            ids[place, : len(row)] = row
            labels[place, data.starts[i] : len(row)] = row[data.starts[i] :]
        aims = labels[:, 1:]  # a position predicts the token after it
        places = aims != _IGNORED
        logits = self._logits(self._zero or self._model, ids, places)
        each = cross_entropy(logits.float(), aims[places].to(logits.device), reduction="none")
        weights = torch.tensor([data.weights[i] for i in chosen])[places.nonzero()[:, 0]]
        weights = weights.to(logits.device)
        if self._settings.white_box is not None:
            each = self._followed(self._settings.white_box, each, logits, weights > 0, ids, places)
        wrong = weights < 0
        if wrong.any():
            unlike = -torch.log1p(-torch.exp(-each[wrong]).clamp(max=1 - 1e-6))
            each = each.index_put((wrong,), unlike)
        return (each * weights.abs()).sum()

    def _logits(self, model: Any, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Logits (places, words) at the ``places`` (rows, tokens) that predict a target.

        Those of prompt and pad would be half of them: a small model spends a fifth of its time
        on its output layer, and as much on the loss.
        """
        import torch

        chosen = places.flatten().nonzero()[:, 0]
        count = len(chosen)
        chosen = torch.cat([chosen, chosen.new_zeros(-count % _TARGETS)])

        def those(_: Any, read: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            return (read[0].flatten(0, 1).index_select(0, chosen.to(read[0].device)),)

        source = self._teacher if model is self._teacher else self._model
        device = source.get_input_embeddings().weight.device
        # Pad stands on the right, where no real token of a causal model can see it, so no
        # attention mask is needed.
        with source.get_output_embeddings().register_forward_pre_hook(those):
            found: torch.Tensor = model(input_ids=ids.to(device), use_cache=False).logits
        return found[:count]

    def _followed(
        self,
        box: WhiteBox,
        each: torch.Tensor,
        logits: torch.Tensor,
        learned: torch.Tensor,
        ids: torch.Tensor,
        places: torch.Tensor,
    ) -> torch.Tensor:
        """Mix the loss of the tokens that are learned with their distance to the teacher's."""
        import torch

        with torch.no_grad():
            theirs = self._logits(self._teacher, ids, places).to(logits.device)
        words = min(logits.shape[-1], theirs.shape[-1])  # beyond it is pad, of unequal sizes
        told, own = (some[learned][:, :words].float() for some in (theirs, logits))
        far = divergence.of(box.loss, told, own, box.temperature)
        mixed = (1 - box.weight) * each[learned] + box.weight * far
        return each.index_put((learned,), mixed)

    def _rate(self, number: int) -> float:
        """Learning rate of step ``number``, counted from 0."""
        steps = len(self._steps)
        rising = max(1, round(self._settings.warmup * steps))
        if number < rising:
            return self._settings.lr * (number + 1) / rising
        along = (number - rising) / max(1, steps - rising)
        return self._settings.lr * 0.5 * (1 + math.cos(math.pi * along))

    def _checkpoint(self, losses: list[float]) -> None:
        figures = {
            "losses": losses,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "judged": [asdict(one) for one in self._judged],
            "scaler": self._scaler.state_dict(),
        }
        tensors = {
            name: (self._whole(parameter), self._moments(parameter))
            for name, parameter in self._named.items()
        }
        if ranks.rank() == 0:
            checkpoint.save(self._out_dir / _CHECKPOINT, self.key, tensors, figures)

    def _moments(self, parameter: torch.nn.Parameter) -> dict[str, torch.Tensor]:
        """What the optimizer holds of a weight, whole."""
        if self._zero is not None:
            return self._zero.state(parameter)
        if self._piece is None:
            return {k: ranks.whole(v) for k, v in self._optimizer.state[parameter].items()}
        state = self._optimizer.state[self._piece.weights]
        parts = {k: self._piece.part(state[k], parameter).clone() for k in checkpoint.MOMENTS}
        return {"step": state["step"].clone(), **parts}

    def _in_one_piece(self, piece: OnePiece) -> None:
        """Put together what the optimizer knows of each weight."""
        import torch

        states = [self._optimizer.state.pop(p) for p in self._trained]
        moments = {k: torch.cat([s[k].flatten() for s in states]) for k in checkpoint.MOMENTS}
        self._optimizer.state[piece.weights] = {"step": states[0]["step"], **moments}

    def _resume(self) -> list[float]:
        """Restore the last checkpoint, if there is one; return the losses up to it."""
        curve = self._out_dir / CURVE
        figures = checkpoint.restore(
            self._out_dir / _CHECKPOINT, self.key, self._named, self._optimizer
        )
        if figures is None:
            if self._first:
                curve.unlink(missing_ok=True)
            return []
        if self._piece is not None:
            self._in_one_piece(self._piece)
        self.tokens, self.seconds = figures["tokens"], figures["seconds"]
        losses: list[float] = figures["losses"]
        self._judged = [Judged(**one) for one in figures["judged"]]
        self._scaler.load_state_dict(figures["scaler"])
        if not self._first:
            return losses
        kept = curve.read_text("utf-8").splitlines()[: len(losses)]
        _write(curve, "".join(f"{line}\n" for line in kept).encode())
        return losses


def _compute_dtype(name: str, device: str) -> torch.dtype:
    import torch

    if name == "auto" and device == "cpu":
        return torch.bfloat16 if pretrained.multiplies_bfloat16() else torch.float32
    return pretrained.dtype_of(name, device)


def _convolutions(device: str) -> AbstractContextManager[None]:
    if device != "cpu":
        return nullcontext()
    from nesy import cpu

    return cpu.training_convolutions()


def _teacher(settings: Settings, device: str) -> Any:
    """The model that the student follows, in evaluation mode, or ``None``."""
    if settings.white_box is None:
        return None
    where = pretrained.locate(settings.white_box.teacher)
    dtype = pretrained.dtype_of("auto", device)
    return pretrained.load_weights(where, device, dtype, settings.device_map)


def _same_vocabulary(base: str, teacher: str) -> None:
    tokenizers = [pretrained.load_tokenizer(pretrained.locate(one)) for one in (base, teacher)]
    if tokenizers[0].get_vocab() != tokenizers[1].get_vocab():
        raise TrainingError(
            f"{teacher} and {base} have other vocabularies, so their probabilities can't be "
            "compared; choose a teacher of the student's family, or leave whitebox out"
        )


def _with_adapter(model: Any, settings: Settings, init_adapter: Path | None) -> Any:
    from peft import LoraConfig, PeftModel, get_peft_model

    if settings.gradient_checkpointing:
        # Older releases know it by another name only.
        enable = getattr(model, "activation_checkpointing_enable", None)
        (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
        model.enable_input_require_grads()
    if settings.quantization is not None:
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if init_adapter is not None:
        if not (init_adapter / "adapter_model.safetensors").is_file():
            raise ModelError(f"{init_adapter}: no adapter_model.safetensors there to start from")
        with pretrained.adapting():
            return PeftModel.from_pretrained(model, str(init_adapter), is_trainable=True)
    tied = bool(getattr(model.config, "tie_word_embeddings", False))
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        modules_to_save=_word_modules(model, tied) if settings.embeddings else None,
        ensure_weight_tying=settings.embeddings and tied,
    )
    with pretrained.adapting():
        return get_peft_model(model, config)


def _word_modules(model: Any, tied: bool) -> list[str]:
    """Names of the embedding and, if it has weights of its own, of the output layer."""
    wanted = [model.get_input_embeddings()]
    if not tied:
        wanted.append(model.get_output_embeddings())
    return [
        name.rpartition(".")[2] for name, m in model.named_modules() if any(m is w for w in wanted)
    ]


def _key(
    where: str,
    tokens: Sequence[Tokens],
    examples: Sequence[Example],
    settings: Settings,
    init_adapter: Path | None,
) -> str:
    """Hash of everything that decides the outcome."""
    decisive = asdict(settings)
    del decisive["checkpoint_seconds"]
    # What is new did not change what earlier trainings were.
    if settings.local_sgd is None:
        del decisive["local_sgd"]
    if settings.beta2 == 0.999:
        del decisive["beta2"]
    if settings.white_box is not None:
        decisive["teacher"] = pretrained.fingerprint(pretrained.locate(settings.white_box.teacher))
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode())
    digest.update(pretrained.fingerprint(where).encode())
    if init_adapter is not None:
        digest.update(pretrained.fingerprint(str(init_adapter)).encode())
    for piece, example in zip(tokens, examples, strict=True):
        digest.update(f"{piece.prompt}{piece.target}{example.weight}\n".encode())
    return digest.hexdigest()


def _finished(out_dir: Path, key: str) -> TrainReport:
    found = json.loads((out_dir / REPORT).read_text("utf-8"))
    if found["key"] != key:
        raise checkpoint.of_another(out_dir)
    return TrainReport(**{**found, "preflight": Preflight(**found["preflight"])})


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once, so that a kill leaves the old or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
