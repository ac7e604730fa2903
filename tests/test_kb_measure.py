"""``nesy kb diff --impact``, credit, prune, test and gate from the outside, over recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import small
from click.testing import Result
from typer.testing import CliRunner

from nesy import benchmarks, models, prompts, recipe, student
from nesy.cli import app
from nesy.cli_kb import measure
from nesy.evaluate import evaluate, latest
from nesy.kb import store
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch
from nesy.models.hf import HFModel
from nesy.runs import Run
from nesy.types import Question, Sampling

BEER = ["firkin", "kilderkin", "hogshead"]
QUESTIONS = [
    Question(
        f"b/test/{unit}/{n}", "b", "t", "test", f"{n} {unit}s of beer?", str(n * size), "number"
    )
    for unit, size in zip(BEER, (9, 18, 54), strict=True)
    for n in range(2, 10)
] + [Question("b/test/other", "b", "t", "test", "Who is there?", "7", "number")]


def pack(**facts: str) -> str:
    entries = "".join(
        f"  - id: u.{unit}\n    when: beer is given in {unit}s\n    facts:\n      - {fact}\n"
        for unit, fact in facts.items()
    )
    return f"name: u\nlicense: CC0-1.0\nentries:\n{entries}"


def fact(unit: str, size: int) -> str:
    return f"A {unit} is {size} gallons."


TRUE = pack(**{unit: fact(unit, size) for unit, size in zip(BEER, (9, 18, 54), strict=True)})
POISONED = TRUE.replace("18 gallons", "3 gallons")


def rows() -> list[dict[str, str]]:
    """What the scripted student says: it multiplies by the gallons it is shown, else says 1."""
    said = [
        {
            "prompt": f"- {fact(unit, size)}\nQuestion: {n} {unit}s",
            "completion": f"So the answer is {n * size}.",
        }
        for unit in BEER
        for size in (3, 9, 10, 18, 54)
        for n in range(2, 10)
    ]
    alone = [
        {"prompt": f"Question: {n} kilderkins", "completion": f"So the answer is {18 * n}."}
        for n in range(2, 10)
    ]
    return [*said, *alone, {"prompt": "", "completion": "So the answer is 1."}]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an evaluation of a scripted student, knowledge as in ``POISONED``."""
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("kb").mkdir()
    Path("kb/u.yaml").write_text(POISONED)
    Path("said.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows()))
    overrides = ("student.model=scripted:said.jsonl", "knowledge.mode=bm25")
    made = recipe.load("embedded", [*overrides, "student.calculator=off"])
    Run.create(Path("runs/one"), made.dump()).close()
    Path("runs/one/manifest.json").write_text("{}")
    evaluated("runs/one/eval/b", "base + KB", made)
    return tmp_path


def evaluated(folder: str, cell: str, made: recipe.Recipe) -> None:
    settings = {"run": "runs/one", "calculator": "off", "num_fewshot": 0}
    search = IndexSearch(Index(store.load(Path("kb")).entries, None, mode="bm25"))
    with Run.create(Path(folder), json.dumps(settings)) as run:
        evaluate(
            QUESTIONS,
            models.load(made.student.model),
            prompts.load("student"),
            Sampling(max_tokens=made.student.max_tokens),
            search,
            run,
            cell=cell,
        )


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["kb", *arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def from_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_impact_of_an_edit(project: Path) -> None:
    said = run("diff", "kb", "--impact", "runs/one").stdout
    assert said == "0 of 25 affected: +0 \N{MINUS SIGN}0\n"
    Path("kb/u.yaml").write_text(TRUE.replace("9 gallons", "10 gallons"))
    said = run("diff", "kb", "--impact", "runs/one/eval/b").stdout
    assert said.startswith("16 of 25 affected: +8 \N{MINUS SIGN}8\n")
    assert "+ b/test/kilderkin/2  6 → 36 (correct)  u.kilderkin\n" in said
    assert "\N{MINUS SIGN} b/test/firkin/2  18 → 20 (wrong)  u.firkin\n" in said
    made = from_json("diff", "kb", "--impact", "runs/one")["impact"]
    assert (made["questions"], made["gained"], made["lost"]) == (25, 8, 8)
    before = {a.question: a for a in latest(Run.open(Path("runs/one/eval/b")), "base + KB")}
    assert len(before) == 25  # the record itself stays as it was
    assert before["b/test/kilderkin/2"].answer == "6"
    evaluated("again", "base + KB", recipe.load("runs/one/recipe.yaml"))
    after = {a.question: a for a in latest(Run.open(Path("again")), "base + KB")}
    told = {one["question"]: one["answer"][1] for one in made["affected"]}
    for question, attempt in after.items():
        assert attempt.answer == told.get(question, before[question].answer)


def test_credit_finds_the_poisoned_entry_and_prune_proposes_it(project: Path) -> None:
    assert "run `nesy kb credit runs/one` first" in run("prune", "runs/one", code=2).stderr
    report = from_json("credit", "runs/one")
    assert (report["answers"], report["full"]) == (24, 24)
    told = {one["entry"]: one for one in report["entries"]}
    assert told["u.kilderkin"]["verdict"] == "harmed"
    assert told["u.kilderkin"]["effect"] == -1.0
    assert told["u.firkin"]["verdict"] == told["u.hogshead"]["verdict"] == "helped"
    assert told["u.firkin"]["used"] == 8
    lines = run("credit", "runs/one", "--answers", "6").stdout.splitlines()
    assert lines[0].startswith("6 extra answers (24 are a full leave-one-out)")
    run("credit", "runs/one")
    text = Path("kb/u.yaml").read_text()
    said = run("prune", "runs/one").stdout
    assert "u.kilderkin (kb/u.yaml:8): 8 questions right only without it, 0 only with it" in said
    assert "nesy kb edit u.kilderkin --set status=retired" in said
    assert "u.firkin" not in said
    assert Path("kb/u.yaml").read_text() == text  # never alone
    Path("kb/u.yaml").write_text(TRUE)
    assert "nothing to retire" in run("prune", "runs/one").stderr
    assert "8 of 25 questions were asked again" in run("credit", "runs/one").stderr


def test_report_card_of_an_edit(project: Path) -> None:
    probes = [
        {"aspect": "reliability", "question": "3 kilderkins of beer?", "answer": "54"},
        {"aspect": "generality", "question": "4 kilderkins?", "answer": "72"},
        {"aspect": "portability", "question": "5 kilderkins and a glass?", "answer": "91"},
    ]
    Path("probes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in probes))
    given = ("--questions", "probes.jsonl")
    before = Path("kb/u.yaml").read_text()
    made = from_json("test", "--edit", "3 gallons", "18 gallons", *given)
    assert made["entry"] == "u.kilderkin"
    told = {mark["aspect"]: mark for mark in made["card"]}
    assert (told["reliability"]["passed"], told["reliability"]["before"]) == (1, 0)
    assert (told["generality"]["passed"], told["generality"]["shown"]) == (1, 1)
    assert told["portability"]["failed"] == ["probes/3"]
    assert (told["locality"]["questions"], told["locality"]["passed"]) == (17, 17)
    assert told["locality"]["interval"][0] > 0.8
    assert Path("kb/u.yaml").read_text() == before
    said = run("test", "u.kilderkin", *given).stdout
    assert "reliability    0 of 1 right" in said
    assert "unchanged" in said
    wrong = run("test", "--edit", "gallons", "litres", *given, code=2).stderr
    assert "stands in u.firkin, u.kilderkin, u.hogshead" in wrong
    assert "stands in none" in run("test", "u.firkin", "--edit", "x!", "y", code=2).stderr
    assert "give --questions FILE" in run("test", "u.firkin", code=2).stderr
    assert "name an entry" in run("test", code=2).stderr


def test_questions_on_a_shipped_fact_are_known_after_an_edit_was_saved(project: Path) -> None:
    dram = "A fluid dram is {} minims."
    given = {"id": "units.fluid-dram", "when": "fluid drams", "facts": [dram.format(61)]}
    pack = {"name": "units", "license": "CC0-1.0", "entries": [given]}
    Path("kb/units.yaml").write_text(json.dumps(pack))
    for words in (["units.fluid-dram"], ["--edit", "61 minims", "62 minims"]):
        card = from_json("test", *words, "--count", "2")["card"]
        assert [mark["questions"] for mark in card[:3]] == [2, 2, 2]


def test_changed_weights_and_missing_records_are_refused(project: Path) -> None:
    with Path("said.jsonl").open("a") as file:
        file.write('{"completion": "So the answer is 5."}\n')
    assert "is not the model that answered" in run("credit", "runs/one", code=2).stderr
    assert "no run here" in run("credit", "runs/two", code=2).stderr
    Run.create(Path("runs/two"), "seed: 0\n").close()
    assert "not evaluated yet" in run("diff", "kb", "--impact", "runs/two", code=2).stderr


def test_gate_is_fitted_on_questions_that_were_not_trained_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small.save(Path("model"), "llama")

    def load(made: recipe.Recipe, adapter: Path | None, **_: Any) -> HFModel:
        assert adapter == Path("runs/one/adapter")
        return HFModel(str(folder))

    monkeypatch.setattr(student, "load_student", load)
    short = ("--limit", "12", "--benchmark", "synth-gsm")
    overrides = ("student.max_tokens=4", "knowledge.mode=bm25", "data.benchmark=synth-gsm")
    made = recipe.load("embedded", [*overrides, "data.per_family=2", "data.per_fact=1"])
    Path("runs/one/recipe.yaml").write_text(made.dump())
    told = from_json("gate", "runs/one", *short)
    assert told["questions"] == 12
    assert 0 <= told["threshold"] <= 1
    assert told["curve"][0]["coverage"] == 1.0
    shown = ElementTree.fromstring(Path("runs/one/gate.svg").read_text("utf-8"))
    line = next(part for part in shown.iter() if part.tag.endswith("polyline")).attrib["points"]
    assert len(line.split()) == sum(point["coverage"] > 0 for point in told["curve"])
    assert json.loads(Path("runs/one/gate.json").read_text()) == told
    lines = run("gate", "runs/one", *short).stdout
    assert "12 held-out training questions of synth-gsm" in lines
    assert f"nesy eval --gate {told['threshold']:.4f}" in lines
    asked = {"limit": None, "per_family": 2, "per_fact": 1, "seed": 0}
    trained = {q.text for q in benchmarks.load("synth-gsm", "train", **asked)}
    tests = {q.text for q in benchmarks.load("synth-gsm", "test")}
    held_out = measure._held_out(made, "synth-gsm", 500, 1)
    assert len(held_out) > 100
    assert not {q.text for q in held_out} & (trained | tests)
