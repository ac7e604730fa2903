"""A causal language model of the hub or of a folder: find it, load it safely, hash it, feed it.

Shared by ``models.hf`` and ``train``, so that a prompt becomes the same tokens at training
and at inference. Only safetensors are read, and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy.errors import ModelError
from nesy.types import Messages

if TYPE_CHECKING:
    import torch

TINY = Path(__file__).parent / "models" / "tiny"
_HASHED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
_NOT_HASHED = ("training.json", "preflight.json")
_SHA256 = 64
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Tokens:
    """One training example as token ids: ``prompt`` is read, ``target`` is learned."""

    prompt: list[int]
    target: list[int]


def locate(spec: str) -> str:
    """Turn ``tiny``, ``hf:<name>``, a folder or a hub name into a folder or a hub name.

    Raises:
        ModelError: the folder holds no model, or the embedded student is not installed.
    """
    if spec == "tiny":
        if not (TINY / "config.json").is_file():
            raise ModelError(f"the embedded student is missing from {TINY}; install nesy again")
        return str(TINY)
    name = spec.removeprefix("hf:")
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"{name}: the folder has no config.json, so it is not a model")
        return str(folder)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or not name:
        raise ModelError(f"{name or spec}: no such folder, and not a hub name such as owner/model")
    return name


def device_of(device: str) -> str:
    """Resolve ``auto`` to ``cuda`` where there is one, else ``cpu``.

    Raises:
        ModelError: the device is not there.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"device {device} was asked for but there is none; use --device cpu")
    return device


def dtype_of(dtype: str, device: str) -> torch.dtype:
    """Resolve a dtype name; ``auto`` is bfloat16 on an accelerator, float32 on a CPU.

    Raises:
        ModelError: not one of auto, float32, bfloat16, float16.
    """
    import torch

    known = {
        "float32": torch.float32,
        "fp32": torch.float32,
        "bfloat16": torch.bfloat16,
        "bf16": torch.bfloat16,
        "float16": torch.float16,
        "fp16": torch.float16,
        "auto": torch.float32 if device == "cpu" else torch.bfloat16,
    }
    if dtype not in known:
        raise ModelError(f"dtype {dtype!r}: use one of {', '.join(known)}")
    return known[dtype]


def multiplies_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16, without which it is slower than float32."""
    if sys.platform == "linux":  # PyTorch would say the same, and takes seconds to import
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text("utf-8").split()
    import torch

    told = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return told is not None and bool(told())


def load_tokenizer(where: str) -> Any:
    """Load the tokenizer of a folder or hub name.

    Raises:
        ModelError: it is not there; says how to get it.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(_not_loaded("tokenizer", where, error)) from error


def load_weights(
    where: str,
    device: str,
    dtype: torch.dtype,
    device_map: str | None = None,
    quantization: str | None = None,
) -> Any:
    """Load a causal language model in evaluation mode.

    ``device`` is a resolved device; ``device_map="auto"`` spreads a large model instead.
    ``quantization="4bit"`` keeps its linear layers in four bits (NF4), for QLoRA.

    Raises:
        ModelError: it is not there, is not a causal model, or has no safetensors; or
            bitsandbytes is missing, which quantizes.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # it advises kernels that an offline machine cannot have
    try:
        model = AutoModelForCausalLM.from_pretrained(
            where,
            dtype=dtype,
            device_map=device if quantization is not None and device_map is None else device_map,
            use_safetensors=True,
            trust_remote_code=False,
            quantization_config=None if quantization is None else _four_bits(dtype),
        )
    except (OSError, ValueError) as error:
        raise ModelError(_not_loaded("model", where, error)) from error
    if device_map is None and quantization is None:
        model.to(device)
    model.eval()
    return model


def _four_bits(dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise ModelError(
            "train.quantization: 4bit needs bitsandbytes, which is not installed; "
            "pip install bitsandbytes, or set it to null"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


@contextmanager
def adapting() -> Iterator[None]:
    """Keep a deprecation inside peft, which no caller can mend, off the screen."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def fingerprint(where: str) -> str:
    """Hash of the files that decide what a model or an adapter computes (hex sha256).

    A hub name is looked up in the local hub cache, so load the model before.

    Raises:
        ModelError: a hub model that is not in the local cache.
    """
    folder = Path(where)
    if not folder.is_dir():
        from transformers.utils.hub import cached_file

        try:
            folder = Path(cached_file(where, "config.json", local_files_only=True)).parent
        except OSError as error:
            raise ModelError(_not_loaded("model", where, error)) from error
    total = hashlib.sha256()
    paths = {path for pattern in _HASHED for path in folder.glob(pattern)}
    for path in sorted(paths):
        if path.name not in _NOT_HASHED:
            total.update(f"{path.name} {_file_sha(path)}\n".encode())
    return total.hexdigest()


