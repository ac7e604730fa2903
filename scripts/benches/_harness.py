"""Answer prompts with lm-evaluation-harness's HF backend; runs in the harness's own environment.

    python _harness.py MODEL PROMPTS.jsonl OUT.json BATCH_SIZE MAX_TOKENS

A row of PROMPTS has `id`, `text`, `ids` (the tokens that the other side reads) and `stop`. What
is timed, in wall and CPU seconds, is `generate_until` alone: no loading, no grading.
"""

import json
import sys
import time
from pathlib import Path

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

model, prompts, out, batch_size, max_tokens = sys.argv[1:]
rows = [json.loads(line) for line in Path(prompts).read_text("utf-8").splitlines()]
lm = HFLM(
    pretrained=model,
    device="cpu",
    dtype="float32",
    batch_size=batch_size if batch_size == "auto" else int(batch_size),
    max_batch_size=64,
)
for row in rows:
    assert lm.tokenizer(row["text"])["input_ids"] == row["ids"], f"{row['id']}: other tokens"
    assert len(row["ids"]) <= lm.max_length - int(max_tokens), f"{row['id']}: would be cut"
requests = [
    Instance(
        request_type="generate_until",
        doc={},
        arguments=(
            row["text"],
            {"until": row["stop"], "max_gen_toks": int(max_tokens), "do_sample": False},
        ),
        idx=index,
    )
    for index, row in enumerate(rows)
]
wall, cpu = time.perf_counter(), time.process_time()
texts = lm.generate_until(requests, disable_tqdm=True)
seconds = [time.perf_counter() - wall, time.process_time() - cpu]
said = dict(zip((row["id"] for row in rows), texts, strict=True))
Path(out).write_text(json.dumps({"seconds": seconds, "texts": said}), "utf-8")
