"""Documents through a teacher: passages with their lines, statements checked against them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nesy import prompts
from nesy.cli_kb import app
from nesy.errors import InputError
from nesy.kb import documents, store
from nesy.types import Completion, Messages, Sampling

TEXT = """\
# Firkins

A firkin of beer is 9 imperial gallons.
It was used by brewers. Two firkins make a kilderkin.


Kilderkins hold 18 imperial gallons.
"""
SAID = """\
**Applies When:** beer is measured in firkins.
Facts:
- A firkin of beer is 9 imperial gallons.
- It was used by brewers.
- Two firkins make a kilderkin.
- A firkin of beer is 41 litres.
- Aristotle disliked mathematics, poets, wine.
Applies When: beer is measured in kilderkins
Facts:
* A kilderkin holds 18 imperial gallons.
and more besides
"""


class Teacher:
    name = "teacher"
    fingerprint = "1"

    def __init__(self, *said: str, finish: str = "stop") -> None:
        self._said, self._finish = said, finish
        self.shown: list[str] = []

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        self.shown += [messages[-1].content for messages in prompts]
        return [Completion(text, self._finish, 1, 1) for text in self._said]  # type: ignore[arg-type]


def read(path: Path, teacher: Teacher) -> tuple[list, list]:
    prompt = prompts.load(documents.PROMPT)
    return documents.read(path, "beer", teacher, prompt, Sampling())


def test_passages_are_whole_paragraphs_with_their_lines() -> None:
    found = documents.passages(TEXT)
    assert [(part.first, part.last) for part in found] == [(1, 7)]
    long = "\n\n".join(f"{n} " + "word " * 120 for n in range(5))
    found = documents.passages(long)
    assert [(part.first, part.last) for part in found] == [(1, 3), (5, 7), (9, 9)]
    assert documents.passages(" \n\n") == []


def test_statements_become_drafts_and_what_fails_is_told(tmp_path: Path) -> None:
    path = tmp_path / "beer.txt"
    path.write_text(TEXT)
    teacher = Teacher(SAID)
    entries, refused = read(path, teacher)
    assert TEXT.strip().splitlines()[2] in teacher.shown[0]
    assert [(e.id, e.when, e.facts) for e in entries] == [
        (
            "beer.beer-is-measured-in-firkins",
            "beer is measured in firkins",
            ("A firkin of beer is 9 imperial gallons.", "Two firkins make a kilderkin."),
        ),
        (
            "beer.beer-is-measured-in-kilderkins",
            "beer is measured in kilderkins",
            ("A kilderkin holds 18 imperial gallons.",),
        ),
    ]
    assert {e.status for e in entries} == {"draft"}
    assert entries[0].source == {"teacher": "teacher", "document": "beer.txt", "lines": "1-7"}
    assert [(one.place.rpartition(":")[2], one.text, one.reason) for one in refused] == [
        ("1", "It was used by brewers.", "it begins with 'It', so it does not stand alone"),
        ("1", "A firkin of beer is 41 litres.", "the passage holds no 41"),
        ("1", "Aristotle disliked mathematics, poets, wine.", "the passage does not say this"),
        ("1", "and more besides", "it stands under no Applies When, or is no list item"),
    ]


@pytest.mark.parametrize(
    ("said", "finish", "reasons"),
    [
        ("none", "stop", []),
        ("None.", "stop", []),
        (SAID, "length", ["truncated"]),
        ("", "stop", ["no statement was kept of this passage"]),
        ("Applies When: x\n- " + "firkin " * 60, "stop", ["longer than 300", "no statement"]),
        (
            f"Applies When: {'x' * 201}\n- A firkin of beer.",
            "stop",
            ["its Applies", "no statement"],
        ),
    ],
)
def test_a_failure_is_never_an_entry(
    tmp_path: Path, said: str, finish: str, reasons: list[str]
) -> None:
    path = tmp_path / "beer.md"
    path.write_text(TEXT)
    entries, refused = read(path, Teacher(said, finish=finish))
    assert entries == []
    assert [one.reason.startswith(why) for one, why in zip(refused, reasons, strict=True)] == [
        True
    ] * len(reasons)


def test_what_is_no_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("x")
    (tmp_path / "a.txt").write_text("\n")
    with pytest.raises(InputError, match=r"can't read \.pdf; use \.md, \.txt, \.rst"):
        read(tmp_path / "a.pdf", Teacher())
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path / "a.txt", Teacher())


def test_import_through_a_teacher_keeps_what_people_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    Path("beer.txt").write_text(TEXT)
    Path("said.jsonl").write_text(json.dumps({"prompt": "firkin", "completion": SAID}) + "\n")
    command = ["import", "beer.txt", "beer", "--teacher", "scripted:said.jsonl"]
    done = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert len(done["added"]) == 2
    assert len(done["refused"]) == 4
    path = Path("kb/beer.yaml")
    path.write_text(path.read_text().replace("9 imperial gallons", "nine imperial gallons"))
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0
    assert "1 kept, 1 unchanged" in again.stdout
    assert "beer.txt:1: refused: the passage holds no 41: A firkin of beer is 41" in again.stderr
    held = store.load(Path("kb")).entries["beer.beer-is-measured-in-firkins"]
    assert held.facts[0] == "A firkin of beer is nine imperial gallons."
    Path("said.jsonl").write_text(json.dumps({"prompt": "firkin", "completion": "No."}) + "\n")
    nothing = CliRunner().invoke(app, ["import", "beer.txt", "ale", *command[3:]])
    assert nothing.exit_code == 2
    assert "it gives no entry, so nothing was written" in nothing.stderr
    assert not Path("kb/ale.yaml").exists()
