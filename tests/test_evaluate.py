"""The evaluation with a canned model: order, resume, edits, reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from nesy import prompts, stats, tables
from nesy.answer import prepare
from nesy.errors import InputError, ModelError
from nesy.evaluate import (
    Shown,
    cells,
    document,
    evaluate,
    groups,
    latest,
    oracle,
    rescore,
)
from nesy.facts import table
from nesy.kb.entry import Entry
from nesy.runs import Run
from nesy.types import Attempt, Completion, Hit, Messages, Question, Sampling

QUESTIONS = [
    Question(
        f"b/test/t{i % 2}/{i}", "b", f"t{i % 2}", "test", "x" * (i % 7) + f" {i}?", f"{i}", "number"
    )
    for i in range(20)
]


class Echo:
    """Answers with the number in the question, wrong from ``wrong_from`` on."""

    def __init__(self, fingerprint: str = "w", wrong_from: int = 99, fail_after: int = 99) -> None:
        self.name = "echo"
        self.fingerprint = fingerprint
        self.seen: list[str] = []
        self._wrong_from = wrong_from
        self._fail_after = fail_after

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        if len(self.seen) >= self._fail_after:
            raise ModelError("stopped")
        made = []
        for prompt in prompts:
            text = prompt[-1].content.partition("Question: ")[2].partition("\n")[0]
            self.seen.append(text)
            number = int(text.rpartition(" ")[2].removesuffix("?"))
            number += number >= self._wrong_from
            made.append(Completion(f"So the answer is {number}.", "stop", 4, 5))
        return made


@dataclass
class Found:
    hit: Hit
    entry: Any


def knows(fact: str) -> Callable[[Sequence[Question]], list[list[Found]]]:
    """A search that shows one entry with the questions whose text has an x."""

    def search(questions: Sequence[Question]) -> list[list[Found]]:
        entry = SimpleNamespace(id="x", sha=f"sha of {fact}", lesson=None, facts=(fact,))
        return [[Found(Hit("x", 0.5, 1), entry)] if "x" in q.text else [] for q in questions]

    return search


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", "seed: 0\n")


def test_attempts_come_back_in_order(run: Run) -> None:
    lm = Echo(wrong_from=15)
    seen: list[tuple[int, int]] = []
    made = evaluate(
        QUESTIONS,
        lm,
        prompts.load("student"),
        Sampling(),
        run=run,
        on_progress=lambda done, total: seen.append((done, total)),
        batch=6,
    )
    assert [a.question for a in made] == [q.id for q in QUESTIONS]
    assert [a.outcome for a in made] == ["correct"] * 15 + ["wrong"] * 5
    assert [len(text) for text in lm.seen] == sorted((len(t) for t in lm.seen), reverse=True)
    assert seen == [(0, 20), (6, 20), (12, 20), (18, 20), (20, 20)]
    assert sorted(latest(run), key=lambda a: a.question) == sorted(made, key=lambda a: a.question)
    assert run.read("questions", Question) == QUESTIONS


def test_resume_asks_only_what_is_missing(run: Run) -> None:
    prompt = prompts.load("student")
    with pytest.raises(ModelError):
        evaluate(QUESTIONS, Echo(fail_after=12), prompt, Sampling(), run=run, batch=6)
    assert len(latest(run)) == 12
    lm = Echo()
    made = evaluate(QUESTIONS, lm, prompt, Sampling(), run=run, batch=6)
    assert len(lm.seen) == 8
    assert len(made) == len(latest(run)) == 20
    assert len(run.read("questions", Question)) == 20


def test_edited_knowledge_asks_only_what_it_touches(run: Run) -> None:
    prompt = prompts.load("student")
    evaluate(QUESTIONS, Echo(), prompt, Sampling(), knows("old"), run)
    lm = Echo()
    made = evaluate(QUESTIONS, lm, prompt, Sampling(), knows("new"), run)
    assert all("x" in text for text in lm.seen)
    assert len(lm.seen) == sum("x" in q.text for q in QUESTIONS)
    assert len(latest(run)) == len(made) == 20
    assert [shown.facts for shown in run.read("entries", Shown)] == [("old",), ("new",)]


def test_other_weights_are_refused(run: Run) -> None:
    prompt = prompts.load("student")
    evaluate(QUESTIONS, Echo("w1"), prompt, Sampling(), run=run)
    with pytest.raises(InputError, match="made with another fingerprint"):
        evaluate(QUESTIONS, Echo("w2"), prompt, Sampling(), run=run)
    with pytest.raises(InputError, match="made with another sampling"):
        evaluate(QUESTIONS, Echo("w1"), prompt, Sampling(max_tokens=3), run=run)
    evaluate(QUESTIONS, Echo("w2"), prompt, Sampling(), run=run, cell="distilled")
    assert cells(run) == [None, "distilled"]


def test_without_a_run_nothing_is_written(tmp_path: Path) -> None:
    made = evaluate(QUESTIONS[:3], Echo(), prompts.load("student"), Sampling())
    assert [a.outcome for a in made] == ["correct"] * 3


def test_oracle_gives_the_entry_that_states_the_fact() -> None:
    fact = next(iter(table("rare_units")))
    states = Entry(id="a.right", when="a unit", facts=(fact.statement,))
    procedure = Entry(
        id="a.how", when="words", lesson="Go on.", source={"questions": ["synth-bbh/train/walk/3"]}
    )
    search = oracle([procedure, states])
    asked = [
        Question(
            "synth-gsm/test/u/0", "synth-gsm", "u", "test", "?", "1", "number", (), (fact.id,)
        ),
        Question("synth-bbh/test/walk/0", "synth-bbh", "walk", "test", "?", "Yes", "boolean"),
        Question("synth-bbh/test/run/0", "synth-bbh", "run", "test", "?", "Yes", "boolean"),
    ]
    found = search(asked)
    assert [[one.entry.id for one in some] for some in found] == [["a.right"], ["a.how"], []]
    new = Question(
        "s/test-new-facts/u/0", "s", "u", "test-new-facts", "?", "1", "number", (), ("f.x",)
    )
    assert groups([*asked, new]) == {
        "procedures": {asked[1].id, asked[2].id},
        "known facts": {asked[0].id},
        "new facts": {new.id},
    }
    assert groups(asked[1:]) == {}


def test_report_document() -> None:
    made = evaluate(QUESTIONS, Echo(wrong_from=15), prompts.load("student"), Sampling())
    report = document("b", made, config={"model": "echo"}, full={"b_t0": 250}, seed=3)
    row = report["results"]["b_t0"]
    assert row["acc,strict"] == row["acc,lenient"] == pytest.approx(0.8)
    assert report["results"]["b"]["acc,lenient"] == pytest.approx(0.75)
    assert report["results"]["b"]["acc_stderr,lenient"] == pytest.approx((0.75 * 0.25 / 19) ** 0.5)
    assert report["n-samples"]["b_t0"] == {"original": 250, "effective": 10}
    assert report["group_subtasks"]["b"] == ["b_t0", "b_t1"]
    assert report["groups"] == {"b": report["results"]["b"]}
    assert report["nesy"]["macro"]["lenient"] == pytest.approx(0.75)
    assert report["nesy"]["tokens"] == {"prompt": 80, "completion": 100}
    assert report["nesy"]["seed"] == 3
    json.dumps(report)


def test_tables_and_path() -> None:
    made = evaluate(QUESTIONS, Echo(wrong_from=15), prompts.load("student"), Sampling(), knows("f"))
    ablation = stats.ablation(
        {"base": made, "KB": made}, {"all of it": frozenset(q.id for q in QUESTIONS)}
    )
    console = Console(width=120, record=True)
    for table_ in (tables.by_task(made), tables.cells(ablation), tables.tests(ablation)):
        console.print(table_)
    text = console.export_text()
    for expected in ("mean of tasks", "75.0", "base → KB", "+0.0", "1.000"):
        assert expected in text
    question = QUESTIONS[1]
    (prepared,) = prepare([question], prompts.load("student"), knows("f"))
    shown = tables.path(made[1], question, prepared)
    for expected in (
        "entry 1     x (score 0.5000)",
        "- f",
        "So the answer is 1.",
        "outcome     correct",
    ):
        assert expected in shown
    assert "changed" not in shown
    (edited,) = prepare([question], prompts.load("student"), knows("g"))
    assert "the knowledge changed" in tables.path(made[1], question, edited)
    assert tables.unparsed_warning(made) is None


def test_rescore_grades_stored_completions_again(run: Run) -> None:
    evaluate(QUESTIONS, Echo(), prompts.load("student"), Sampling(), run=run)
    old = latest(run)[0]
    stale = Attempt(
        old.question,
        old.task,
        old.hits,
        old.prompt_sha,
        old.completion,
        None,
        None,
        "unparsed",
        "unparsed",
    )
    run.append("attempts", [stale])
    run.close()
    before, after = rescore(run.folder)["attempts"]
    assert sum(a.outcome == "unparsed" for a in before) == 1
    assert all(a.outcome == "correct" for a in after)
    assert all(a.outcome == "correct" for a in latest(run))
