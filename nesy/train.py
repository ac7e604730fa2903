"""LoRA fine-tuning of a local causal language model: the loop, its checkpoints, its report.

Loss is on target tokens only. Batches hold examples of like length up to a number of tokens;
their order depends on the seed alone, so a training that was killed goes on as if it had not
been.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy import pretrained, rows
from nesy.errors import ModelError, TrainingError
from nesy.pretrained import Tokens
from nesy.rows import Batching, Preflight, Rows
from nesy.types import Example

if TYPE_CHECKING:
    import torch

_IGNORED = -100
REPORT = "training.json"
CURVE = "loss.jsonl"
_CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    ``rank``, ``alpha``, ``dropout`` are LoRA's, on all linear layers; ``embeddings`` trains
    the word embeddings (and the output layer) in full as well, which a model needs that must
    learn new words. ``warmup`` is the share of steps with a rising learning rate, after which
    it falls to 0 by a cosine.

    One step reads ``batch_size`` examples, in passes of at most ``batch_tokens`` tokens (pad
    included); with ``batch_size=None`` it reads ``accumulate`` passes of ``batch_tokens``.
    ``epochs`` may be a fraction. ``max_length`` is in tokens; longer examples lose their end.
    ``dtype="auto"`` computes in bfloat16 where that is fast, weights that are trained stay
    float32. ``checkpoint_seconds`` is the least time between two checkpoints.
    """

    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.0
    embeddings: bool = False
    lr: float = 2e-4
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
    """What a training did. Losses are means over target tokens of the first and last tenth."""

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
) -> TrainReport:
    """Train an adapter into ``out_dir``, as a plain PEFT adapter with its tokenizer.

    Called again after it was killed, it goes on from the last checkpoint; called again after
    it ended, it returns the report. ``init_adapter`` is trained on instead of a new one.

    Raises:
        TrainingError: nothing to learn from, the loss is not a number, or ``out_dir`` holds a
            training with other examples or settings.
        ModelError: the base model or ``init_adapter`` cannot be loaded.
    """
    import torch

    where = pretrained.locate(base)
    tokenizer = pretrained.load_tokenizer(where)
    tokens = rows.tokenize(tokenizer, examples)
    checked = rows.inspect(tokenizer, tokens, settings.max_length)
    if (out_dir / REPORT).is_file():
        return _finished(out_dir, _key(where, tokens, examples, settings, init_adapter))
    device = pretrained.device_of(settings.device)
    dtype = _compute_dtype(settings.dtype, device)
    torch.manual_seed(settings.seed)
    weights_dtype = torch.float32 if device == "cpu" else dtype
    model = pretrained.load_weights(where, device, weights_dtype, settings.device_map)
    key = _key(where, tokens, examples, settings, init_adapter)
    model = _with_adapter(model, settings, init_adapter)
    out_dir.mkdir(parents=True, exist_ok=True)
    data = Rows.cut(tokens, examples, settings.max_length)
    run = _Run(model, data, settings, device, dtype, out_dir, key)
    with pretrained.training_convolutions() if device == "cpu" else nullcontext():
        losses = run.go(on_progress)
    _save(model, tokenizer, out_dir)
    tenth = max(1, len(losses) // 10)
    report = TrainReport(
        adapter=str(out_dir),
        key=key,
        preflight=checked,
        steps=len(losses),
        tokens=run.tokens,
        seconds=round(run.seconds, 1),
        first_loss=sum(losses[:tenth]) / tenth,
        last_loss=sum(losses[-tenth:]) / tenth,
        trainable_parameters=sum(p.numel() for p in run.trained),
        dtype=str(dtype).removeprefix("torch."),
    )
    # The report is written last: without it the training counts as unfinished.
    _write(out_dir / REPORT, json.dumps(asdict(report), indent=2, ensure_ascii=False).encode())
    (out_dir / _CHECKPOINT).unlink(missing_ok=True)
    return report


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
    ) -> None:
        import torch

        self._model = model
        self._rows = data
        self._settings = settings
        self._device = model.get_input_embeddings().weight.device
        self._autocast = (
            nullcontext() if dtype == torch.float32 else torch.autocast(device.split(":")[0], dtype)
        )
        self._out_dir = out_dir
        self._key = key
        self._named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.trained = list(self._named.values())
        for parameter in self.trained:
            parameter.data = parameter.data.float()
        self._optimizer = torch.optim.AdamW(
            self.trained, lr=settings.lr, weight_decay=settings.weight_decay, fused=True
        )
        batching = Batching(
            settings.epochs,
            settings.batch_size,
            settings.batch_tokens,
            settings.accumulate,
            settings.seed,
        )
        self._steps = list(rows.plan([len(ids) for ids in data.ids], batching))
        self.tokens = 0
        self.seconds = 0.0

    def go(self, on_progress: Callable[[Progress], None] | None) -> list[float]:
        """Run all steps that are not done yet; return the loss of every step."""
        losses = self._resume()
        began = saved = time.monotonic()
        before = self.seconds
        self._model.train()
        with (self._out_dir / CURVE).open("a", encoding="utf-8") as curve:
            for number in range(len(losses), len(self._steps)):
                loss, rate = self._step(number), self._rate(number)
                self.seconds = before + time.monotonic() - began
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"step {number + 1} of {len(self._steps)}: the loss is {loss}; lower "
                        f"train.lr (now {self._settings.lr}) or set train.dtype to float32"
                    )
                losses.append(loss)
                line = {"step": number + 1, "loss": loss, "lr": rate, "tokens": self.tokens}
                curve.write(json.dumps(line) + "\n")
                now = time.monotonic()
                if now - saved >= self._settings.checkpoint_seconds:
                    curve.flush()
                    self._checkpoint(losses)
                    saved = now
                if on_progress is not None:
                    on_progress(
                        Progress(number + 1, len(self._steps), loss, self.tokens, self.seconds)
                    )
        return losses

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
        for one_pass in self._steps[number]:
            with self._autocast:
                part = self._loss(one_pass) / total
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
            self.tokens += sum(len(data.ids[i]) for i in one_pass)
        torch.nn.utils.clip_grad_norm_(self.trained, self._settings.max_grad_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(number)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return loss

    def _loss(self, chosen: Sequence[int]) -> torch.Tensor:
        """Sum over the target tokens of ``chosen`` of weight times cross entropy.

        With a negative weight it is unlikelihood, -log(1 - p) of each token (Welleck 2020).
        """
        import torch
        from torch.nn.functional import cross_entropy

        data = self._rows
        width = max(len(data.ids[i]) for i in chosen)
        first = min(data.starts[i] for i in chosen)
        ids = torch.zeros((len(chosen), width), dtype=torch.long)
        labels = torch.full((len(chosen), width), _IGNORED)
        for place, i in enumerate(chosen):
            row = torch.tensor(data.ids[i])
            ids[place, : len(row)] = row
            labels[place, data.starts[i] : len(row)] = row[data.starts[i] :]
        # Pad stands on the right, where no real token of a causal model can see it, so no
        # attention mask is needed. Only positions that predict a target need logits.
        logits = self._model(
            input_ids=ids.to(self._device), use_cache=False, logits_to_keep=width - first + 1
        ).logits[:, :-1]
        aims = labels[:, first:].to(logits.device)
        each = cross_entropy(
            logits.reshape(-1, logits.shape[-1]).float(),
            aims.reshape(-1),
            ignore_index=_IGNORED,
            reduction="none",
        )
        each = each.view(len(chosen), -1)
        weights = torch.tensor([data.weights[i] for i in chosen], device=each.device)
        wrong = weights < 0
        if wrong.any():
            # Where there is no token to learn the cross entropy is 0, and p would be 1.
            told = aims[wrong] != _IGNORED
            unlike = -torch.log1p(-torch.exp(-each[wrong]).clamp(max=1 - 1e-6))
            each = each.index_put((wrong,), torch.where(told, unlike, 0.0))
        return (each.sum(-1) * weights.abs()).sum()

    def _rate(self, number: int) -> float:
        """Learning rate of step ``number``, counted from 0."""
        steps = len(self._steps)
        rising = max(1, round(self._settings.warmup * steps))
        if number < rising:
            return self._settings.lr * (number + 1) / rising
        along = (number - rising) / max(1, steps - rising)
        return self._settings.lr * 0.5 * (1 + math.cos(math.pi * along))

    def _checkpoint(self, losses: list[float]) -> None:
        import torch
        from safetensors.torch import save_file

        tensors = {"random": torch.get_rng_state()}
        for number, generator in enumerate(_cuda_states()):
            tensors[f"cuda/{number}"] = generator
        for name, parameter in self._named.items():
            tensors[f"weight/{name}"] = parameter.detach()
            for part, value in self._optimizer.state[parameter].items():
                tensors[f"{part}/{name}"] = value
        figures = {"losses": losses, "tokens": self.tokens, "seconds": self.seconds}
        part_file = self._out_dir / (_CHECKPOINT + ".part")
        save_file(tensors, part_file, {"key": self._key, "figures": json.dumps(figures)})
        part_file.replace(self._out_dir / _CHECKPOINT)

    def _resume(self) -> list[float]:
        """Restore the last checkpoint, if there is one; return the losses up to it."""
        import torch
        from safetensors import safe_open

        path = self._out_dir / _CHECKPOINT
        curve = self._out_dir / CURVE
        if not path.is_file():
            curve.unlink(missing_ok=True)
            return []
        with safe_open(path, "pt") as state:
            about = state.metadata()
            if about["key"] != self._key:
                raise _other_training(self._out_dir)
            for name, parameter in self._named.items():
                with torch.no_grad():
                    parameter.copy_(state.get_tensor(f"weight/{name}"))
                self._optimizer.state[parameter] = {
                    part: state.get_tensor(f"{part}/{name}").to(parameter.device)
                    for part in ("step", "exp_avg", "exp_avg_sq")
                }
            torch.set_rng_state(state.get_tensor("random"))
            cuda = [state.get_tensor(f"cuda/{n}") for n in range(len(_cuda_states()))]
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        figures = json.loads(about["figures"])
        self.tokens, self.seconds = figures["tokens"], figures["seconds"]
        losses: list[float] = figures["losses"]
        kept = curve.read_text("utf-8").splitlines()[: len(losses)]
        _write(curve, "".join(f"{line}\n" for line in kept).encode())
        return losses


def _cuda_states() -> list[torch.Tensor]:
    """States of the random generators of all CUDA devices."""
    import torch

    return torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def _compute_dtype(name: str, device: str) -> torch.dtype:
    import torch

    if name == "auto" and device == "cpu":
        fast = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return torch.bfloat16 if fast is not None and fast() else torch.float32
    return pretrained.dtype_of(name, device)


def _with_adapter(model: Any, settings: Settings, init_adapter: Path | None) -> Any:
    from peft import LoraConfig, PeftModel, get_peft_model

    if settings.gradient_checkpointing:
        # Older releases know it by another name only.
        enable = getattr(model, "activation_checkpointing_enable", None)
        (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
        model.enable_input_require_grads()
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
        raise _other_training(out_dir)
    return TrainReport(**{**found, "preflight": Preflight(**found["preflight"])})


def _other_training(out_dir: Path) -> TrainingError:
    return TrainingError(
        f"{out_dir}: holds a training of another base, with other examples or settings; delete "
        f"the folder or choose another"
    )


def _save(model: Any, tokenizer: Any, out_dir: Path) -> None:
    model.save_pretrained(str(out_dir), safe_serialization=True)
    tokenizer.save_pretrained(str(out_dir))


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once, so that a kill leaves the old or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
