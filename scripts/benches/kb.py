"""The knowledge base at 1,000 to 100,000 entries: open, edit, search; beside txtai and bare FAISS.

    scripts/bench kb [--sizes 1000 10000 100000] [--no-peer]

Entries are made up and stand in packs of 1,000; so are their embeddings (random, in the cache), on
which no time here depends. Each size runs in a process of its own. `first` is the first opening
(YAML parsed), `open` the next ones (entries and embeddings from their caches). An edit is one fact changed in a pack on the disk; `edit` is the time
from then until a search finds it, in a process that has the knowledge base open: read the folder,
embed the entry, build the new index, search; `cpu` is the processor time of it, which other jobs on
the machine do not change. `queries` are answered in batches of 64 and never seen before; `bare` is
the same encoder with a FAISS index and nothing else, in turn with the other, and `ratio` is of
processor time. txtai gets an environment of its own below --work, with this environment's packages
beside it, and the same vectors. Exit 1 if an edit takes more than a second.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACK = 1000
EDITS = 5
QUERIES = 256
TURNS = 3
BATCH = 64
_ONSETS = "b c d f g k l m n p r s t v z br ch dr fl gr kl pr sh st tr".split()
_VOWELS = "a e i o u ai ea ou".split()


def main(words):
    asked = _arguments(words)
    asked.work.mkdir(parents=True, exist_ok=True)
    env = {
        **os.environ,
        "OMP_NUM_THREADS": str(asked.threads),
        "HF_HUB_OFFLINE": "1",
        "NESY_HOME": tempfile.mkdtemp(dir=asked.work),  # nothing is cached at the first opening
        "PYTHONPATH": str(ROOT),
        "TOKENIZERS_PARALLELISM": "false",
    }
    peer = None if asked.no_peer else _environment(asked.work / "txtai")
    print("entries    first     open     edit      cpu  queries/s     bare  ratio   memory")
    slowest = 0.0
    for size in asked.sizes:
        folder = asked.work / f"kb-{size}"
        _make(folder, size)
        first = _run([sys.executable, __file__, str(folder), "first"], env)
        told = _run([sys.executable, __file__, str(folder), "measure"], env)
        edit = statistics.median(told["edits"])
        slowest = max(slowest, edit)
        ratio = statistics.median(told["ratios"])
        print(
            f"{size:>7,}{first['open']:>9.1f}{told['open']:>9.2f}{edit:>9.3f}{_cpu(told):>9.3f}"
            f"{told['queries']:>11.0f}{told['bare']:>9.0f}{ratio:>7.2f}{told['memory']:>9.0f}",
            flush=True,
        )
        if peer is not None:
            queries, out = asked.work / "queries.json", asked.work / "txtai.json"
            queries.write_text(json.dumps(_queries(time.time_ns(), QUERIES)), "utf-8")
            command = [str(peer), str(HERE / "_txtai.py"), str(folder), str(queries), str(out)]
            subprocess.run([*command, str(EDITS)], check=True, env=env)
            theirs = json.loads(out.read_text("utf-8"))
            edit = statistics.median(theirs["edits"])
            print(
                f"  txtai{'':>9}{theirs['open']:>9.2f}{edit:>9.3f}{_cpu(theirs):>9.3f}"
                f"{theirs['queries']:>11.0f}"
                f"{'':>16}{theirs['memory']:>9.0f}",
                flush=True,
            )
    return 0 if slowest <= 1.0 else 1


def _arguments(words):
    parser = argparse.ArgumentParser("scripts/bench kb", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--no-peer", action="store_true", help="leave txtai out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nesy-bench")
    return parser.parse_args(words)


def _cpu(told):
    """The median processor time of an edit, in seconds."""
    return statistics.median(told["cpu"])


def _run(command, env):
    done = subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _environment(folder):
    """The Python that has txtai, and for all else the packages of this environment."""
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        site = next(folder.glob("lib/python*/site-packages"))
        own = next(path for path in map(Path, sys.path) if (path / "faiss").is_dir())
        (site / "beside.pth").write_text(f"{own}\n", "utf-8")
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", "txtai"], check=True)
    return python


def _make(folder, size):
    """Write packs of made-up entries, the same for the same size."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    rng = Random(size)
    for number in range(-(-size // PACK)):
        lines = [f"name: p{number}", "license: CC0-1.0", "entries:"]
        for index in range(min(PACK, size - number * PACK)):
            unit, part, many = _word(rng), _word(rng), rng.randint(2, 999)
            lines += [
                f"  - id: p{number}.e{index}",
                f"    when: an amount of {_word(rng)} is given in {unit}s",
                "    facts:",
                f"      - A {unit} of {_word(rng)} is {many} {part}s.",
            ]
        (folder / f"p{number}.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def _word(rng):
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 2, 3))))


