"""Train an adapter with nesy; print how fast, as JSON.

    python _training.py BASE EXAMPLES.jsonl OUT SETTINGS.json
"""

import json
import sys
import time
from pathlib import Path

from nesy import train
from nesy.runs import read_records
from nesy.types import Example

base, examples, out, settings = sys.argv[1:]
asked = json.loads(Path(settings).read_text("utf-8"))
marks = []
train.train(
    base,
    read_records(Path(examples), Example),
    train.Settings(**asked),
    Path(out),
    lambda progress: marks.append((time.perf_counter(), time.process_time())),
)
(wall, cpu), (wall_end, cpu_end) = marks[0], marks[-1]
print(json.dumps({"steps": len(marks), "wall": wall_end - wall, "cpu": cpu_end - cpu}))
