"""A local causal language model, with an adapter if it was distilled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from nesy import pretrained, ranks
from nesy.errors import ModelError
from nesy.types import Completion, Messages, Sampling

if TYPE_CHECKING:
    from nesy.models.calculator import Mode
    from nesy.models.decoding import Row

_CPU_PLACES = 128
_GPU_PLACES = 256
_CPU_PREFILL = 8_192
_GPU_PREFILL = 65_536
_CPU_CACHE = 2 << 30  # bytes
_GPU_CACHE_SHARE = 0.6
_SCORED = 64  # texts whose probabilities are computed at once
_SMALL = 50_000_000  # parameters; a larger model keeps the threads of one process busy


class HFModel:
    """A transformers model behind the ``LM`` protocol; an adapter is merged into its weights."""

    def __init__(
        self,
        spec: str,
        *,
        adapter: str | Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        device_map: str | None = None,
        calculator: Mode = "off",
        batch_size: int | str = "auto",
    ) -> None:
        """Load the weights.

        ``calculator`` is described in ``models.calculator``; ``batch_size`` is the number of
        rows decoded at a time, ``auto`` by the memory that their caches need. With ``auto`` a
        small model on a CPU decodes in a process a core (``models.processes``).

        Raises:
            ModelError: the model or the adapter is missing, or a setting is unknown.
        """
        from nesy.models.calculator import Calculator
        from nesy.models.decoding import Decoder

        self._spec = spec
        self._settings = {
            "adapter": adapter,
            "device": device,
            "dtype": dtype,
            "device_map": device_map,
            "calculator": calculator,
            "batch_size": batch_size,
        }
        self._where = pretrained.locate(spec)
        self._adapter = None if adapter is None else Path(adapter)
        self._batch_size = _checked_batch_size(batch_size)
        self._device = pretrained.device_of(device)
        self._dtype = pretrained.dtype_of(dtype, self._device)
        source = self._where if self._adapter is None else _tokenizer_of(self._adapter, self._where)
        self.tokenizer = pretrained.load_tokenizer(source)
        self._calculator = Calculator(self.tokenizer, calculator)
        model = pretrained.load_weights(self._where, self._device, self._dtype, device_map)
        if self._adapter is not None:
            model = _merged(model, self._adapter)
        self.model = model
        self._ends = pretrained.end_ids(model, self.tokenizer)
        self._decoder = Decoder(model, self._ends, self._calculator)
        self._fingerprint: str | None = None

    @property
    def name(self) -> str:
        """The name it was asked for by, with the adapter's folder if it has one."""
        return self._spec if self._adapter is None else f"{self._spec}+{self._adapter}"

    @property
    def fingerprint(self) -> str:
        """Hash of weights, tokenizer, adapter, number format and calculator."""
        if self._fingerprint is None:
            parts = [pretrained.fingerprint(self._where), str(self._dtype), self._calculator.mode]
            if self._adapter is not None:
                parts.append(pretrained.fingerprint(str(self._adapter)))
            self._fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return self._fingerprint

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt; one that fills the context ends at once, with finish ``length``.

        Raises:
            ModelError: a prompt is empty.
        """
        found = dict(self.stream(prompts, sampling))
        return [found[index] for index in range(len(prompts))]

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the prompt, completion) as each finishes, so that none is lost.

        Raises:
            ModelError: a prompt is empty.
        """
        from nesy.models.decoding import Stop

        stop = Stop(self.tokenizer, sampling.stop)
        for index, row in self._decoded(prompts, sampling):
            if row is None:
                length = len(pretrained.prompt_ids(self.tokenizer, prompts[index]))
                yield index, Completion("", "length", length, 0)
                continue
            written = row.written[:-1] if row.written[-1] in self._ends else row.written
            text = stop.cut(self.tokenizer.decode(written, skip_special_tokens=True))
            yield (
                index,
                Completion(text, row.finish or "length", len(row.prompt), len(row.written)),
            )

    def confidences(self, prompts: Sequence[Messages], tokens: int) -> list[float]:
        """Return how sure the model is of the first ``tokens`` that it writes greedily.

        That is the mean of the best token's probability minus that of the second, in [0, 1];
        0 for a prompt that fills the context.

        Raises:
            ModelError: a prompt is empty.
        """
        from nesy.models.decoding import margin

        rows = dict(self._decoded(prompts, Sampling(max_tokens=tokens)))
        return [0.0 if row is None else margin(self.model, row) for _, row in sorted(rows.items())]

    def _decoded(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Row | None]]:
        """Yield (index, row) as each finishes; ``None`` for a prompt that fills the context."""
        from nesy.models import processes
        from nesy.models.decoding import Row

        context = getattr(self.model.config, "max_position_embeddings", None) or 1 << 30
        rows: list[Row] = []
        for index, messages in enumerate(prompts):
            ids = pretrained.prompt_ids(self.tokenizer, messages)
            if not ids:
                raise ModelError(f"prompt {index} is empty, so {self.name} cannot go on from it")
            limit = min(sampling.max_tokens, context - len(ids))
            if limit < 1:
                yield index, None
                continue
            random = None if sampling.temperature == 0 else Random(_seed(sampling.seed, ids))
            rows.append(Row(index, ids, limit, random))
        number = processes.count(len(rows), self._threads())
        if number == 1:
            running = self.decode(rows, sampling)
        else:
            model = processes.Held(self._spec, self._settings, self.fingerprint)
            running = processes.decode(model, rows, sampling, number)
        for row in running:
            yield row.index, row

    def decode(self, rows: Sequence[Row], sampling: Sampling) -> Iterator[Row]:
        """Complete rows in this process and yield each as it finishes."""
        from nesy.models.decoding import Choice, Stop

        cpu = self._device == "cpu"
        yield from self._decoder.run(
            rows,
            Choice(sampling.temperature, sampling.top_p),
            Stop(self.tokenizer, sampling.stop),
            places=self._places(rows),
            prefill_tokens=_CPU_PREFILL if cpu else _GPU_PREFILL,
        )

    def _threads(self) -> int:
        """The cores that may decode in processes of their own; 1 where none shall."""
        import torch

        alone = self._device == "cpu" and self._batch_size == "auto" and ranks.count() == 1
        small = self._settings["device_map"] is None and self.model.num_parameters() <= _SMALL
        return torch.get_num_threads() if alone and small else 1

    def logprobs(self, prompts: Sequence[Messages], texts: Sequence[str]) -> list[float]:
        """Natural logarithm of the probability of each text, its end included.

        Raises:
            ModelError: the tokenizer has no end token.
        """
        import torch

        found = [0.0] * len(texts)
        rows = pretrained.example_ids(self.tokenizer, list(zip(prompts, texts, strict=True)))
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].prompt) + len(rows[i].target))
        for first in range(0, len(order), _SCORED):
            chosen = order[first : first + _SCORED]
            ids = [torch.tensor(rows[i].prompt + rows[i].target) for i in chosen]
            # Pad stands on the right, where no token of a causal model can see it.
            padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(self.model.device)
            with torch.inference_mode():
                logits = self.model(input_ids=padded, use_cache=False).logits[:, :-1].float()
            each = logits.log_softmax(-1).gather(-1, padded[:, 1:, None])[..., 0]
            for place, i in enumerate(chosen):
                start = len(rows[i].prompt) - 1
                found[i] = float(each[place, start : start + len(rows[i].target)].sum())
        return found

    def _places(self, rows: Sequence[Any]) -> int:
        if isinstance(self._batch_size, int):
            return self._batch_size
        import torch

        longest = max((len(row.prompt) + row.limit for row in rows), default=1)
        most, room = _CPU_PLACES, float(_CPU_CACHE)
        if self._device.startswith("cuda"):
            most, room = _GPU_PLACES, _GPU_CACHE_SHARE * torch.cuda.mem_get_info()[0]
        return max(1, min(most, int(room / (longest * _token_bytes(self.model)))))


def _token_bytes(model: Any) -> int:
    """Bytes of cache that one token of one row needs, counting every layer as attention."""
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * model.dtype.itemsize)


def _checked_batch_size(value: int | str) -> int | str:
    if value == "auto" or (isinstance(value, int) and value > 0):
        return value
    raise ModelError(f"batch size {value!r}: use auto or a number of at least 1")


def _tokenizer_of(adapter: Path, base: str) -> str:
    """The adapter's folder if it brings a tokenizer, else the base model's."""
    return str(adapter) if (adapter / "tokenizer_config.json").is_file() else base


def _merged(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter}: no adapter_model.safetensors there, so it is no adapter")
    try:
        with pretrained.adapting():
            merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    except (RuntimeError, ValueError, KeyError) as error:
        named = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
        raise ModelError(
            f"{adapter}: does not fit this model; it was trained on "
            f"{named.get('base_model_name_or_path')} ({str(error).splitlines()[0]})"
        ) from error
    merged.eval()
    return merged


def _seed(seed: int, ids: Sequence[int]) -> int:
    digest = hashlib.sha256(f"{seed}/{','.join(map(str, ids))}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
