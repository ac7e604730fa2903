"""Ask an endpoint as a distillation does, every answer stored; print seconds and CPU seconds.

    python _asking.py URL REQUESTS CONCURRENCY FOLDER
"""

import sys
import time
from pathlib import Path

from nesy.completions import CachedLM, Completions
from nesy.models.flow import Terms
from nesy.models.openai import OpenAIModel
from nesy.types import Message, Sampling

url, requests, concurrency, folder = sys.argv[1:]
lm = OpenAIModel("m", Terms(base_url=url, max_concurrency=int(concurrency)))
teacher = CachedLM(lm, Completions(Path(folder) / "completions.sqlite"), run="bench")
prompts = [(Message("user", f"Question {n}: how many are there?"),) for n in range(int(requests))]
lm.generate([(Message("user", "Are you there?"),)], Sampling())  # import the client, which is no asking
begun, worked = time.perf_counter(), time.process_time()
found = teacher.generate(prompts, Sampling(max_tokens=64))
print(time.perf_counter() - begun, time.process_time() - worked)
assert len(found) == int(requests) and all(one.text for one in found)
