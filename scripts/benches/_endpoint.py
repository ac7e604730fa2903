"""The endpoint of the test suite in a process of its own: no faults, 50 to 200 ms a request.

    python _endpoint.py

Prints its address. A line on stdin is answered by a line of JSON on what was asked since the
last one: requests, different ones, the most under way, and the seconds from each whole request to
its whole reply, added up.
A request without a message, by which a client asks for rate limits, is refused and not counted.
"""

import json
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from endpoint import Endpoint

TEXT = "Three dozens are 3 * 12 = 36, and 36 + 4 = 40. So the answer is 40."


def latency(number):
    return Random(number).uniform(0.05, 0.2) if endpoint.asked[number]["messages"] else 0


def fault(number, body):
    return None if body["messages"] else "refused"


with Endpoint(lambda text: TEXT, fault=fault, latency=latency) as endpoint:
    endpoint.keep_log = False
    print(endpoint.url, flush=True)
    for _ in sys.stdin:
        texts = [body["messages"][-1]["content"] for body in endpoint.asked if body["messages"]]
        told = {
            "requests": len(texts),
            "different": len(set(texts)),
            "most": endpoint.most,
            "took": endpoint.took,
        }
        print(json.dumps(told), flush=True)
        endpoint.asked.clear()
        endpoint.most, endpoint.took = 0, 0.0
