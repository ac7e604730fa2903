"""``nesy kb`` from the outside: output, exit codes, and that nothing invalid is saved."""

import json
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from nesy.cli_kb import app
from nesy.kb import store
from nesy.kb.entry import Entry
from nesy.runs import to_json
from nesy.types import Attempt, Completion, Hit

PACK = """\
# my notes
name: units
license: CC0-1.0
entries:
  - id: units.firkin   # beer
    when: beer is measured in firkins
    facts:
      - A firkin of beer is 9 imperial gallons.
    check: 2 * 9 == 18
    status: reviewed
  - id: units.dozen
    when: a quantity is given in baker's dozens
    lesson: Convert first.
    facts: [A baker's dozen is 13 items.]
    status: retired
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "metals.yaml").write_text(
        "name: metals\nlicense: CC0-1.0\nentries:\n"
        "  - {id: metals.gold, when: gold is asked about, facts: [Gold conducts electricity.]}\n"
    )
    monkeypatch.setattr("nesy.resources.builtin", lambda folder: shipped)
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "units.yaml").write_text(PACK)
    return tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def from_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code).stdout)


def text() -> str:
    return Path("kb/units.yaml").read_text("utf-8")


def test_help_is_quick() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from typer.testing import CliRunner; from nesy.cli_kb import app\n"
            "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
            "print([m for m in ('torch', 'faiss', 'bm25s', 'numpy', 'sentence_transformers')"
            " if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert loaded.stdout.strip() == "[]"


def test_list_and_show() -> None:
    assert [entry["id"] for entry in from_json("list")] == [
        "metals.gold",
        "units.dozen",
        "units.firkin",
    ]
    assert [e["id"] for e in from_json("list", "--status", "retired")] == ["units.dozen"]
    shown = from_json("show", "units.firkin")
    assert shown["where"] == "kb/units.yaml:5"
    assert shown["facts"] == ["A firkin of beer is 9 imperial gallons."]
    assert "kb/units.yaml:5" in run("show", "units.firkin").stdout
    assert "did you mean units.firkin" in run("show", "units.firkn", code=2).stderr
    assert "did you mean units" in run("list", "--pack", "unit", code=2).stderr
    assert "did you mean retired" in run("list", "--status", "retird", code=2).stderr


def test_search_and_explain_with_bm25() -> None:
    found = from_json("search", "two firkins of beer", "--mode", "bm25")
    assert [one["entry"] for one in found] == ["units.firkin"]
    assert found[0]["bm25"] > 0
    assert "use dense, bm25, hybrid" in run("search", "x", "--mode", "bm52", code=2).stderr
    told = from_json("explain", "baker's dozens", "units.dozen")
    assert told["status"] == "retired"
    assert told["shared_words"] == ["baker", "dozen"]


def test_check_passes_and_fails_with_exit_1(project: Path) -> None:
    assert from_json("check") == {"ok": True, "entries": 3, "problems": []}
    Path("kb/units.yaml").write_text(PACK.replace("== 18", "== 19"))
    failed = from_json("check", code=1)
    assert failed["problems"][0]["where"] == "kb/units.yaml:5"
    assert "2 * 9 is 18" in failed["problems"][0]["message"]
    Path("kb/units.yaml").write_text(PACK.replace("lesson:", "lessn:"))
    result = run("check", code=1)
    assert "kb/units.yaml:13:5: entry units.dozen: unknown key lessn (did you mean lesson?)" in (
        result.stdout
    )
    problem = from_json("check", code=1)["problems"][0]
    assert problem["where"] == "kb/units.yaml:13:5"
    assert problem["message"] == "entry units.dozen: unknown key lessn (did you mean lesson?)"
    run("list", code=2)


def test_check_against_a_run_and_a_benchmark(project: Path) -> None:
    folder = project / "run"
    folder.mkdir()
    (folder / "recipe.yaml").write_text("")
    attempt = Attempt(
        "q",
        "t",
        (Hit("units.firkin", 1.0, 1),),
        "",
        Completion("", "stop", 1, 1),
        None,
        None,
        "wrong",
        "wrong",
    )
    (folder / "attempts.jsonl").write_text(to_json(attempt) + "\n")
    (folder / "conditions.json").write_text('{"attempts": {}}')
    problems = from_json("check", "--run", "run")["problems"]
    assert [(p["entry"], p["check"]) for p in problems] == [("metals.gold", "unused")]
    run("check", "--run", "run", "--strict", code=1)
    assert from_json("stats", "--run", "run")["hits"] == {"units.firkin": 1}
    assert "no run here" in run("stats", "--run", "nowhere", code=2).stderr
    evaluation = folder / "eval" / "synth-1"
    evaluation.mkdir(parents=True)
    (folder / "attempts.jsonl").rename(evaluation / "attempts.distilled + KB.jsonl")
    (folder / "conditions.json").unlink()
    (evaluation / "recipe.yaml").touch()
    (evaluation / "conditions.json").write_text('{"attempts.distilled + KB": {}}')
    assert from_json("stats", "--run", "run")["hits"] == {"units.firkin": 1}
    (evaluation / "conditions.json").unlink()
    assert "not evaluated yet" in run("stats", "--run", "run", code=2).stderr


def test_check_asks_for_links(capsys: pytest.CaptureFixture[str]) -> None:
    class Page(SimpleHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response({"/here": 200, "/closed": 403}.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        for name in ("here", "closed", "gone"):
            source = f"source={{url: {base}/{name}}}"
            run("add", "mine", "--id", name, "--when", name, "--fact", f"It is {name}.")
            run("edit", name, "--set", source)
        assert from_json("check")["ok"]
        problems = from_json("check", "--links", code=1)["problems"]
        assert [p["entry"] for p in problems] == ["gone"]
        assert "404" in problems[0]["message"]
        server.shutdown()
    again = from_json("check", "--links", code=1)["problems"]
    assert [p["entry"] for p in again] == ["here", "closed", "gone"]
    run("edit", "gone", "--set", "source={url: gone}")
    again = from_json("check", "--links", code=1)["problems"]
    assert [p["message"] for p in again if p["entry"] == "gone"] == [
        "source.url gone is no address"
    ]


def test_stats_counts() -> None:
    rows = {row["pack"]: row for row in from_json("stats")["packs"]}
    assert rows["units"] == {
        "pack": "units", "entries": 2, "draft": 0, "reviewed": 1, "retired": 1, "facts": 2,
        "checks": 1,
    }  # fmt: skip


def test_add_makes_a_pack_and_refuses_what_is_wrong() -> None:
    run("add", "mine", "--when", "horses are measured in hands", "--fact", "A hand is 4 inches.")
    assert store.load(Path("kb")).entries["mine.horses-are-measured-in-hands"].status == "draft"
    again = ("add", "mine", "--id", "units.firkin", "--when", "x", "--fact", "y")
    assert "used already at kb/units.yaml:5" in run(*again, code=2).stderr
    wrong = ("add", "mine", "--when", "x", "--fact", "y", "--check", "1 == 2")
    assert "is false" in run(*wrong, code=2).stderr
    assert "a lesson or at least one fact" in run("add", "mine", "--when", "x", code=2).stderr
    assert len(store.load(Path("kb")).entries) == 2
    told = {"path": "kb/mine.yaml", "entry": "mine.x"}
    assert from_json("add", "mine", "--when", "x", "--fact", "y") == told
    assert from_json("log")[0]["entries"] == {"added": ["mine.horses-are-measured-in-hands"]}


def test_edit_by_option_changes_one_field() -> None:
    done = from_json("edit", "units.firkin", "--set", "facts=[A firkin of beer is 10 gallons.]")
    assert done == {"path": "kb/units.yaml", "entry": "units.firkin", "changed": True}
    assert text() == PACK.replace("9 imperial gallons", "10 gallons")
    assert "did you mean facts" in run("edit", "units.firkin", "--set", "fact=x", code=2).stderr
    run("edit", "units.firkin", "--set", "facts=x", code=2)
    refused = run("edit", "units.firkin", "--set", "status=reviewd", code=2).stderr
    assert "status must be draft, reviewed or retired, not reviewd (did you mean" in refused
    assert "is false" in run("edit", "units.firkin", "--set", "check=2 * 9 == 19", code=2).stderr
    assert text() == PACK.replace("9 imperial gallons", "10 gallons")


def test_edit_of_a_builtin_entry_copies_its_pack() -> None:
    result = run("edit", "metals.gold", "--set", "lesson=Think of wires.")
    assert "copied from the built-in pack" in result.stderr
    assert store.load(Path("kb")).entries["metals.gold"].lesson == "Think of wires."


def test_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/imperial/English/")
    run("edit", "units.firkin")
    assert text() == PACK.replace("imperial", "English")
    assert "nothing changed" in run("edit", "units.firkin").stderr
    assert from_json("edit", "units.firkin")["changed"] is False
    monkeypatch.setenv("EDITOR", "sed -i s/facts:/fcats:/")
    refused = run("edit", "units.firkin", code=2).stderr
    assert "did you mean facts" in refused
    assert text() == PACK.replace("imperial", "English")
    kept = Path(refused.split("your text is in ")[1].strip())
    assert "fcats" in kept.read_text()
    kept.unlink()
    monkeypatch.setenv("EDITOR", "sed -i 's/What is true/A hand is 4 inches/'")
    run("add", "horses")
    added = store.load(Path("kb")).entries["horses.what-it-applies-to"]
    assert added.facts == ("A hand is 4 inches.",)
    for broken in ("s/9 imperial/10 imperial/;s/== 18/== 20/", "s/== 18/== 19/"):
        before = text()
        monkeypatch.setenv("EDITOR", f"sed -i '{broken}'")
        refused = run("edit", "units.firkin", code=2).stderr
        assert "entry units.firkin: check: 2 * 9" in refused
        assert text() == before
        Path(refused.split("your text is in ")[1].strip()).unlink()
    monkeypatch.setenv("EDITOR", "sed -i 's/What is true/An ell is 45 inches/'")
    refused = run("add", "cloth", "--id", "units.firkin", code=2).stderr
    assert "used already" in refused
    kept = Path(refused.split("your text is in ")[1].strip())
    assert "An ell is 45 inches" in kept.read_text()
    kept.unlink()
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert "set EDITOR" in run("edit", "units.firkin", code=2).stderr
    monkeypatch.setenv("EDITOR", "false")
    assert "editor false: it ended with 1" in run("edit", "units.firkin", code=2).stderr


def test_diff_log_and_merge_after_two_extractions() -> None:
    def extracted(fact: str) -> None:
        entry = Entry(id="learned.a", when="x is asked", facts=(fact,))
        store.write_drafts(Path("kb"), "learned", [entry])

    extracted("One.")
    run("edit", "learned.a", "--set", "facts=[Mine.]")
    difference = next(one for one in from_json("diff") if one["entry"] == "learned.a")
    assert (difference["before"], difference["after"]) == (["One."], ["Mine."])
    extracted("Two.")
    found = from_json("merge")
    assert [(one["base"], one["ours"], one["theirs"]) for one in found] == [
        (["One."], ["Mine."], ["Two."])
    ]
    problems = from_json("check")["problems"]
    assert [(one["entry"], one["check"]) for one in problems] == [("learned.a", "conflict")]
    assert "no such conflict" in run("merge", "other", "--take", "ours", code=2).stderr
    run("merge", "learned.a", "--take", "theirs")
    assert store.load(Path("kb")).entries["learned.a"].facts == ("Two.",)
    assert from_json("merge") == []
    actions = [event["action"] for event in from_json("log")]
    assert actions == ["distilled", "edited", "distilled", "settled with theirs"]


def test_diff_is_against_what_was_shipped(project: Path) -> None:
    Path("kb/metals.yaml").write_text(Path("shipped/metals.yaml").read_text())
    Path("kb/units.yaml").unlink()
    assert from_json("diff") == []
    run("edit", "metals.gold", "--set", "facts=[Gold is soft.]")
    changed = from_json("diff")
    assert [(one["entry"], one["field"]) for one in changed] == [("metals.gold", "facts")]
    Path("kb/metals.yaml").write_text("name: metals\nlicense: CC0-1.0\nentries:\n")
    assert [(one["entry"], one["kind"]) for one in from_json("diff")] == [
        ("metals.gold", "removed")
    ]
    Path("kb/metals.yaml").unlink()  # then the built-in pack serves again
    assert from_json("diff") == []


def test_diff_with_a_folder_and_a_revision(project: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    git("init")
    git("add", "kb")
    git("commit", "-m", "first")
    Path("kb/units.yaml").write_text(PACK.replace("9 imperial", "10 imperial"))
    assert [one["field"] for one in from_json("diff", "HEAD")] == ["facts"]
    assert {one["kind"] for one in from_json("diff", "shipped")} == {"added", "removed"}
    assert "git revision" in run("diff", "nonsense", code=2).stderr


def test_dedup_retires_the_second_of_two() -> None:
    same = ("--when", "beer is measured in firkins", "--fact")
    run("add", "mine", "--id", "z.twin", *same, "A firkin of beer is 9 imperial gallons")
    pairs = from_json("dedup")
    assert [(one["first"], one["second"]) for one in pairs] == [("units.firkin", "z.twin")]
    run("dedup", "--retire")
    assert store.load(Path("kb")).retired.keys() == {"units.dozen", "z.twin"}


FILES = {
    "notes.md": "# horses are measured\nLook at the unit.\n- A hand is 4 inches.\n"
    "Example: 2 hands are 8 inches.\nCheck: `2 * 4 == 8`\n\n## Beer\n* A pint is small.\n",
    "notes.csv": "when,lesson,facts,example,check\nhorses are measured,Look at the unit.,"
    "A hand is 4 inches.,2 hands are 8 inches.,2 * 4 == 8\nBeer,,A pint is small.,,\n",
    "notes.jsonl": '{"when": "horses are measured", "lesson": "Look at the unit.", "facts": '
    '["A hand is 4 inches."], "example": "2 hands are 8 inches.", "check": "2 * 4 == 8"}\n\n'
    '{"when": "Beer", "facts": ["A pint is small."]}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_import_gives_the_same_drafts_from_each_format(name: str) -> None:
    Path(name).write_text(FILES[name])
    done = from_json("import", name, "horses")
    assert done["added"] == ["horses.horses-are-measured", "horses.beer"]
    first = store.load(Path("kb")).entries["horses.horses-are-measured"]
    assert first == Entry(
        id="horses.horses-are-measured",
        when="horses are measured",
        lesson="Look at the unit.",
        facts=("A hand is 4 inches.",),
        example="2 hands are 8 inches.",
        check="2 * 4 == 8",
        source={"imported": name},
    )
    assert from_json("import", name, "horses")["unchanged"] == done["added"]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.md", "- fact\n", "a.md:1: text before the first heading"),
        ("a.csv", "when,fact\n", "a.csv:1: unknown column fact (did you mean facts?)"),
        ("a.csv", "when,facts\n,x\n", "a.csv:2: when is missing"),
        ("a.jsonl", '{"when": "x"}\n{\n', "a.jsonl:2:2: not JSON"),
        ("a.jsonl", '{"when": "x", "facts": [1]}\n[]\n', "a.jsonl:2: a line holds"),
        ("a.txt", "x", "a.txt: can't import .txt; use .md, .csv, .jsonl"),
    ],
)
def test_import_names_the_line(name: str, content: str, place: str) -> None:
    Path(name).write_text(content)
    assert place in run("import", name, "a", code=2).stderr
    assert not Path("kb/a.yaml").exists()


def test_export_and_import_again() -> None:
    triples = run("export", "--triples").stdout.splitlines()
    assert "units.firkin\tfact\tA firkin of beer is 9 imperial gallons." in triples
    run("export", "--pack", "units", "-o", "units.jsonl")
    line = json.loads(Path("units.jsonl").read_text())
    assert (line["id"], line["pack"]) == ("units.firkin", "units")
    run("import", "units.jsonl", "copy", "--kb", "other")
    assert store.load(Path("other")).entries["units.firkin"].check == "2 * 9 == 18"


def test_schema_is_current() -> None:
    path = Path(__file__).parent.parent / "kb" / "schema.json"
    assert path.read_text("utf-8") == store.schema_text(), "run scripts/schemas"
