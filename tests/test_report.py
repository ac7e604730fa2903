"""The HTML report: complete, self-contained, small, and it runs in a browser."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nesy import report
from nesy.errors import InputError
from nesy.evaluate import Shown
from nesy.runs import Run
from nesy.types import Attempt, Completion, Hit, Outcome, Question


def a_training(folder: Path) -> None:
    (folder / "adapter").mkdir()
    rows = [json.dumps({"step": i, "loss": 3 / (i + 1), "lr": 0.1}) for i in range(1000)]
    (folder / "adapter/loss.jsonl").write_text("\n".join(rows) + "\n")


def a_run(folder: Path, count: int = 40, words: str = "") -> Path:
    with Run.create(folder, "seed: 0\n# <b>not markup</b>\n") as run:
        questions = [
            Question(
                f"b/test/t{i % 2}/{i}",
                "b",
                f"t{i % 2}",
                "test",
                f"{i} < {i + 1}? {words}{i}",
                f"{i}",
                "number",
            )
            for i in range(count)
        ]
        run.append("questions", questions)
        run.append("entries", [Shown("units.x", "sha", "Think.", ("A <b>fact</b>.",))])
        run.write_json("conditions", {"attempts.base": {}, "attempts.distilled + KB": {}})
        outcomes: list[Outcome] = ["correct", "wrong", "unparsed", "truncated"]
        for number, cell in enumerate(("base", "distilled + KB")):
            made = []
            for i, question in enumerate(questions):
                outcome: Outcome = outcomes[i % 4] if number == 0 else outcomes[(i % 8) // 7]
                hits = (Hit("units.x", 0.5, 1),) if number else ()
                done = Completion(f"</script><b>{i}</b> {words}{i}", "stop", 5, 3)
                made.append(
                    Attempt(
                        question.id, question.task, hits, "0", done, "1", "phrase", outcome, outcome
                    )
                )
            run.append(f"attempts.{cell}", made)
        a_training(folder)
        leak = {"question": "b/test/t0/0", "source": "units.x", "how": "8-gram", "score": 0.5}
        leaks = {"questions": 1, "with": 0.5, "without": 0.25, "found": [leak]}
        run.write_json("report", {"nesy": {"notes": ["a partial copy"], "contamination": leaks}})
    return folder


def payload(page: str) -> dict[str, Any]:
    packed = re.search(r'id="payload">([^<]*)</script>', page)
    assert packed is not None
    document: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    return document


def test_everything_is_on_the_page(tmp_path: Path) -> None:
    page = report.render([a_run(tmp_path / "run")])
    for expected in ("t0", "t1", "base", "distilled + KB", "25.0", "87.5", "a partial copy"):
        assert expected in page
    for heading in (
        "Outcomes",
        "Side by side",
        "Use of the knowledge base",
        "Learning curves",
        "Cost",
        "What changed",
        "Test questions found in knowledge or rationales",
    ):
        assert f"<h2>{heading}</h2>" in page
    assert "better" in page
    data = payload(page)
    assert len(data["attempts"]) == 80
    assert data["entries"] == {"units.x": "Think.\nA <b>fact</b>."}


def test_nothing_is_loaded_from_elsewhere_and_texts_are_escaped(tmp_path: Path) -> None:
    page = report.render([a_run(tmp_path / "run")])
    assert not re.findall(r'(?:src|href)="(?!#)|url\(|@import|https?:', page)
    assert "<b>" not in page
    assert page.count("</script>") == 2


def test_size_stays_below_a_megabyte(tmp_path: Path) -> None:
    import random

    rng = random.Random(0)
    folder = a_run(tmp_path / "run", 200, "".join(rng.choices("abcdefghijklmnop", k=30)))
    with Run.create(folder, "seed: 0\n# <b>not markup</b>\n") as run:
        big = [
            Attempt(
                f"b/test/t0/{i}",
                "t0",
                (),
                "0",
                Completion("".join(rng.choices("abcdefghijklmnop ", k=20_000)), "stop", 1, 1),
                None,
                None,
                "correct" if i else "wrong",
                "wrong",
            )
            for i in range(0, 200, 2)
        ]
        run.append("attempts.base", big)
    page = report.render([folder])
    assert len(page.encode()) < 1_000_000
    data = payload(page)
    left_out = re.search(r"(\d+) correct attempts are left out", page)
    assert left_out is not None
    assert 0 < int(left_out[1]) == 400 - len(data["attempts"])
    assert sum(a[2] != "correct" for a in data["attempts"]) == 101 + 25


def test_several_runs(tmp_path: Path) -> None:
    page = report.render([a_run(tmp_path / "one"), a_run(tmp_path / "two")])
    assert "one base → two distilled + KB" in page
    assert page.count("a partial copy") == 1  # what both say


def test_a_distillation_run_stands_for_its_evaluations(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with Run.create(folder, "seed: 1\n") as run:
        run.finish("questions", questions=9)
        run.finish("adapter", tokens=123_456)
        stages = {"rationales": {"prompt_tokens": 1, "completion_tokens": 7777, "usd": 0.25}}
        run.write_json("spend", {"stages": stages})
    a_training(folder)
    for name in ("a", "b"):
        shutil.rmtree(a_run(folder / "eval" / name) / "adapter")
    page = report.render([folder])
    assert "b distilled + KB against b base: <strong>better" in page
    assert page.count("over 1000 steps") == 1  # the distillation's own curve, once
    for expected in ("123,456", "7,777", "0.2500"):
        assert expected in page
    assert len(payload(page)["attempts"]) == 160
    assert "over 1000 steps" in report.render([folder / "eval/a"])


def test_a_run_without_attempts(tmp_path: Path) -> None:
    Run.create(tmp_path / "run", "seed: 0\n").close()
    with pytest.raises(InputError, match="no attempts to report on"):
        report.render([tmp_path / "run"])


PROBE = """<script>
setTimeout(() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  setTimeout(() => parent.postMessage({
    width: innerWidth,
    over: document.documentElement.scrollWidth - innerWidth,
    back: getComputedStyle(document.body).backgroundColor,
    count: document.getElementById("count").textContent,
    words: document.getElementById("attempts").innerText,
  }, "*"), 500);
}, 1500);
</script>"""
FRAME = (
    """<iframe style="width: {}px; height: 800px; border: 0" src="{}"></iframe><p id="seen"></p>"""
)
LISTEN = """<script>
addEventListener("message", e => { document.getElementById("seen").textContent = btoa(
  String.fromCharCode(...new TextEncoder().encode(JSON.stringify(e.data)))); });
