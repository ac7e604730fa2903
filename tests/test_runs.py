"""Run folders survive a kill."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from nesy.errors import InputError
from nesy.runs import Run, from_json, read_records, to_json
from nesy.types import Attempt, Completion, Hit, Question


def an_attempt(number: int = 0) -> Attempt:
    return Attempt(
        question=f"b/test/t/{number}",
        task="t",
        hits=(Hit("units.dozen", 0.5, 1), Hit("units.score", 0.25, 2)),
        prompt_sha="0" * 64,
        completion=Completion("Zwölf.\nSo the answer is 12.\u2028", "stop", 10, 7),
        answer="12",
        rule="phrase",
        outcome="correct",
        outcome_strict="wrong",
    )


def test_records_round_trip() -> None:
    record = an_attempt()
    line = to_json(record)
    assert "\n" not in line
    assert from_json(Attempt, line) == record
    question = Question("i", "b", "t", "test", "1\n2", "4", "number", params={"a": [1, {"b": 2.5}]})
    assert from_json(Question, to_json(question)) == question


def test_recipe_first_manifest_last(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "r", "seed: 0\n")
    assert (run.folder / "recipe.yaml").read_text() == "seed: 0\n"
    assert not run.finished
    run.append("attempts", [an_attempt(0)])
    run.write_manifest({"commit": "abc"})
    assert run.finished
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["commit"] == "abc"
    assert set(manifest["files"]) == {"recipe.yaml", "attempts.jsonl"}


def test_torn_last_line_is_dropped(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "r", "seed: 0\n")
    run.append("attempts", [an_attempt(0), an_attempt(1)])
    path = run.folder / "attempts.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        kept = run.read("attempts", Attempt)
        assert kept == [an_attempt(i) for i in range(whole[:cut].count(b"\n"))]
    path.write_bytes(whole[:-5])
    run.append("attempts", [an_attempt(2)])
    assert run.read("attempts", Attempt) == [an_attempt(0), an_attempt(2)]


def test_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_text(to_json(an_attempt()) + "\n{}\n")
    with pytest.raises(InputError, match=r"attempts\.jsonl:2: not a Attempt: question: Field"):
        read_records(path, Attempt)


def test_run_folder_is_not_reused_for_another_recipe(tmp_path: Path) -> None:
    Run.create(tmp_path / "r", "seed: 1\n").close()  # nothing came of it, so it gives way
    with Run.create(tmp_path / "r", "seed: 0\n") as run:
        run.finish("questions")
    Run.create(tmp_path / "r", "seed: 0\n").close()
    with pytest.raises(InputError, match="another recipe"):
        Run.create(tmp_path / "r", "seed: 1\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        Run.create(tmp_path / "full", "seed: 0\n")
    with pytest.raises(InputError, match="no run here"):
        Run.open(tmp_path)


def test_two_writers_are_refused(tmp_path: Path) -> None:
    with Run.create(tmp_path / "r", "seed: 0\n"):
        with pytest.raises(InputError, match="another process is writing"):
            Run.create(tmp_path / "r", "seed: 0\n")
        assert Run.open(tmp_path / "r").read("attempts", Attempt) == []
    Run.create(tmp_path / "r", "seed: 0\n").close()


def test_stages(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "r", "seed: 0\n")
    assert run.done("rationales") is None
    run.finish("rationales", kept=3)
    run.finish("training", loss=0.5)
    assert Run.open(run.folder).done("rationales") == {"kept": 3}


def _append_until_killed(folder: Path) -> None:
    run = Run.create(folder, "seed: 0\n")
    number = 0
    while True:
        run.append("attempts", [an_attempt(number)])
        number += 1


def test_kill_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_append_until_killed, args=(tmp_path / "r",)
    )
    process.start()
    path = tmp_path / "r/attempts.jsonl"
    while process.is_alive() and not (path.is_file() and path.read_bytes().count(b"\n") > 20):
        process.join(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with Run.create(tmp_path / "r", "seed: 0\n") as run:
        kept = run.read("attempts", Attempt)
        assert len(kept) > 20
        assert kept == [an_attempt(i) for i in range(len(kept))]
        run.append("attempts", [an_attempt(len(kept))])
        assert len(run.read("attempts", Attempt)) == len(kept) + 1
