"""A distilled student in other programs: merged, converted, served."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import small
from test_distill import NESY, Project, project

from nesy import export
from nesy.types import LM, Question


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one finished run, ``runs/one``."""
    student = small.save(tmp_path_factory.mktemp("student") / "tiny", "qwen2", context=1024)
    distilled = project(tmp_path_factory.mktemp("exported") / "project", student)
    distilled.nesy(*distilled.distilling("runs/one", limit=12))
    return distilled


def test_a_merged_model_answers_as_the_adapter(made: Project) -> None:
    said = made.nesy("export", "runs/one", "--merged", "out/merged", "--vllm")
    assert "its answers to 12 questions equal the adapter's" in said
    assert said.endswith("vllm serve out/merged --served-model-name nesy\n")
    folder = made.folder / "out/merged"
    assert (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file()
    assert not list((made.folder / "out").glob(".*"))
    card = (folder / "README.md").read_text("utf-8")
    manifest = json.loads((made.folder / "runs/one/manifest.json").read_text("utf-8"))
    assert manifest["files"]["adapter/adapter_model.safetensors"] in card
    assert manifest["recipe"] in card
    assert "12 questions, 12 rationales" in card
    assert "benchmark: synth-gsm" in card
    assert "is there already" in made.fails("export", "runs/one", "--merged", "out/merged")


def test_a_model_that_answers_otherwise_is_refused(
    made: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answers(lm: LM, recipe: object, questions: list[Question]) -> list[str | None]:
        last = "1" if "part" in lm.name else None
        return [*["same"] * (len(questions) - 1), last]

    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(export, "_answers", answers)
    refused = export.merged(Path("runs/one"), tmp_path / "merged")
    assert refused.questions == 12
    assert len(refused.differing) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_command_for_vllm(made: Project) -> None:
    said = made.nesy("export", "runs/one", "--vllm")
    assert said == (
        f"vllm serve {made.student} --enable-lora --max-lora-rank 8 "
        "--lora-modules nesy=runs/one/adapter\n"
    )
    assert made.fails("export", "runs/one").startswith("say what to export")
    assert "add --merged" in made.fails("export", "runs/one", "--gguf", "x.gguf")


def test_a_converter_is_found_and_its_words_are_shown(made: Project, tmp_path: Path) -> None:
    words = ("export", "runs/one", "--gguf", "out/student.gguf", "--merged")
    assert "--gguf needs llama.cpp's convert_hf_to_gguf.py" in made.fails(*words, "out/a")
    converter = tmp_path / "convert_hf_to_gguf.py"
    converter.write_text(
        "import pathlib, sys\n"
        "config = pathlib.Path(sys.argv[1], 'config.json').read_bytes()\n"
        "assert sys.argv[2] == '--outfile'\n"
        "pathlib.Path(sys.argv[3]).write_bytes(b'GGUF' + config)\n",
        "utf-8",
    )
    made.env["LLAMA_CPP"] = str(tmp_path)
    assert made.nesy(*words, "out/b").endswith("out/student.gguf\n")
    assert (made.folder / "out/student.gguf").read_bytes().startswith(b"GGUF{")
    converter.write_text("raise SystemExit('Model Foo is not supported')\n", "utf-8")
    done = made.call(*words, "out/c")
    assert done.returncode == 2
    assert "exit 1: Model Foo is not supported" in done.stderr


@pytest.fixture
def url(made: Project) -> Iterator[str]:
    process = subprocess.Popen(
        [*NESY, "serve", "runs/one", "--port", "0"],
        cwd=made.folder,
        env=made.env | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("one at http://127.0.0.1:")
        yield line.split()[2].rstrip(";")
    finally:
        process.terminate()
        process.communicate()


def test_a_run_is_served_with_its_knowledge(made: Project, url: str) -> None:
    question = "A track is 3 furlongs long. How many yards is that?"
    answered = json.loads(made.nesy("ask", question, "--run", "runs/one", "--json"))
    with openai.OpenAI(api_key="none", base_url=url) as client:
        reply = client.chat.completions.create(
            model="one", messages=[{"role": "user", "content": question}]
        )
    assert reply.choices[0].message.content == answered["steps"].strip()
    extra = (reply.model_extra or {})["x_nesy"]
    assert extra["answer"] == answered["answer"]
    assert [one["entry"] for one in extra["entries"]] == [one["entry"] for one in answered["shown"]]


def test_doctor_says_what_is_broken(made: Project) -> None:
    done = made.call("doctor", "--json", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 1
    broken = [one["topic"] for one in json.loads(done.stdout) if one["state"] == "broken"]
    assert broken == ["endpoint"]