</script>"""


def in_a_browser(folder: Path, page: str, width: int, *, dark: bool, anchor: str = "") -> Any:
    """Open a page in a frame of a width, open everything that folds, and return what is seen."""
    (folder / "page.html").write_text(page.replace("</body>", f"{PROBE}</body>"))
    (folder / "frame.html").write_text(FRAME.format(width, f"page.html{anchor}") + LISTEN)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=6000"]
    flags += [f"--user-data-dir={folder / 'profile'}", "--allow-file-access-from-files"]
    flags += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    made = subprocess.run(
        ["chromium", *flags, "--dump-dom", (folder / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seen = re.search(r'id="seen">([^<]+)<', made.stdout)
    assert seen is not None, made.stdout
    return json.loads(base64.b64decode(seen[1]))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize(("width", "dark"), [(390, True), (1200, False)])
def test_in_a_browser(tmp_path: Path, width: int, dark: bool) -> None:
    page = report.render([a_run(tmp_path / "run")])
    seen = in_a_browser(tmp_path, page, width, dark=dark)
    assert (seen["width"], seen["count"]) == (width, "80 attempts")
    assert seen["over"] <= 0  # nothing is wider than the screen
    assert seen["back"] == ("rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)")
    for shown in ("Entry units.x, score 0.5", "A <b>fact</b>.", "</script><b>1</b>", "Target 1."):
        assert shown in seen["words"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_link_leads_to_a_question(tmp_path: Path) -> None:
    page = report.render([a_run(tmp_path / "run")])
    (question,) = set(re.findall(r'href="#(b/test/t0/2)"', page))
    seen = in_a_browser(tmp_path, page, 800, dark=False, anchor=f"#{question}")
    assert seen["count"] == "2 attempts"
    assert "2 < 3?" in seen["words"]
