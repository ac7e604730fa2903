"""``nesy compare``, ``rescore``, ``report`` and ``eval --responses`` through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nesy.cli import app
from nesy.errors import InputError
from nesy.runs import Run
from nesy.types import Attempt, Completion, Question

RUNNER = CliRunner()


def attempts(right: int, total: int = 60) -> list[Attempt]:
    made = []
    for i in range(total):
        outcome = "correct" if i < right else "wrong"
        text = f"So the answer is {7 if i < right else 8}."
        done = Completion(text, "stop", 3, 5)
        made.append(
            Attempt(f"q/{i}", "t", (), "0" * 64, done, text[-2], "phrase", outcome, outcome)  # type: ignore[arg-type]
        )
    return made


def folder(path: Path, right: int) -> Path:
    with Run.create(path, "{}\n") as run:
        run.append(
            "questions",
            [Question(f"q/{i}", "b", "t", "test", f"Q {i}", "7", "number") for i in range(60)],
        )
        run.append("attempts", attempts(right))
        run.write_json("conditions", {"attempts": {"model": "m"}})
    return path


def test_compare_finds_the_worse_run_and_fails_on_demand(tmp_path: Path) -> None:
    good, bad = folder(tmp_path / "good", 50), folder(tmp_path / "bad", 20)
    result = RUNNER.invoke(app, ["compare", str(good), str(bad), "--json"])
    assert result.exit_code == 0
    (one,) = json.loads(result.stdout)["comparisons"]
    assert one["overall"]["verdict"] == "worse"
    assert len(one["losses"]) == 30 and not one["wins"]
    first = one["losses"][0]
    assert one["links"][first] == [
        f"{run / 'attempts.jsonl'}:{int(first[2:]) + 1}" for run in (good, bad)
    ]
    shown = RUNNER.invoke(app, ["compare", str(good), str(bad)]).stdout
    assert "losses: 30" in shown and "wins: none" in shown
    assert f"  {first}  {one['links'][first][0]}  {one['links'][first][1]}" in shown
    assert RUNNER.invoke(app, ["compare", str(good), str(bad), "--fail-if-worse"]).exit_code == 1
    assert RUNNER.invoke(app, ["compare", str(bad), str(good), "--fail-if-worse"]).exit_code == 0


def test_compare_of_one_run_is_refused(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["compare", str(folder(tmp_path / "a", 3))])
    assert isinstance(result.exception, InputError)


def test_rescore_lists_what_changed(tmp_path: Path) -> None:
    path = folder(tmp_path / "run", 30)
    assert "0 verdicts changed" in RUNNER.invoke(app, ["rescore", str(path)]).stdout
    lines = (path / "questions.jsonl").read_text().splitlines()
    changed = [line.replace('"target":"7"', '"target":"8"') for line in lines]
    (path / "questions.jsonl").write_text("\n".join(changed) + "\n")
    result = RUNNER.invoke(app, ["rescore", str(path), "--json"])
    assert len(json.loads(result.stdout)["changed"]) == 60


def test_report_is_one_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = RUNNER.invoke(app, ["report", str(folder(tmp_path / "run", 30)), "-o", str(page)])
    assert result.exit_code == 0
    assert "http" not in page.read_text("utf-8").split("<body", 1)[0].replace("http-equiv", "")


def test_stored_responses_are_graded_without_a_model(tmp_path: Path) -> None:
    from nesy.benchmarks import load

    questions = load("synth-gsm", "test")
    rows = [
        {"question": q.text, "response": f"So the answer is {q.target if i % 4 else 'unknown'}."}
        for i, q in enumerate(questions)
    ]
    path = tmp_path / "responses.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = RUNNER.invoke(
        app, ["eval", "--benchmark", "synth-gsm", "--responses", str(path), "--json"]
    )
    assert result.exit_code == 0
    figures = json.loads(result.stdout)["nesy"]["tasks"]["synth-gsm"]["lenient"]
    wrong = len(range(0, len(rows), 4))
    assert figures["accuracy"] == pytest.approx(1 - wrong / len(rows))
    assert figures["outcomes"]["unparsed"] == wrong
