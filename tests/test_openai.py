"""Endpoints: what is sent, what is tried again, what is named, what an error may show."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from endpoint import FAULTS, KEY, STAYING, Endpoint, reply

from nesy import models
from nesy.errors import BudgetReached, InputError, ModelError
from nesy.models import openai
from nesy.models.connections import proxy_of
from nesy.models.flow import Flow, Terms, retry_after, seconds
from nesy.models.openai import OpenAIModel
from nesy.spend import Budget, Price
from nesy.types import Completion, Failure, Message, Messages, Sampling


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(openai, "_FIRST_WAIT", 0.01)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as serving:
        yield serving


def prompts(*texts: str) -> list[Messages]:
    return [(Message("system", "s"), Message("user", text)) for text in texts]


def model(endpoint: Endpoint, budget: Budget | None = None, **terms: Any) -> OpenAIModel:
    return OpenAIModel("m", Terms(base_url=endpoint.url, **terms), budget)


def ask(endpoint: Endpoint, *texts: str, sampling: Sampling | None = None) -> list[Completion]:
    return model(endpoint).generate(prompts(*texts), sampling or Sampling())


def in_turn(endpoint: Endpoint, *replies: Any) -> None:
    endpoint.fault = lambda number, body: replies[number] if number < len(replies) else None


def test_completions_come_in_the_order_of_the_prompts(endpoint: Endpoint) -> None:
    endpoint.latency = lambda number: 0.02
    texts = [f"text {i}" for i in range(200)]
    assert [c.text for c in ask(endpoint, *texts)] == [text.upper() for text in texts]
    assert max(endpoint.answered.values()) == 1
    assert 8 < endpoint.most <= 64


def test_what_is_sent_and_read(endpoint: Endpoint) -> None:
    in_turn(endpoint, (200, {}, reply("cut", "length")))
    sampling = Sampling(temperature=0.8, top_p=0.9, max_tokens=5, seed=3, stop=("\nQ:",))
    (found,) = ask(endpoint, "hello", sampling=sampling)
    assert found == Completion("cut", "length", 7, 3)
    (sent,) = endpoint.asked
    assert sent["messages"][1] == {"role": "user", "content": "hello"}
    assert [sent[k] for k in ("model", "temperature", "top_p", "max_tokens", "seed", "stop")] == [
        *("m", 0.8, 0.9, 5, 3, ["\nQ:"])
    ]
    assert f"authorization: bearer {KEY}".encode() in endpoint.headers[0].lower()


def test_the_query_of_an_address_is_sent_and_not_shown(endpoint: Endpoint) -> None:
    asked = OpenAIModel("m", Terms(base_url=f"{endpoint.url}?api-version=2024-06-01"))
    asked.generate(prompts("a"), Sampling())
    assert endpoint.headers[0].startswith(b"POST /v1/chat/completions?api-version=2024-06-01 ")
    in_turn(endpoint, None, (401, {}, {"error": {"message": "no"}}))
    with pytest.raises(ModelError) as caught:
        asked.generate(prompts("b"), Sampling())
    assert "api-version" not in str(caught.value)


def test_the_user_of_an_address_is_sent_and_not_shown(endpoint: Endpoint) -> None:
    address = endpoint.url.replace("//", "//ada:p%40ss@")
    asked = OpenAIModel("m", Terms(base_url=address))
    in_turn(endpoint, None, (401, {}, {"error": {"message": "no"}}))
    asked.generate(prompts("a"), Sampling())
    assert b"Authorization: Basic " + b64encode(b"ada:p@ss") in endpoint.headers[0]
    with pytest.raises(ModelError) as caught:
        asked.generate(prompts("b"), Sampling())
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["localhost:8000/v1", "ftp://host/v1", "http://", "http://h:x/"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ModelError, match="begins with http"):
        OpenAIModel("m", Terms(base_url=address))


def test_a_proxy_of_the_environment_is_asked(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{endpoint.port}")
    asked = OpenAIModel("m", Terms(base_url="http://teacher.invalid/v1"))
    assert [c.text for c in asked.generate(prompts("a"), Sampling())] == ["A"]
    assert endpoint.headers[0].startswith(b"POST http://teacher.invalid/v1/chat/completions ")


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost, .example.org,10.0.0.0/8")
    passing = ("localhost", "a.example.org", "10.1.2.3")
    assert [proxy_of("https", host) for host in passing] == [None] * 3
    asked = ("example.com", "11.1.2.3")
    assert [proxy_of("http", host) for host in asked] == ["http://proxy:3128"] * 2
    monkeypatch.setenv("https_proxy", "socks5://proxy:1080")
    with pytest.raises(ModelError, match="kind socks5"):
        proxy_of("https", "example.com")


def test_the_newer_name_of_the_limit_is_learned(endpoint: Endpoint) -> None:
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    endpoint.fault = lambda number, body: (
        (400, {}, {"error": {"message": words}}) if "max_tokens" in body else None
    )
    assert [c.text for c in ask(endpoint, "a")] == ["A"]
    assert endpoint.asked[-1]["max_completion_tokens"] == 512


SCHEMA = '{"type": "object", "properties": {"a": {"type": "string"}}}'


def test_a_schema_is_sent_where_the_server_takes_it(endpoint: Endpoint) -> None:
    asked = model(endpoint)
    asked.generate(prompts("a"), Sampling(schema=SCHEMA))
    form = endpoint.asked[0]["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] and form["json_schema"]["schema"] == json.loads(SCHEMA)
    # Now it is known to be taken, a refusal that names it is about its request.
    in_turn(endpoint, None, (400, {}, {"error": {"message": "response_format: too deep"}}))
    (outcome,) = dict(asked.outcomes(prompts("b"), Sampling(schema=SCHEMA))).values()
    assert isinstance(outcome, Failure) and (outcome.reason, outcome.tries) == ("refused", 1)
    asked.generate(prompts("c"), Sampling())
    assert "response_format" not in endpoint.asked[-1]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported"),
        (400, "This model does not support response format `json_schema`."),
        (422, "Unexpected fields in the request: {'response_format'}"),
        (500, "structured output is not enabled on this server"),
    ],
)
def test_a_server_without_structured_output_is_asked_for_text(
    endpoint: Endpoint, status: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.fault = lambda number, body: (
        (status, {}, {"error": {"message": words}}) if "response_format" in body else None
    )
    asked = model(endpoint, max_concurrency=8)
    found = asked.generate(prompts(*map(str, range(40))), Sampling(schema=SCHEMA))
    assert [one.text for one in found] == [str(n) for n in range(40)]
    assert sum("response_format" in body for body in endpoint.asked) <= 8  # those sent at first
    assert caplog.text.count("is asked without it") == 1
    before = len(endpoint.asked)
    asked.generate(prompts("again"), Sampling(schema=SCHEMA))
    assert len(endpoint.asked) == before + 1


def test_a_model_without_temperature_and_a_server_without_seed(endpoint: Endpoint) -> None:
    def fault(number: int, body: Any) -> Any:
        for name in ("temperature", "seed"):
            if name in body:
                return 400, {}, {"detail": [{"type": "extra_forbidden", "loc": ["body", name]}]}
        return None

    endpoint.fault = fault
    assert [c.text for c in ask(endpoint, "a", "b")] == ["A", "B"]
    assert {"temperature", "seed"}.isdisjoint(endpoint.asked[-1])
    assert endpoint.asked[-1]["top_p"] == 1.0


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens.",
        "the request exceeds the available context size, try increasing it",
        "The decoder prompt (length 5) is longer than the maximum model length of 4",
        "prompt is too long: 5 tokens > 4 maximum",
        "The input token count (5) exceeds the maximum number of tokens allowed (4)",
        "`inputs` tokens + `max_new_tokens` must be <= 4",
        "litellm.ContextWindowExceededError: 5 > 4",
    ],
)
def test_a_prompt_that_is_too_long_in_the_words_of_many_servers(
    endpoint: Endpoint, words: str
) -> None:
    in_turn(endpoint, (400, {}, {"error": {"message": words}}))
    (outcome,) = dict(model(endpoint).outcomes(prompts("a"), Sampling())).values()
    assert isinstance(outcome, Failure) and outcome.reason == "context too long"


def test_the_addresses_of_azure_get_its_header() -> None:
    def headers(url: str) -> Any:
        with OpenAIModel("m", Terms(base_url=url)).sync_client() as client:
            assert str(client.base_url) == url.partition("?")[0].rstrip("/") + "/"
            return client.default_headers

    for host in ("x.openai.azure.com", "x.services.ai.azure.com", "x.azure-api.net"):
        address = f"https://{host}/openai/deployments/d?api-version=2024-10-21"
        assert headers(address)["api-key"] == KEY
    assert "api-key" not in headers("https://azure.com.example.org/v1")


def test_passing_failures_are_tried_again(endpoint: Endpoint) -> None:
    in_turn(endpoint, "429", "500", "cut", "malformed", "empty", (200, {}, {"error": "overloaded"}))
    assert [c.text for c in ask(endpoint, "a", "b")] == ["A", "B"]
    assert len(endpoint.asked) == 8
    assert max(endpoint.answered.values()) == 1


def test_an_answer_that_hangs_is_given_up_and_asked_again(endpoint: Endpoint) -> None:
    in_turn(endpoint, "hang")
    begun = time.monotonic()
    (found,) = model(endpoint, timeout=1).generate(prompts("a"), Sampling())
    assert found.text == "A"
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("fault", [*(f for f in FAULTS if f != "429"), *STAYING])
def test_a_request_that_fails_for_good_is_named_and_the_others_are_answered(
    endpoint: Endpoint, fault: str
) -> None:
    poison = {"500": "server error", "hang": "timeout", "cut": "cut stream"}
    poison |= {"malformed": "malformed JSON", "empty": "empty answer"}
    endpoint.fault = lambda number, body: (
        fault if body["messages"][-1]["content"] == "bad" else None
    )
    asked = model(endpoint, timeout=0.4 if fault == "hang" else 60)
    found = [o for o in asked.outcomes(prompts("a", "bad", "b"), Sampling()) if _final(o[1])]
    outcomes = dict(found)
    assert len(found) == 3
    assert isinstance(outcomes[0], Completion) and isinstance(outcomes[2], Completion)
    failure = outcomes[1]
    assert isinstance(failure, Failure)
    assert failure.reason == poison.get(fault, fault)
    assert failure.tries == (1 if fault in STAYING else 6)
    assert KEY not in failure.words
    with pytest.raises(ModelError, match=f"openai:m: prompt 0: {failure.reason}, tried"):
        asked.generate(prompts("bad"), Sampling())


def _final(outcome: Completion | Failure) -> bool:
    return isinstance(outcome, Completion) or outcome.final


def test_a_charge_for_nothing_is_told_before_the_next_try(endpoint: Endpoint) -> None:
    in_turn(endpoint, "empty")
    outcomes = [o for _, o in model(endpoint).outcomes(prompts("a"), Sampling())]
    assert outcomes == [
        Failure("empty answer", "the reply has no choice", 1, 7, 3, final=False),
        Completion("A", "stop", 7, 3),
    ]


def test_the_refusal_of_a_model_is_no_answer(endpoint: Endpoint) -> None:
    refusing = reply(None)
    refusing["choices"][0]["message"]["refusal"] = "I must not."
    in_turn(endpoint, (200, {}, refusing))
    outcomes = dict(model(endpoint).outcomes(prompts("a"), Sampling()))
    assert outcomes[0] == Failure("content filter", "I must not.", 1, 7, 3)


def test_an_answer_cut_off_before_its_first_word_is_truncated(endpoint: Endpoint) -> None:
    in_turn(endpoint, (200, {}, reply(None, "length")))
    assert ask(endpoint, "a") == [Completion("", "length", 7, 3)]


def test_tokens_that_a_server_does_not_count_are_estimated(endpoint: Endpoint) -> None:
    uncounted = reply("x" * 40)
    del uncounted["usage"]
    in_turn(endpoint, (200, {}, uncounted))
    (found,) = ask(endpoint, "y" * 80)
    assert (found.prompt_tokens, found.completion_tokens) == (21, 11)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {"error": {"message": f"Incorrect API key: {KEY}"}}, "wrong key"),
        (403, {"error": {"message": "Country not supported"}}, "no permission"),
        (404, {"error": {"message": "The model `m` does not exist"}}, "unknown model"),
        (400, {"error": {"message": "m is not a valid model ID"}}, "unknown model"),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, "no quota"),
    ],
)
def test_what_concerns_all_requests_ends_at_once(
    endpoint: Endpoint, status: int, body: Any, reason: str
) -> None:
    endpoint.fault = lambda number, asked: (status, {}, body)
    with pytest.raises(ModelError, match=f"openai:m at {endpoint.url}: {reason}, tried") as caught:
        ask(endpoint, *map(str, range(500)))
    assert len(endpoint.asked) <= 64
    assert KEY not in str(caught.value) and caught.value.__cause__ is None
    assert body["error"]["message"].replace(KEY, "[key]") in str(caught.value)


def test_a_row_of_failures_stops_in_the_servers_words(endpoint: Endpoint) -> None:
    endpoint.fault = lambda number, body: "500" if number >= 20 else None
    found: list[Any] = []
    with pytest.raises(ModelError, match=r"10 requests in a row failed.*fails on") as caught:
        asked = model(endpoint, max_concurrency=16)
        found.extend(asked.outcomes(prompts(*map(str, range(500))), Sampling()))
    assert len(endpoint.asked) < 200
    assert KEY not in str(caught.value)
    assert "HTTP 500" in str(caught.value)


def test_no_server_is_told(endpoint: Endpoint) -> None:
    asked = OpenAIModel("m", Terms(base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(ModelError, match="prompt 0: no connection, tried 6 times"):
        asked.generate(prompts("a"), Sampling())
    with pytest.raises(ModelError, match=r"at http://127\.0\.0\.1:9/v1: 10 requests in a row"):
        asked.generate(prompts(*map(str, range(20))), Sampling())


def test_without_a_key_the_hosted_service_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match="set OPENAI_API_KEY"):
        models.load("openai:m")
    assert models.load("openai:m", base_url="http://127.0.0.1:9/v1").name == "openai:m"


def test_it_slows_down_where_the_server_has_too_much(endpoint: Endpoint) -> None:
    endpoint.latency = lambda number: 0.01
    endpoint.fault = lambda number, body: "429" if endpoint.under_way > 8 else None
    asked = model(endpoint)
    found = asked.generate(prompts(*map(str, range(400))), Sampling())
    assert len(found) == 400
    assert asked.flow.limit < 16
    assert max(endpoint.answered.values()) == 1
    assert endpoint.faults["429"] < 200


def test_a_pause_that_the_server_asks_for_is_kept_by_all(endpoint: Endpoint) -> None:
    endpoint.latency = lambda number: 0.1 if number else 0.0
    begun = time.monotonic()
    in_turn(endpoint, (429, {"Retry-After": "0.6"}, {"error": {"message": "slowly"}}))
    ask(endpoint, *map(str, range(160)))
    late = [at for at, _ in endpoint.times if at - begun > 0.55]
    assert len(late) >= 160 - 64  # those under way before it are not called back


def test_a_pause_of_an_hour_is_an_error(endpoint: Endpoint) -> None:
    in_turn(endpoint, (429, {"Retry-After": "3600"}, {"error": {"message": "daily limit"}}))
    with pytest.raises(ModelError, match=r"pause too long.*wait 3600 seconds.*daily limit"):
        ask(endpoint, "a")


def test_nothing_left_is_a_pause(endpoint: Endpoint) -> None:
    left = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}
    in_turn(endpoint, (200, left, reply("first")))
    asked = model(endpoint, max_concurrency=1)
    begun = time.monotonic()
    asked.generate(prompts("a", "b"), Sampling())
    assert time.monotonic() - begun >= 0.3


def test_requests_a_minute(endpoint: Endpoint) -> None:
    begun = time.monotonic()
    model(endpoint, rpm=600).generate(prompts(*map(str, range(15))), Sampling())
    assert time.monotonic() - begun >= 0.4  # ten at once, the others ten a second


def test_tokens_a_minute(endpoint: Endpoint) -> None:
    begun = time.monotonic()
    # 20 requests of about 100 tokens; 1,000 pass at once, the others at 10,000 in six seconds.
    asked = model(endpoint, tpm=100_000, max_concurrency=1)
    asked.generate(prompts(*("x" * 3600 for _ in range(13))), Sampling(max_tokens=10))
    assert time.monotonic() - begun >= 0.3


def test_durations() -> None:
    assert [seconds(t) for t in ("6m0s", "1.5s", "120ms", "1h2m3s", "2m")] == [
        *(360, 1.5, 0.12, 3723, 120)
    ]
    assert [seconds(t) for t in ("", "5", "s", "ms", "soon")] == [None] * 5
    assert retry_after({"retry-after": "3"}) == 3
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({}) is None


def test_the_flow_halves_once_a_round_and_grows_again() -> None:
    flow = Flow(Terms(max_concurrency=64))
    assert flow.limit == 64
    sent = time.monotonic()
    for _ in range(5):
        flow.refused(sent, None)
    assert flow.limit == 32
    flow.answered({})
    assert flow.limit == 32 + 1 / 32
    for _ in range(2000):
        flow.answered({})
    assert flow.limit == 64


def test_an_interrupt_waits_for_what_is_under_way(endpoint: Endpoint) -> None:
    def interrupt() -> None:
        while len(endpoint.asked) < 12:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    endpoint.latency = lambda number: 0.4
    found: list[Any] = []
    other = threading.Thread(target=interrupt)
    # A process started in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            asked = model(endpoint, max_concurrency=8)
            found.extend(asked.outcomes(prompts(*map(str, range(100))), Sampling()))
    finally:
        signal.signal(signal.SIGINT, before)
    other.join()
    assert 12 <= len(endpoint.asked) < 40
    assert len(endpoint.answered) == len(endpoint.asked)


def test_the_cap_is_never_passed(endpoint: Endpoint) -> None:
    price = Price(input=1000.0, output=2000.0)  # a reply costs 0.013 USD
    budget = Budget(price, cap=0.5)
    found: list[Any] = []
    asked = model(endpoint, budget)
    with pytest.raises(BudgetReached, match=r"of --max-usd 0\.5 are spent"):
        for outcome in asked.outcomes(prompts(*map(str, range(500))), Sampling(max_tokens=20)):
            found.append(outcome)
    cost = 0.013 * len(endpoint.asked)
    assert len(found) == len(endpoint.asked)
    assert budget.spent == pytest.approx(cost)
    assert 0.5 - 0.1 < cost <= 0.5


def test_a_cap_needs_a_price() -> None:
    with pytest.raises(InputError, match="needs the price of the teacher"):
        Budget(None, cap=1.0)