def _queries(seed, count):
    rng = Random(seed)
    return [
        f"{_word(rng).title()} stores {rng.randint(2, 99)} {_word(rng)}s of {_word(rng)} and "
        f"{rng.randint(2, 99)} {_word(rng)}s more. How many {_word(rng)}s is that in all?"
        for _ in range(count)
    ]


class _Random:
    """Random unit vectors under the name of the encoder that they stand in for."""

    def __init__(self, encoder):
        self.name, self.revision = encoder.name, encoder.revision

    def encode(self, texts):
        import numpy as np

        rows = np.random.default_rng(0).normal(size=(len(texts), 384)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _first(folder):
    """Open the knowledge base for the first time, and fill the cache of embeddings."""
    from nesy.kb import store
    from nesy.kb.encoder import CachedEncoder, load_encoder

    begun = time.perf_counter()
    entries = store.load(folder).entries.values()
    opened = time.perf_counter() - begun
    cache = CachedEncoder(_Random(load_encoder()))
    cache.encode([entry.key("all") for entry in entries])
    cache.encode([entry.when for entry in entries])
    return {"open": opened}


def _measure(folder):
    """Open the knowledge base, edit it and search it."""
    from nesy.kb import store
    from nesy.kb.encoder import load_encoder
    from nesy.kb.index import Index

    encoder = load_encoder()
    begun = time.perf_counter()
    held = store.load(folder)
    index = Index(held.entries, encoder, min_score=None)  # made-up words come near nothing
    opened = time.perf_counter() - begun
    index.search(["warm up"])
    edits, cpu = [], []
    for number in range(EDITS):
        path = folder / f"p{number % len(held.packs)}.yaml"
        before = path.read_text("utf-8")
        start = before.index("      - A ")
        end = before.index("\n", start)
        fact = f"      - A nesy{number}x{time.time_ns()} quagga is {number + 2} zebras."
        path.write_text(before[:start] + fact + before[end:], "utf-8")
        begun, begun_cpu = time.perf_counter(), time.process_time()
        held = store.load(folder, known=held)
        index = index.updated(held.entries)
        found = index.search([f"How many zebras is a {fact.split()[2]} quagga?"])
        edits.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - begun_cpu)
        assert found[0][0].entry.facts == (fact.removeprefix("      - "),), found
        path.write_text(before, "utf-8")
        held = store.load(folder, known=held)
        index = index.updated(held.entries)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"open": opened, "edits": edits, "cpu": cpu, "memory": memory, **_rates(index, encoder)}


def _rates(index, encoder):
    """Queries per second of the search, and of the bare encoder with FAISS, in turn."""
    import faiss

    from nesy.kb.encoder import SentenceEncoder, locate

    plain = SentenceEncoder(encoder.name, locate(encoder.name))
    flat = faiss.IndexFlatIP(index._vectors.shape[1])
    flat.add(index._vectors)
    flat.search(plain.encode(["warm up"]), 1)
    searches = {"queries": index.search, "bare": lambda texts: flat.search(plain.encode(texts), 1)}
    wall, cpu = {name: [] for name in searches}, {name: [] for name in searches}
    for turn in range(TURNS):
        for name, search in searches.items():
            asked = _queries(time.time_ns() + turn, QUERIES)
            begun, begun_cpu = time.perf_counter(), time.process_time()
            for start in range(0, QUERIES, BATCH):
                search(asked[start : start + BATCH])
            wall[name].append(QUERIES / (time.perf_counter() - begun))
            cpu[name].append(time.process_time() - begun_cpu)
    ratios = [bare / ours for ours, bare in zip(cpu["queries"], cpu["bare"], strict=True)]
    return {"ratios": ratios, **{name: statistics.median(rates) for name, rates in wall.items()}}


if __name__ == "__main__":
    where, what = Path(sys.argv[1]), sys.argv[2]
    print(json.dumps(_first(where) if what == "first" else _measure(where)))
