"""The whole path on a random model of a few thousand parameters, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import small

from nesy import critic
from nesy import recipe as recipes
from nesy.critic import Critic, Labelled, Pair, of_entry
from nesy.kb import store
from nesy.kb.entry import Entry
from nesy.kb.extract import Extraction
from nesy.runs import read_records
from nesy.student import drawn
from nesy.types import Attempt, Rationale

ROOT = Path(__file__).resolve().parent.parent
NESY = [sys.executable, "-c", "from nesy.cli import main; main()"]
FAST = [
    *("train.rank=4", "train.general_epochs=1", "train.augmented_epochs=1"),
    *("train.embeddings=false", "student.max_tokens=24", "knowledge.mode=bm25"),
]
RECORDS = ("rationales.jsonl", "mining.jsonl", "knowledge.jsonl")


class Project:
    """A project folder with its own caches, in which ``nesy`` is called."""

    def __init__(self, folder: Path, student: Path) -> None:
        self.folder = folder
        self.student = student
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("NESY_", "COV_"))},
            "NESY_HOME": str(folder.parent / f"{folder.name}-home"),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }

    def distilling(self, output: str, *more: str, limit: int = 24) -> list[str]:
        sets = [part for pair in FAST for part in ("--set", pair)]
        return [
            *("distill", "--student", str(self.student), "--teacher", "solver"),
            *("--benchmark", "synth-gsm", "--limit", str(limit), "--output-dir", output),
            *(*sets, *more),
        ]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*NESY, *words], cwd=self.folder, env=self.env, capture_output=True, text=True
        )

    def nesy(self, *words: str) -> str:
        done = self.call(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *words: str) -> str:
        done = self.call(*words)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
        return line.removeprefix("error: ")

    def rows(self, run: str, name: str) -> list[dict[str, Any]]:
        text = (self.folder / run / name).read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def entries(self) -> dict[str, Entry]:
        held = store.load(self.folder / "kb").entries
        return {id_: e for id_, e in held.items() if id_.startswith("distilled.")}


def project(folder: Path, student: Path) -> Project:
    made = Project(folder, student)
    folder.mkdir()
    assert "files copied" in made.nesy("init", ".")
    return made


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save(tmp_path_factory.mktemp("student") / "tiny", "llama", context=1024)


@pytest.fixture(scope="module")
def distilled(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one finished run, ``runs/one``."""
    made = project(tmp_path_factory.mktemp("whole") / "project", tiny)
    told = json.loads(made.nesy(*made.distilling("runs/one"), "--json"))
    assert told["run"] == "runs/one"
    assert told["questions"] == told["rationales"] == 24
    assert told["entries"] == told["merge"]["added"]
    return made


def test_a_first_stage_of_less_than_an_epoch_reads_a_part(tiny: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project", tiny)
    words = made.distilling("runs/part", "--set", "train.general_epochs=0.25")
    made.nesy(*words)
    counted = json.loads((made.folder / "runs/part/preflight-stage1.json").read_text("utf-8"))
    assert counted["examples"] == 6
    trained = made.folder / "runs/part/stage1/adapter_model.safetensors"
    before = trained.stat().st_mtime_ns
    made.nesy(*words)  # it rests on all 24 rationales, so nothing is trained anew
    assert trained.stat().st_mtime_ns == before


def test_a_run_holds_everything(distilled: Project) -> None:
    run = distilled.folder / "runs/one"
    for name in (
        "recipe.yaml",
        *RECORDS,
        "stage1/adapter_model.safetensors",
        "adapter/adapter_model.safetensors",
        "adapter/adapter_config.json",
        "manifest.json",
    ):
        assert (run / name).stat().st_size > 0, name
    rationales = distilled.rows("runs/one", "rationales.jsonl")
    mining = distilled.rows("runs/one", "mining.jsonl")
    knowledge = distilled.rows("runs/one", "knowledge.jsonl")
    assert len(rationales) == len(mining) == 24
    assert all(row["kept"] and "So the answer" not in row["text"] for row in rationales)
    failed = {row["question"] for row in mining if row["outcome"] != "correct"}
    assert {row["question"] for row in knowledge} == failed
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    assert manifest["questions"] == 24
    assert manifest["failures"] == len(failed)
    files = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == {
        name for name in files - {"manifest.json", ".lock"} if not name.startswith("eval/")
    }


def test_drafts_say_where_they_come_from(distilled: Project) -> None:
    entries = distilled.entries()
    kept = [row for row in distilled.rows("runs/one", "knowledge.jsonl") if row["kept"]]
    assert entries
    assert {row["entry"] for row in kept} == set(entries)
    for row in kept:
        assert row["question"] in entries[row["entry"]].questions
    assert all(entry.source["teacher"] == "solver" for entry in entries.values())
    assert all(entry.when and entry.facts for entry in entries.values())


def test_a_second_call_does_nothing_twice(distilled: Project) -> None:
    run = distilled.folder / "runs/one"
    watched = [run / name for name in RECORDS]
    watched += [*run.glob("*/adapter_model.safetensors"), *run.glob("*/training.json")]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in watched}
    pack = (distilled.folder / "kb/distilled.yaml").read_bytes()
    distilled.nesy(*distilled.distilling("runs/one"))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in watched} == before
    assert (distilled.folder / "kb/distilled.yaml").read_bytes() == pack


