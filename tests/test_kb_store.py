"""The knowledge base on disk: problems with their places, drafts merged, crashes survived."""

import json
import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from nesy import resources
from nesy.errors import EntryError
from nesy.kb import lock, splice, store
from nesy.kb.entry import Entry
from nesy.kb.pack import check_text, read_pack


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "kb"
    made.mkdir()
    return made


def entry(id_: str, fact: str, **fields: object) -> Entry:
    given = {"when": f"{id_} is asked for", "facts": [fact], **fields}
    return Entry.model_validate({"id": id_, **given})


FIRKIN = entry("u.firkin", "A firkin of beer is 9 imperial gallons.")
DOZEN = entry("u.dozen", "A baker's dozen is 13 items.", check="13 == 13")


def edited(path: Path, change: Callable[[str], str]) -> str:
    text = change(path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    return text


def test_load_gives_entries_places_and_leaves_retired_out(folder: Path) -> None:
    store.write_drafts(folder, "learned", [FIRKIN, DOZEN])
    first = store.load(folder)
    assert dict(first.entries) == {"u.firkin": FIRKIN, "u.dozen": DOZEN}
    assert first.where["u.firkin"].endswith("learned.yaml:5")
    edited(folder / "learned.yaml", lambda text: text.replace("draft", "retired", 1))
    second = store.load(folder)
    assert set(second.entries) == {"u.dozen"}
    assert set(second.retired) == {"u.firkin"}
    assert first.sha != second.sha
    assert second.get("u.firkin").status == "retired"
    with pytest.raises(EntryError, match=r"no entry u\.dozn \(did you mean u\.dozen\?\)"):
        second.get("u.dozn")


def test_second_reading_comes_from_the_cache_and_equals_the_first(folder: Path) -> None:
    store.write_drafts(folder, "learned", [FIRKIN, DOZEN])
    first, second = store.load(folder), store.load(folder)
    assert first == second
    for cached in (folder.parent / "home" / "packs").iterdir():
        cached.write_text('{"sha": damaged', "utf-8")
    assert store.load(folder) == first


def test_earlier_folder_replaces_a_pack_whole(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    store.write_drafts(folder, "units", [FIRKIN, DOZEN])
    store.write_drafts(own, "units", [entry("u.firkin", "A firkin is mine.")])
    assert set(store.load(own, folder).entries) == {"u.firkin"}
    assert store.load(own, folder).entries["u.firkin"].facts == ("A firkin is mine.",)


PROBLEMS = """\
name: bad
license: CC0-1.0
entries:
  - id: a
    whne: x
    facts: [y]
  - {id: a, when: 3, facts: z}
  - id: Capital
    when: x
    facts:
      - Water: boils
    source: {questions: q/1}
    status: revewed
    lesson: one
    lesson: two
  - nothing
"""


def test_all_problems_of_all_files_at_once_with_places(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder / "bad.yaml").write_text(PROBLEMS)
    (folder / "broken.yaml").write_text("name: broken\nentries: [\n")
    (folder / "other.yaml").write_text("name: another\nlicense: CC0-1.0\nentries: []\n")
    (folder / "one.yaml").write_text(
        "name: one\nlicense: CC0-1.0\nentries:\n- {id: x, when: x, facts: [x]}\n"
    )
    (folder / "two.yaml").write_text(
        "name: two\nlicense: CC0-1.0\nentries:\n- {id: x, when: x, facts: [x]}\n"
    )
    with pytest.raises(EntryError) as caught:
        store.load(folder)
    lines = str(caught.value).splitlines()
    assert lines == [
        "kb/bad.yaml:4:5: entry a: when is missing",
        "kb/bad.yaml:5:5: entry a: unknown key whne (did you mean when?)",
        "kb/bad.yaml:7:10: entry a: id is used already in line 4",
        "kb/bad.yaml:7:19: entry a: when must be text, not the number 3; put quotes around it",
        "kb/bad.yaml:7:29: entry a: facts must be a list (lines that start with '- '), not text",
        "kb/bad.yaml:8:9: entry Capital: id must be lower-case letters and digits joined by"
        " . _ / or -, not Capital",
        "kb/bad.yaml:11:9: entry Capital: facts 1 must be text, not a mapping;"
        " text that holds ': ' needs quotes around it",
        "kb/bad.yaml:12:13: entry Capital: source.questions must be a list of question ids",
        "kb/bad.yaml:13:13: entry Capital: status must be draft, reviewed or retired,"
        " not revewed (did you mean reviewed?)",
        "kb/bad.yaml:15:5: entry Capital: lesson is given twice",
        "kb/bad.yaml:16:5: entry number 4: an entry must be a mapping (key: value), not text",
        "kb/broken.yaml:3:1: expected the node content, but found '<stream end>'",
        "kb/other.yaml:1:7: name is another, but the file is other.yaml",
        "kb/two.yaml:4:3: entry x: id is used already at kb/one.yaml:4",
    ]


MUTATIONS = (
    *(
        "\t",
        "\n",
        " ",
        ":",
        "-",
        "#",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "|",
        ">",
        "&a ",
        "*a",
        "!",
        "%",
    ),
    *(
        "@",
        "`",
        ",",
        "? ",
        "~",
        "\0",
        "\u2028",
        "\ufeff",
        "\x85",
        "é",
        "!!python/object:os.system ",
    ),
    *("!!int ", "<<: ", "---\n", "...\n", "null", "1e999", "2020-99-99", "!!binary ", "[[[[", "\r"),
)


def mutated(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(text) + 1)
        cut = rng.choice([0, 0, 1, 3, 20])
        text = text[:at] + rng.choice(MUTATIONS) + text[at + cut :]
    return text


def test_10000_mutated_files_give_places_and_are_never_written(folder: Path) -> None:
    path = folder / "bad.yaml"
    drafts = [{"id": f"u.{n}", "when": f"in {n}", "facts": ["It is 13."]} for n in "ab"]
    base = splice.change(splice.new_pack("bad", "CC0-1.0"), path, {}, drafts)
    rng = random.Random(7)
    refused = 0
    for number in range(10_000):
        text = mutated(base, rng)
        problems = check_text(text, path).problems
        for problem in problems:
            (line,) = problem.splitlines()
            place = line.partition("bad.yaml:")[2].split(":")
            assert place[0].isdigit() and place[1].isdigit(), line
        refused += bool(problems)
        if number % 10 == 0:
            data = text.encode("utf-8")
            path.write_bytes(data)
            if problems:
                with pytest.raises(EntryError) as caught:
                    store.load(folder)
                assert str(caught.value) == "\n".join(problems)
                with pytest.raises(EntryError):
                    store.write_drafts(folder, "bad", [FIRKIN])
            else:
                store.load(folder)
            assert path.read_bytes() == data
    assert 5_000 < refused < 9_500


LAYOUTS = {
    "block": "  - id: a  # x\n    when: |\n      foo\n      - id: no\n    facts: [b]\n\n"
    "  # before b\n  - id: b\n    when: 'x\n      y'\n    facts:\n      - B\n  # end\n",
    "flush": "- id: a\n  when: x\n  facts:\n  - B\n- {id: b, when: y, facts: [c]}\n",
    "dash alone": "  -\n    id: a\n    when: x\n    facts: [b]\n"
    "  -\n    id: b\n    when: y\n    facts: [c]\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_changed_pack_reads_as_if_it_were_parsed_whole(
    folder: Path, layout: str, newline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "p.yaml"
    head = "# mine\nname: p\nlicense: CC0-1.0\nentries:   # here\n\n"
    base = (head + LAYOUTS[layout]).replace("\n", newline)
    rng = random.Random(3)
    read_whole = 0
    for _ in range(300):
        text = mutated(base, rng) if rng.random() < 0.8 else base
        path.write_bytes(text.encode("utf-8"))
        found, whole = read_pack(path), check_text(text, path)
        assert found == whole
        read_whole += whole.pack is not None
    assert read_whole > 60


def test_a_changed_entry_costs_parsing_that_entry(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_drafts(folder, "learned", [entry(f"u.e{n}", f"Fact {n}.") for n in range(50)])
    first = store.load(folder)
    text = edited(folder / "learned.yaml", lambda text: text.replace("Fact 7.", "Fact seven."))
    parsed: list[str] = []
    real = resources.parse_document

    def counted(text: str, path: Path) -> resources.Document:
        parsed.append(text)
        return real(text, path)

    monkeypatch.setattr(resources, "parse_document", counted)
    second = store.load(folder, known=first)
    assert second.entries["u.e7"].facts == ("Fact seven.",)
    assert sum(map(len, parsed)) < len(text) / 10
    assert second.where == first.where
    assert second == store.load(folder)
    assert store.load(folder, known=second).packs["learned"] is second.packs["learned"]
    edited(folder / "learned.yaml", lambda text: text.replace("Fact 8.", "8."))
    with pytest.raises(EntryError, match="must be text, not the number"):
        store.load(folder, known=second)  # what can't be read serves nothing stale
    (folder / "learned.yaml").unlink()
    assert store.load(folder, known=second).entries == {}


def test_a_persons_edits_survive_the_next_extraction(folder: Path) -> None:
    path = folder / "learned.yaml"
    store.write_drafts(folder, "learned", [FIRKIN, DOZEN])
    before = edited(
        path,
        lambda text: text.replace(
            "9 imperial gallons.", "10 of mine.   # measured at home"
        ).replace("name:", "# my notes\nname:"),
    )
    new = [
        entry("u.firkin", "A firkin of beer is nine gallons.", lesson="Beer is not wine."),
        entry("u.dozen", "A baker's dozen is thirteen."),
        entry("u.hand", "A hand is 4 inches."),
    ]
    summary = store.write_drafts(folder, "learned", new)
    after = path.read_text("utf-8")
    assert summary.added == ("u.hand",)
    assert summary.updated == ("u.firkin", "u.dozen")
    assert [(found.field, found.ours) for found in summary.conflicts] == [
        ("facts", ["A firkin of beer is 10 of mine."])
    ]
    assert store.conflicts(folder) == summary.conflicts
    assert "- A firkin of beer is 10 of mine.   # measured at home\n" in after
    assert "- A baker's dozen is thirteen.\n" in after
    assert "lesson: Beer is not wine." in after
    assert splice.comments(after, path) == splice.comments(before, path)
    assert store.write_drafts(folder, "learned", new).conflicts == summary.conflicts
    assert path.read_text("utf-8") == after


def test_deleted_by_a_person_stays_deleted(folder: Path) -> None:
    path = folder / "learned.yaml"
    store.write_drafts(folder, "learned", [FIRKIN, DOZEN])
    edited(path, lambda text: splice.change(text, path, {}, (), ["u.firkin"]))
    summary = store.write_drafts(folder, "learned", [FIRKIN, DOZEN])
    assert (summary.deleted, summary.unchanged) == (("u.firkin",), ("u.dozen",))
    assert set(store.load(folder).entries) == {"u.dozen"}


def test_entry_moved_to_another_pack_is_merged_there(folder: Path) -> None:
    path = folder / "learned.yaml"
    store.write_drafts(folder, "learned", [FIRKIN])
    path.rename(folder / "beer.yaml")
    edited(folder / "beer.yaml", lambda text: text.replace("name: learned", "name: beer"))
    store.write_drafts(folder, "learned", [entry("u.firkin", "Nine gallons.")])
    knowledge = store.load(folder)
    assert knowledge.pack["u.firkin"] == "beer"
    assert knowledge.entries["u.firkin"].facts == ("Nine gallons.",)
    assert not knowledge.packs["learned"].entries


@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_write_that_is_cut_off_makes_no_conflict_and_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    store.write_drafts(folder, "learned", [FIRKIN])
    real, count = lock.write_text, 0

    def stops(path: Path, text: str) -> None:
        nonlocal count
        count += 1
        if count == write:
            raise KeyboardInterrupt
        real(path, text)

    monkeypatch.setattr(lock, "write_text", stops)
    with pytest.raises(KeyboardInterrupt):
        store.write_drafts(folder, "learned", [entry("u.firkin", "Second."), DOZEN])
    monkeypatch.setattr(lock, "write_text", real)
    summary = store.write_drafts(folder, "learned", [entry("u.firkin", "Third."), DOZEN])
    assert summary.conflicts == ()
    assert store.load(folder).entries["u.firkin"].facts == ("Third.",)
    assert set(store.load(folder).entries) == {"u.firkin", "u.dozen"}


def test_damaged_lock_is_refused_with_its_place(folder: Path) -> None:
    store.write_drafts(folder, "learned", [FIRKIN])
    lock = folder / store.LOCK
    lock.write_text(lock.read_text("utf-8")[:-20])
    with pytest.raises(EntryError, match=r"kb\.lock:\d+:\d+: not JSON"):
        store.write_drafts(folder, "learned", [FIRKIN])
    lock.write_text(json.dumps({"format": 99}))
    with pytest.raises(EntryError, match="not a lock of format 1"):
        store.conflicts(folder)


def _write_one(folder: Path, number: int) -> None:
    store.write_drafts(folder, "learned", [entry(f"u.e{number}", f"Fact {number}.")])


def test_writers_at_the_same_time_lose_nothing(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_one, args=(folder, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert set(store.load(folder).entries) == {f"u.e{n}" for n in range(3)}
    assert not list(folder.glob(".learned*"))
