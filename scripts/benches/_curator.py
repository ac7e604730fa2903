"""Ask an endpoint with curator, in its own environment; print seconds and CPU seconds.

    python _curator.py URL REQUESTS CONCURRENCY FOLDER

The same questions as `_asking.py`, with no limit a minute, so that only the places limit.
"""

import sys
import time

# Before curator: it finds the vocabulary that litellm brings for curator's counting of tokens,
# which else comes from the network.
import litellm.litellm_core_utils.default_encoding  # noqa: F401
from bespokelabs import curator

url, requests, concurrency, folder = sys.argv[1:]


class Teacher(curator.LLM):
    def prompt(self, row):
        return row["text"]

    def parse(self, row, response):
        return {"text": row["text"], "answer": response}


def asked(texts):
    teacher = Teacher(
        model_name="m",
        backend="openai",
        generation_params={"max_tokens": 64, "temperature": 0},
        backend_params={
            "base_url": url,
            "max_concurrent_requests": int(concurrency),
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": 1_000_000_000,
        },
    )
    return teacher([{"text": text} for text in texts], working_dir=folder).dataset


asked(["Are you there?"])  # what is made once, such as its database, is no asking
begun, worked = time.perf_counter(), time.process_time()
found = asked([f"Question {n}: how many are there?" for n in range(int(requests))])
print(time.perf_counter() - begun, time.process_time() - worked)
assert len(found) == int(requests) and all(found["answer"])
