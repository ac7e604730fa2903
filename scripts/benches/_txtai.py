"""The peer of `scripts/bench kb`: the same entries, edits and queries in txtai.

    python _txtai.py FOLDER QUERIES.json OUT.json EDITS

Runs in an environment that has txtai. The vectors come from the encoder and the cache that the
other side uses, so that what is compared is what is made of them: exact FAISS and BM25, fused.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from txtai.embeddings import Embeddings

from nesy.kb import store
from nesy.kb.encoder import load_encoder

folder, queries, out, edits = sys.argv[1:]
encoder = load_encoder()
entries = store.load(Path(folder)).entries
asked = json.loads(Path(queries).read_text("utf-8"))
encoder.encode(["warm"])

begun = time.perf_counter()
index = Embeddings(
    method="external",
    transform=lambda texts: np.array(encoder.encode(list(texts))),
    hybrid=True,
    content=False,
    backend="faiss",
    faiss={"components": "IDMap,Flat"},
)
index.index((id_, entry.key("all"), None) for id_, entry in entries.items())
opened = time.perf_counter() - begun
index.search("warm up", 1)

took, cpu = [], []
for number in range(int(edits)):
    id_ = list(entries)[number]
    text = f"{entries[id_].when}\nA peer{number} quagga is {number} zebras."
    begun, begun_cpu = time.perf_counter(), time.process_time()
    index.upsert([(id_, text, None)])
    found = index.search(f"How many zebras is a peer{number} quagga?", 1)
    took.append(time.perf_counter() - begun)
    cpu.append(time.process_time() - begun_cpu)
    assert found[0][0] == id_, (found, id_)

begun = time.perf_counter()
for first in range(0, len(asked), 64):
    index.batchsearch(asked[first : first + 64], 1)
seconds = time.perf_counter() - begun
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
told = {"open": opened, "edits": took, "cpu": cpu, "queries": len(asked) / seconds, "memory": memory}
Path(out).write_text(json.dumps(told), "utf-8")