def prompt_ids(tokenizer: Any, messages: Messages) -> list[int]:
    """Token ids of a prompt, ending where the completion begins.

    A tokenizer with a chat template gets the messages as turns, any other their contents
    joined by an empty line.
    """
    text, special = prompt_text(tokenizer, messages)
    return _encode(tokenizer, text, special)


def example_ids(tokenizer: Any, examples: Sequence[tuple[Messages, str]]) -> list[Tokens]:
    """Token ids of prompts and of the targets they are trained to produce, end token included.

    Raises:
        ModelError: the tokenizer has no end token, so a completion could never end.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer has no end token (eos_token), so no training can teach one")
    if not examples:
        return []
    # A tokenizer has its special tokens added to all texts or to none.
    special = tokenizer.chat_template is None
    texts = [prompt_text(tokenizer, messages)[0] for messages, _ in examples]
    targets = [target if special else target.strip() for _, target in examples]
    prompts = _encode_all(tokenizer, texts, special)
    # Together, so that a leading space becomes what it would be in running text.
    wholes = _encode_all(tokenizer, [a + b for a, b in zip(texts, targets, strict=True)], special)
    end = int(tokenizer.eos_token_id)
    found = []
    for prompt, whole, target in zip(prompts, wholes, targets, strict=True):
        joined = whole[: len(prompt)] == prompt
        written = whole[len(prompt) :] if joined else _encode(tokenizer, target, False)
        found.append(Tokens(prompt, [*written, end] if written else []))
    return found


def end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """All token ids that end a completion: the tokenizer's and those of the model's settings."""
    found: set[int] = set()
    generation = getattr(model, "generation_config", None)
    for value in (
        tokenizer.eos_token_id,
        getattr(generation, "eos_token_id", None),
        getattr(model.config, "eos_token_id", None),
    ):
        if isinstance(value, int):
            found.add(value)
        elif isinstance(value, Sequence):
            found.update(value)
    return frozenset(found)


def prompt_text(tokenizer: Any, messages: Messages) -> tuple[str, bool]:
    """Text of a prompt, and whether the tokenizer shall add its special tokens to it."""
    if tokenizer.chat_template is not None:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return str(text), False
    return "\n\n".join(m.content for m in messages), True


def _encode(tokenizer: Any, text: str, special: bool) -> list[int]:
    return _encode_all(tokenizer, [text], special)[0]


def _encode_all(tokenizer: Any, texts: Sequence[str], special: bool) -> list[list[int]]:
    """Token ids of texts; many at once take a fraction of the time of one by one."""
    made: list[list[int]] = tokenizer(list(texts), add_special_tokens=special)["input_ids"]
    if not special:
        return made
    # Some tokenizers close every text; here it goes on.
    end = tokenizer.eos_token_id
    return [ids[:-1] if len(ids) > 1 and ids[-1] == end else ids for ids in made]


def _not_loaded(what: str, where: str, error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"{where}: the {what} could not be loaded ({first}); give a folder with safetensors, or "
        f"fetch it with the network on (HF_HUB_OFFLINE unset)"
    )


def _file_sha(path: Path) -> str:
    real = path.resolve()
    # The hub's cache names large files by their sha256 already.
    if real.parent.name == "blobs" and len(real.name) == _SHA256:
        return real.name
    stat = real.stat()
    return _sha(str(real), stat.st_mtime_ns, stat.st_size)


@cache
def _sha(path: str, mtime_ns: int, size: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
