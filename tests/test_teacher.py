"""A distillation from an endpoint that fails and costs money."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import small
from endpoint import FAULTS, KEY, Endpoint
from test_distill import Project, project

from nesy.asking import Failed
from nesy.kb.extract import Extraction
from nesy.models import solver_teacher
from nesy.runs import read_records
from nesy.types import Message, Rationale, Sampling

PRICES = "prices:\n  m: {input: 1, output: 1000}\n"


def solved(text: str) -> str:
    """What the embedded teacher writes to a prompt."""
    asked = [(Message("user", text),)]
    return solver_teacher.SolverLM().generate(asked, Sampling(max_tokens=2048))[0].text


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save(tmp_path_factory.mktemp("student") / "tiny", "llama", context=1024)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(solved) as serving:
        yield serving


@pytest.fixture
def made(endpoint: Endpoint, tiny: Path, tmp_path: Path) -> Project:
    return new_project(endpoint, tiny, tmp_path / "project")


def new_project(endpoint: Endpoint, tiny: Path, folder: Path) -> Project:
    """A project that asks the endpoint, which has forgotten everything before."""
    endpoint.fault = lambda number, body: None
    endpoint.latency = lambda number: 0.0
    for log in (endpoint.asked, endpoint.headers, endpoint.answered, endpoint.times):
        log.clear()
    endpoint.faults.clear()
    made = project(folder, tiny)
    made.env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url}
    (folder / "prices.yaml").write_text(PRICES, "utf-8")
    return made


def words(made: Project, limit: int = 24, *more: str) -> list[str]:
    asked = made.distilling("runs/one", "--timeout", "3", *more, limit=limit)
    asked[asked.index("solver")] = "openai:m"
    return asked


def no_key(*folders: Path) -> None:
    for folder in folders:
        for path in folder.rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_an_endpoint_that_fails_gives_nothing_false(made: Project, endpoint: Endpoint) -> None:
    random = Random(5)
    poison = dict(
        zip(range(2, 9, 3), ("content filter", "context too long", "refused"), strict=True)
    )
    spoiled: dict[str, str] = {}

    def fault(number: int, body: Any) -> str | None:
        text = body["messages"][-1]["content"]
        if number in poison:
            spoiled[text] = poison[number]
        if text in spoiled:
            return spoiled[text]
        return random.choice(FAULTS) if random.random() < 0.3 else None

    endpoint.fault = fault
    done = made.call(*words(made, 60, "--json"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(endpoint.faults) == {*FAULTS, *poison.values()}
    assert max(endpoint.answered.values()) == 1
    assert sum(told["failed"].values()) >= 3
    assert set(poison.values()) <= set(told["failed"])

    run = made.folder / "runs/one"
    failed = read_records(run / "failed.jsonl", Failed)
    rationales = read_records(run / "rationales.jsonl", Rationale)
    assert all(one.reason and one.tries for one in failed)
    lost = {one.question for one in failed if one.stage == "rationales"}
    assert lost | {r.question for r in rationales} == {
        row["question"] for row in made.rows("runs/one", "mining.jsonl")
    }
    assert not lost & {r.question for r in rationales}
    said = {solved(body["messages"][-1]["content"]) for body in endpoint.asked}
    assert all(r.kept and any(r.text in text for text in said) for r in rationales)
    extractions = read_records(run / "knowledge.jsonl", Extraction)
    assert {e.text for e in extractions} <= said
    spend = json.loads((run / "spend.json").read_text("utf-8"))
    answers = sum(stage["answers"] for stage in spend["stages"].values())
    assert answers == sum(endpoint.answered.values())
    assert spend["usd"] == pytest.approx(told["usd"])
    assert KEY not in done.stdout + done.stderr
    no_key(made.folder, Path(made.env["NESY_HOME"]))

    # What failed is not asked again on its own, and all of it once it is wanted.
    before = len(endpoint.asked)
    endpoint.fault = lambda number, body: None
    assert json.loads(made.nesy(*words(made, 60, "--json")))["failed"] == told["failed"]
    assert len(endpoint.asked) == before
    again = json.loads(made.nesy(*words(made, 60, "--json", "--retry-failed")))
    assert again["failed"] == {}
    assert again["rationales"] == 60
    assert max(endpoint.answered.values()) == 1


def test_a_wrong_key_ends_at_once_and_is_not_shown(made: Project, endpoint: Endpoint) -> None:
    endpoint.fault = lambda number, body: (
        (401, {}, {"error": {"message": f"Incorrect API key provided: {KEY}."}})
    )
    said = made.fails(*words(made))
    assert said.startswith(
        f"openai:m at {endpoint.url}: wrong key, tried once (HTTP 401: Incorrect"
    )
    assert KEY not in said
    no_key(made.folder, Path(made.env["NESY_HOME"]))


def test_a_run_that_could_not_begin_gives_way_to_another_teacher(made: Project) -> None:
    del made.env["OPENAI_API_KEY"], made.env["OPENAI_BASE_URL"]
    assert made.fails(*words(made)).startswith("openai: set OPENAI_API_KEY")
    other = ["transcripts:none.jsonl" if word == "openai:m" else word for word in words(made)]
    assert made.fails(*other).startswith("none.jsonl: ")


def test_an_evaluation_and_its_report_show_no_key(made: Project, endpoint: Endpoint) -> None:
    endpoint.fault = lambda number, body: "refused" if number == 3 else None
    address = f"{endpoint.url}?api-key={KEY}"
    measured = ("eval", "--benchmark", "synth-gsm", "--model", "openai:m", "--base-url", address)
    words = (*measured, "--split", "test", "--limit", "6", "--output-dir", "measured")
    said = made.call(*words)
    assert said.returncode == 2
    assert "it was shown [key]" in said.stderr
    endpoint.fault = lambda number, body: None
    shown = made.nesy(*words) + made.nesy("report", "measured", "-o", "page.html")
    assert KEY not in shown + said.stdout + said.stderr
    assert (made.folder / "page.html").is_file()
    no_key(made.folder, Path(made.env["NESY_HOME"]))


def test_the_cap_keeps_everything_and_a_higher_one_goes_on(
    made: Project, endpoint: Endpoint
) -> None:
    # A reply is charged 7 * 1 + 3 * 1000 USD for a million tokens.
    one = 0.003007
    sets = ("--set", "teacher.max_tokens=3", "--set", "teacher.knowledge_max_tokens=3")
    done = made.call(*words(made, 24, *sets, "--max-usd", "0.05", "--max-concurrency", "2"))
    assert done.returncode == 3, done.stderr
    assert "of --max-usd 0.05 are spent; every answer is kept" in done.stderr
    asked = len(endpoint.asked)
    assert 5 <= asked <= 0.05 / one
    spend = json.loads((made.folder / "runs/one/spend.json").read_text("utf-8"))
    assert spend["usd"] == pytest.approx(asked * one)
    wrong = [r["question"] for r in made.rows("runs/one", "untrained.jsonl")]
    assert len(wrong) == 24
    again = made.call(*words(made, 24, *sets, "--max-usd", "0.05"))
    assert again.returncode == 3
    assert len(endpoint.asked) == asked
    told = json.loads(made.nesy(*words(made, 24, *sets, "--max-usd", "9", "--json")))
    assert told["usd"] == pytest.approx(len(endpoint.asked) * one)
    assert max(endpoint.answered.values()) == 1

    (made.folder / "prices.yaml").write_text("prices: {}\n", "utf-8")
    said = made.fails(*words(made, 24, *sets, "--max-usd", "9"))
    assert said.startswith("--max-usd needs the price of the teacher")
    (made.folder / "prices.yaml").write_text("prices:\n  m: {input: 1}\n", "utf-8")
    said = made.fails(*words(made, 24, *sets))
    assert said.startswith("prices.yaml:2:6: prices.m.output: Field required")


def test_a_dry_run_asks_nothing_but_its_sample(made: Project, endpoint: Endpoint) -> None:
    told = json.loads(made.nesy(*words(made, 24, "--dry-run", "--json")))
    assert endpoint.asked == []
    rationales, knowledge = told["stages"]
    assert rationales["calls"] == {"least": 24, "most": 24}
    assert knowledge["calls"] == {"least": 0, "most": 24}
    assert rationales["basis"] == "no answers of this teacher yet"
    assert 0 < told["usd"]["least"] < told["usd"]["most"]
    assert not (made.folder / "runs").joinpath("one").exists()

    narrower = json.loads(made.nesy(*words(made, 24, "--dry-run", "--json", "--sample", "8")))
    assert len(endpoint.asked) == 8
    rationales = narrower["stages"][0]
    assert (rationales["calls"]["most"], rationales["stored"]) == (16, 8)
    assert rationales["completion_tokens"] == {"least": 48, "most": 48}
    told = json.loads(made.nesy(*words(made, 24, "--json")))
    assert told["rationales"] == 24
    assert max(endpoint.answered.values()) == 1
    # The run tells how often the student failed, so the range is narrower still.
    stages = json.loads(made.nesy(*words(made, 24, "--dry-run", "--json")))["stages"]
    assert [stage["calls"]["most"] for stage in stages] == [0, told["failures"]]

    (made.folder / "prices.yaml").unlink()
    shown = made.nesy(*words(made, 24, "--dry-run"))
    assert "the price of openai:m is unknown" in shown
