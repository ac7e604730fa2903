"""Run `nesy` and write what its evaluation took to $NESY_STAGE: [wall seconds, CPU seconds]."""

import json
import os
import time
from pathlib import Path

from nesy import cli, evaluate

whole = evaluate.evaluate


def timed(*args, **settings):
    wall, cpu = time.perf_counter(), time.process_time()
    made = whole(*args, **settings)
    took = [time.perf_counter() - wall, time.process_time() - cpu]
    Path(os.environ["NESY_STAGE"]).write_text(json.dumps(took), "utf-8")
    return made


evaluate.evaluate = timed
cli.main()
