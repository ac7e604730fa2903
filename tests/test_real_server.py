"""A server that others wrote, ``transformers serve``, with the embedded student."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from nesy import pretrained, prompts
from nesy.asking import Request, Settings, Teacher
from nesy.models.flow import Terms
from nesy.models.hf import HFModel
from nesy.runs import Run
from nesy.types import Messages, Sampling

pytestmark = pytest.mark.skipif(
    find_spec("fastapi") is None or find_spec("uvicorn") is None,
    reason="transformers serve needs fastapi and uvicorn",
)
# The student has no turns; the server insists on a template.
TEMPLATE = "{% for m in messages %}{{ m.content }}{% if not loop.last %}\n\n{% endif %}{% endfor %}"
SERVE = "from transformers.cli.transformers import main; main()"
SAMPLING = Sampling(max_tokens=24, schema='{"type": "object"}')


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("served") / "tiny"
    shutil.copytree(pretrained.TINY, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def url(student: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-c", SERVE, "serve", student, "--device", "cpu", "--dtype", "float32"]
    process = subprocess.Popen(
        [*words, "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                assert httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200
                break
            except httpx2.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, "no server"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def questions() -> list[Messages]:
    prompt = prompts.load("student")
    texts = [f"Ada has {n} apples and buys {n + 2} more. How many has she?" for n in range(3, 9)]
    return [prompt.render(question=text, entries=()) for text in texts]


def test_its_answers_are_those_of_the_weights(
    url: str, student: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    expected = HFModel(student, dtype="float32", device="cpu").generate(questions(), SAMPLING)
    with Run.create(tmp_path / "run", "") as run:
        settings = Settings(Terms(url, max_concurrency=3))
        teacher = Teacher(f"openai:{student}", run, settings)
        asked = [Request(str(n), 0, messages) for n, messages in enumerate(questions())]
        answers = list(teacher.ask("rationales", asked, SAMPLING, lambda *_: None))
        assert [request.question for request, _ in answers] == [one.question for one in asked]
        assert [c.text.strip() for _, c in answers] == [c.text.strip() for c in expected]
        assert [c.prompt_tokens for _, c in answers] == [c.prompt_tokens for c in expected]
        # Asked again, nothing is sent: the store has it.
        again = Teacher(f"openai:{student}", run, settings)
        assert list(again.ask("rationales", asked, SAMPLING, lambda *_: None)) == answers
        assert run.read_json("spend")["stages"]["rationales"]["answers"] == len(asked)
