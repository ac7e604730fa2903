"""What ``nesy doctor`` finds, and what it never shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from endpoint import KEY, Endpoint

from nesy.completions import CachedLM, Completions
from nesy.doctor import Finding, examine
from nesy.models import scripted
from nesy.types import Message, Sampling


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "NESY_DATA"):
        monkeypatch.delenv(name, raising=False)


def found(base_url: str | None = None) -> dict[str, Finding]:
    return {finding.topic: finding for finding in examine(base_url)}


def test_the_machine_and_the_caches(tmp_path: Path) -> None:
    first = found()
    assert first["torch"].state == "ok"
    assert all(one.state != "broken" for one in first.values())
    assert first["NESY_HOME"].found.endswith("no completions yet")
    assert first["hub"].state == first["endpoint"].state == first["NESY_DATA"].state == "off"
    (tmp_path / "said.jsonl").write_text('{"completion": "yes"}\n', "utf-8")
    lm = CachedLM(scripted.ScriptedLM(tmp_path / "said.jsonl"), Completions())
    lm.generate([(Message("user", "a"),)], Sampling())
    assert found()["NESY_HOME"].found.endswith("1 completions")


def test_an_endpoint_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Endpoint() as endpoint:
        finding = found(endpoint.url)["endpoint"]
    assert (finding.state, finding.found) == ("ok", f"{endpoint.url}: m")


def test_an_endpoint_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    finding = found("http://user:secret@127.0.0.1:9/v1?key=secret")["endpoint"]
    assert finding.state == "broken"
    assert finding.found.startswith("http://127.0.0.1:9/v1: no connection")
    assert "secret" not in finding.found


def test_data_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESY_DATA", "/nowhere")
    assert found()["NESY_DATA"] == Finding(
        "NESY_DATA", "broken", "/nowhere: no such folder", "set it to a folder"
    )
