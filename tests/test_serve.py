"""A student with its knowledge base behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
import small

from nesy import models, prompts, recipe
from nesy.answer import answer
from nesy.errors import InputError
from nesy.models.flow import Terms
from nesy.models.openai import OpenAIModel, reach
from nesy.serve import Server, System, load
from nesy.student import LiveSearch
from nesy.types import Message, Question, Sampling

PACK = """name: units
license: CC0-1.0
entries:
  - id: units.smoot
    when: a length is given in smoots
    lesson: Convert first.
    facts: [A smoot is 67 inches.]
"""
QUESTION = "A bridge is 3 smoots long. How many inches is that?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served")
    (made / "kb").mkdir()
    (made / "kb/units.yaml").write_text(PACK, "utf-8")
    return made


@pytest.fixture(scope="module")
def system(folder: Path) -> System:
    lm = models.load(str(small.save(folder / "student", "llama")))
    settings = ("knowledge.mode=bm25", "knowledge.min_score=null")
    search = LiveSearch(recipe.load("embedded", settings), folder / "kb")
    return System("one", lm, prompts.load("student"), search, 16)


@pytest.fixture(scope="module")
def server(system: System) -> Iterator[Server]:
    serving = Server(system, 0)
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
    thread.start()
    yield serving
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="none", base_url=server.url, max_retries=0) as made:
        yield made


def test_a_client_gets_what_nesy_answers_and_why(client: openai.OpenAI, system: System) -> None:
    made = client.chat.completions.create(
        model="one",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
        ],
    )
    asked = Question("q", "b", "t", "test", QUESTION, "", "text")
    (wanted,) = answer([asked], system.lm, system.prompt, Sampling(max_tokens=16), system.search)
    assert made.choices[0].message.content == wanted.completion.text.strip()
    assert made.choices[0].finish_reason == wanted.completion.finish
    assert made.usage is not None
    assert made.usage.completion_tokens == wanted.completion.completion_tokens
    extra = (made.model_extra or {})["x_nesy"]
    assert extra["prompt_sha"] == wanted.prompt_sha
    (entry,) = extra["entries"]
    assert (entry["entry"], entry["rank"]) == ("units.smoot", 1)
    assert entry["facts"] == ["A smoot is 67 inches."]
    assert extra["answer"] == wanted.answer


def test_an_edit_serves_the_next_request(server: Server, folder: Path) -> None:
    path = folder / "kb/units.yaml"

    def shown() -> httpx2.Response:
        body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 2}
        return httpx2.post(f"{server.url}/chat/completions", content=json.dumps(body))

    path.write_text(PACK.replace("67 inches", "68 inches"), "utf-8")
    assert shown().json()["x_nesy"]["entries"][0]["facts"] == ["A smoot is 68 inches."]
    path.write_text(PACK.replace("facts:", "fatcs:"), "utf-8")
    refused = shown()
    assert refused.status_code == 503
    assert "units.yaml:7:5" in refused.json()["error"]["message"]
    path.write_text(PACK, "utf-8")
    assert shown().json()["x_nesy"]["entries"][0]["facts"] == ["A smoot is 67 inches."]


def test_a_stream_brings_the_same(client: openai.OpenAI) -> None:
    asked = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
    whole = client.chat.completions.create(model="one", messages=asked, max_tokens=5)
    pieces = list(
        client.chat.completions.create(model="one", messages=asked, max_tokens=5, stream=True)
    )
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == whole.choices[0].message.content
    assert pieces[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert [m.id for m in client.models.list()] == ["one"]


def test_the_requests_of_the_evaluation_harness(server: Server, system: System) -> None:
    # As `lm_eval --model local-chat-completions` (0.4.13) sends them.
    body = {
        **{"messages": [{"role": "user", "content": QUESTION}], "model": "one", "seed": 1234},
        **{"max_tokens": 16, "temperature": 0, "stop": ["\n\n\n", "<|endoftext|>"]},
    }
    made = httpx2.post(f"{server.url}/chat/completions", content=json.dumps(body)).json()
    asked = Question("q", "b", "t", "test", QUESTION, "", "text")
    (wanted,) = answer([asked], system.lm, system.prompt, Sampling(max_tokens=16), system.search)
    assert made["choices"][0]["message"]["content"] == wanted.completion.text.strip()
    assert [one["entry"] for one in made["x_nesy"]["entries"]] == ["units.smoot"]


def test_many_requests_are_answered_each_by_its_own(server: Server, system: System) -> None:
    texts = [f"Question number {i}: how many?" for i in range(40)]
    endpoint = OpenAIModel("one", Terms(base_url=server.url))
    sampling = Sampling(max_tokens=8)
    made = endpoint.generate([(Message("user", text),) for text in texts], sampling)
    asked = [Question(str(i), "b", "t", "test", t, "", "text") for i, t in enumerate(texts)]
    wanted = answer(asked, system.lm, system.prompt, sampling, system.search)
    assert [c.text for c in made] == [a.completion.text.strip() or "" for a in wanted]
    assert reach(Terms(base_url=server.url)).models == ("one",)


def test_plain_completions_are_the_answers_to_their_prompts(
    client: openai.OpenAI, system: System
) -> None:
    texts = [QUESTION, "How many?"]
    made = client.completions.create(model="one", prompt=texts, max_tokens=8, temperature=0)
    asked = [Question(t, "b", "t", "test", t, "", "text") for t in texts]
    wanted = answer(asked, system.lm, system.prompt, Sampling(max_tokens=8), system.search)
    assert [(c.index, c.text) for c in made.choices] == [
        (place, one.completion.text.strip()) for place, one in enumerate(wanted)
    ]
    assert made.usage is not None
    assert made.usage.completion_tokens == sum(w.completion.completion_tokens for w in wanted)
    (entry,) = (made.choices[0].model_extra or {})["x_nesy"]["entries"]
    assert entry["entry"] == "units.smoot"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": "x", "echo": True, "logprobs": 1}, "echo"),
    ],
)
def test_what_it_cannot_complete_is_refused(server: Server, body: object, said: str) -> None:
    reply = httpx2.post(f"{server.url}/completions", content=json.dumps(body))
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": []}, "messages: "),
        ({"messages": [{"role": "system", "content": "x"}]}, "there is no user message"),
        ({"messages": [{"role": "user", "content": "x"}], "n": 2}, "n: "),
        ({"messages": [{"role": "user", "content": "x"}], "temperature": -1}, "temperature: "),
        ({}, "messages: Field required"),
    ],
)
def test_what_it_cannot_do_is_refused(server: Server, body: object, said: str) -> None:
    reply = httpx2.post(f"{server.url}/chat/completions", content=json.dumps(body))
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith(said)


def test_other_paths_and_a_taken_port(server: Server, system: System) -> None:
    assert httpx2.get(f"{server.url}/nothing").status_code == 404
    assert httpx2.post(f"{server.url}/embeddings", content="{}").status_code == 404
    with pytest.raises(InputError, match="choose another --port"):
        Server(system, server.server_address[1])


def test_a_run_is_served_by_its_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run here"):
        load(tmp_path, None)