def test_another_recipe_is_refused_in_the_same_folder(distilled: Project) -> None:
    said = distilled.fails(*distilled.distilling("runs/one", "--set", "train.rank=2"))
    assert said.startswith("runs/one/recipe.yaml: this folder holds a run of another recipe")


def test_an_ablation_is_one_document(distilled: Project) -> None:
    words = ("eval", "--benchmark", "synth-gsm", "--ablate", "--limit", "12", "--run", "runs/one")
    done = distilled.call(*words, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    cells = report["nesy"]["ablation"]["cells"]
    assert list(cells) == [
        "base",
        "base + KB",
        "distilled",
        "distilled + KB",
        "distilled + right entry",
    ]
    assert {figures["questions"] for figures in cells.values()} == {24}  # 12 of each split
    assert set(report["nesy"]["ablation"]["groups"]) == {"procedures", "known facts", "new facts"}

    shown = distilled.nesy(*words)
    question = shown.rpartition("--show ")[2].strip()
    path = distilled.nesy(*words, "--show", question)
    for cell in cells:
        assert f"== {cell}\n" in path
    assert question in path
    assert "Question: " in path
    assert "outcome" in path
    said = distilled.fails(*words, "--show", "synth-gsm/test/none/0")
    assert said.startswith("synth-gsm/test/none/0: not among the questions of runs/one/eval/")


def test_one_question_is_answered_and_explained(distilled: Project) -> None:
    question = "A track is 3 furlongs long. How many yards is that?"
    answered = json.loads(distilled.nesy("ask", question, "--explain", "--json"))
    assert {"answer", "steps", "prompt", "entries", "shown", "without_knowledge"} == set(answered)
    assert f"Question: {question}\nAnswer:" in answered["prompt"]
    assert answered["entries"][0]["id"] == answered["shown"][0]["entry"]
    assert any("furlong" in entry["id"] for entry in answered["entries"])
    explained = distilled.nesy("ask", question, "--explain")
    for heading in ("entries considered", "prompt", "steps", "without knowledge: "):
        assert heading in explained


def test_a_persons_edit_survives_a_new_distillation(distilled: Project, tmp_path: Path) -> None:
    shutil.copytree(distilled.folder, tmp_path / "project")
    made = Project(tmp_path / "project", distilled.student)
    pack = made.folder / "kb/distilled.yaml"
    id_, entry = next(iter(made.entries().items()))
    old = entry.facts[0]
    written = pack.read_text("utf-8")
    pack.write_text(written.replace(old, "A person knows better.  # and says why", 1), "utf-8")
    edited = pack.read_text("utf-8")
    assert edited != written
    told = json.loads(made.nesy(*made.distilling("runs/two"), "--json"))
    assert told["run"] == "runs/two"
    assert (told["merge"]["added"], told["merge"]["updated"]) == (0, 0)
    assert told["merge"]["kept"] == 1
    assert pack.read_text("utf-8") == edited
    facts = made.entries()[id_].facts
    assert facts[0] == "A person knows better."
    assert old not in facts
    # The finished run is left as it was made, though the knowledge has changed since.
    adapter = made.folder / "runs/one/adapter/adapter_model.safetensors"
    before = adapter.read_bytes()
    made.nesy(*made.distilling("runs/one"))
    assert adapter.read_bytes() == before
    assert pack.read_text("utf-8") == edited


@pytest.mark.parametrize("until", ["rationales.jsonl", "mining.jsonl", "augmented.jsonl"])
def test_a_killed_distillation_goes_on(tiny: Path, tmp_path: Path, until: str) -> None:
    made = project(tmp_path / "project", tiny)
    words = made.distilling("runs/one", limit=16)
    run = made.folder / "runs/one"
    process = subprocess.Popen(
        [*NESY, *words],
        cwd=made.folder,
        env=made.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (run / until).exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "manifest.json").exists()
    if until == "augmented.jsonl":  # knowledge edited now is no reason to refuse to go on
        pack = made.folder / "kb/distilled.yaml"
        fact = next(iter(made.entries().values())).facts[0]
        pack.write_text(pack.read_text("utf-8").replace(fact, "A person knows better."), "utf-8")
    else:
        with (run / until).open("a", encoding="utf-8") as file:
            file.write('{"question": "cut o')  # what a kill in the middle of a write leaves

    made.nesy(*words)
    assert (run / "manifest.json").is_file()
    rationales = read_records(run / "rationales.jsonl", Rationale)
    assert set(Counter((r.question, r.sample) for r in rationales).values()) == {1}
    attempts = read_records(run / "mining.jsonl", Attempt)
    extractions = read_records(run / "knowledge.jsonl", Extraction)
    for ids in ([a.question for a in attempts], [e.question for e in extractions]):
        assert set(Counter(ids).values()) == {1}
    assert len(rationales) == len(attempts) == 16
    assert made.entries()


def test_mistakes_are_told_in_one_line(tiny: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project", tiny)
    assert "did you mean embedded?" in made.fails("distill", "--recipe", "embeded")
    said = made.fails("distill", "--student", str(tiny), "--benchmark", "synth-gms")
    assert "synth-gms" in said
    assert "did you mean synth-gsm?" in said
    said = made.fails("distill", "--set", "train.rnak=4")
    assert "train.rnak: unknown key (did you mean rank?)" in said
    assert made.fails("distill", "--kb", "nowhere").startswith("nowhere/: no knowledge base here")
    assert "the question is empty" in made.fails("ask", "  ", "--run", "runs")
    assert "no finished run" in made.fails("ask", "How much?")
    assert "no finished run" in made.fails("eval", "--benchmark", "synth-gsm")
    said = made.fails("eval", "--benchmark", "synth-gsm", "--run", "runs/none")
    assert said.startswith("runs/none: no run here")

    (made.folder / "kb/broken.yaml").write_text("name: broken\nentries: [\n", "utf-8")
    said = made.fails(*made.distilling("runs/one"))
    assert said.startswith("kb/broken.yaml:")
    assert not (made.folder / "runs/one").exists()
    text = "name: broken\nlicense: MIT\nentries:\n  - id: broken.x\n    when: y\n    fcats: [z]\n"
    (made.folder / "kb/broken.yaml").write_text(text, "utf-8")
    assert made.fails(*made.distilling("runs/one")).startswith("kb/broken.yaml:6:")


def test_a_limit_of_none_is_refused(distilled: Project) -> None:
    done = distilled.call("eval", "--benchmark", "synth-gsm", "--limit", "0")
    assert done.returncode == 2
    assert "--limit" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_student_teaches_by_its_words_and_its_probabilities(tiny: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project", tiny)
    words = [
        *("distill", "--recipe", "white-box", "--teacher", "tiny", "--student", "tiny"),
        *("--benchmark", "synth-bbh", "--output-dir", "runs/one"),
    ]
    sets = [
        *("base=embedded", "teacher.rationale_prompt=student", "teacher.temperature=0"),
        *("data.tasks=[tracking_shuffled_objects]", "data.per_family=6", "teacher.max_tokens=200"),
        *("budget=1", "train.rank=4", "local_sgd=null"),
    ]
    told = json.loads(made.nesy(*words, *(w for one in sets for w in ("--set", one)), "--json"))
    assert 0 < told["rationales"] <= told["questions"] == 6
    kept = {row["question"] for row in made.rows("runs/one", "rationales.jsonl") if row["kept"]}
    examples = made.rows("runs/one", "augmented.jsonl")
    assert {row["question"] for row in examples} == kept
    assert {row["view"] for row in examples} == {"cot"}
    recipe = recipes.parse((made.folder / "runs/one/recipe.yaml").read_text("utf-8"), "recipe")
    assert recipe.whitebox == recipes.WhiteBox()
    assert (made.folder / "runs/one/adapter/adapter_model.safetensors").is_file()


def test_a_teacher_that_knows_nothing_is_told(tiny: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project", tiny)
    (made.folder / "prompts").mkdir()
    for name in ("teacher-rationale", "teacher-knowledge"):
        shutil.copyfile(ROOT / f"prompts/{name}.yaml", made.folder / f"prompts/{name}.yaml")
    rationale = made.folder / "prompts/teacher-rationale.yaml"
    text = rationale.read_text("utf-8")
    rationale.write_text(text.replace("{{ question }}", "something else"), "utf-8")
    said = made.fails(*made.distilling("runs/one", limit=4))
    assert said.startswith("no rationale was kept")
    rationale.write_text(text, "utf-8")
    knowledge = made.folder / "prompts/teacher-knowledge.yaml"
    words = knowledge.read_text("utf-8").replace("Question: {{ question }}", "Question: unknown")
    knowledge.write_text(words, "utf-8")
    told = json.loads(made.nesy(*made.distilling("runs/two", limit=4), "--json"))
    assert told["failures"] > 0
    assert told["entries"] == 0
    rows = made.rows("runs/two", "knowledge.jsonl")
    assert {row["reason"] for row in rows} == {"the teacher wrote no section"}


def test_a_critic_drops_rationales_and_entries_below_its_threshold(
    distilled: Project, tmp_path: Path
) -> None:
    asked = recipes.load("embedded", ["data.benchmark=synth-gsm", "data.limit=24"])
    questions = {q.id: q.text for q in drawn(asked)[0]}
    given = [
        Labelled(Pair(questions[r["question"]], f"{r['text']} So the answer is {r['answer']}."), 
                 len(r["text"]) % 2 == 0, r["question"])
        for r in distilled.rows("runs/one", "rationales.jsonl")
    ]  # fmt: skip
    folder = tmp_path / "critic"
    settings = critic.Settings(
        model=str(small.save_encoder(tmp_path / "encoder")), epochs=2, device="cpu"
    )
    critic.train(settings, given, given, given, folder)
    kinds = ("rationales", "entries")
    named = [f"--set=critic.{kind}={folder}" for kind in kinds]
    other = project(tmp_path / "other", distilled.student)
    other.nesy(*other.distilling("runs/strict", *named, "--set=critic.recall=0.5"))

    judge = Critic(folder, "cpu")
    least = judge.threshold(0.5)
    made = other.rows("runs/strict", "rationales.jsonl")
    assert Counter(r["reason"] for r in made).keys() == {"kept", "below the critic's threshold"}
    scores = judge.score([one.pair for one in given])
    rejected = {one.group for one, score in zip(given, scores, strict=True) if score < least}
    assert {r["question"] for r in made if not r["kept"]} == rejected
    entries = other.entries()
    assert all(score >= least for score in judge.score([of_entry(e) for e in entries.values()]))
    written = other.rows("runs/strict", "knowledge.jsonl")
    assert {e["entry"] for e in written if e["kept"]} == set(entries)
    (folder / "critic.json").write_text(
        (folder / "critic.json").read_text("utf-8").replace('"slope":', '"slope":1'), "utf-8"
    )
    again = other.distilling("runs/strict", *named, "--set=critic.recall=0.5")
    assert "a critic has changed since this run was begun" in other.fails(*again)
    missing = other.distilling("runs/none", f"--set=critic.rationales={tmp_path}")
    assert "so it is no critic" in other.fails(*missing)
