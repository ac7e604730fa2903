"""Text edits: the value changes, every other byte stays."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nesy import resources
from nesy.errors import EntryError
from nesy.kb import splice
from nesy.kb.merge import Memory, merge

PATH = Path("units.yaml")
PACK = """\
# head
name: units
license: CC0-1.0
entries:   # the entries
  - id: a # x
    when: |  # a comment beside a block
      foo
      bar

    # before the facts
    facts:
      - A b       # beside A b
      - 'q # no'   # beside q
      # between
      - C
    example: "old"  # beside the example
    # end of a

  # before b
  - {id: b, when: "x", facts: [a, b] }
# end of file
"""


def test_changes_only_what_was_asked() -> None:
    after = splice.change(PACK, PATH, {"a": {"example": "new"}})
    assert after == PACK.replace('"old"', "new")


def test_list_items_keep_their_comments() -> None:
    after = splice.change(PACK, PATH, {"a": {"facts": ["Z", "A b", "D"]}})
    expected = PACK.replace("      - A b ", "      - Z\n      - A b ")
    expected = expected.replace("'q # no'", "D").replace("      - C\n", "")
    assert after == expected


def test_removed_field_leaves_its_comment() -> None:
    after = splice.change(PACK, PATH, {"a": {"example": None}})
    assert after == PACK.replace('example: "old"  # beside', "# beside")


def test_new_field_stands_in_the_order_of_the_format() -> None:
    after = splice.change(
        PACK, PATH, {"a": {"lesson": "Think."}, "b": {"lesson": "Look, then: go."}}
    )
    assert "      bar\n    lesson: Think.\n\n    # before the facts" in after
    assert '{id: b, when: "x", lesson: "Look, then: go.", facts: [a, b] }' in after


def test_entries_are_added_and_removed() -> None:
    entry = {"id": "c", "when": "w", "facts": ["f"], "source": {"questions": ["q/1"], "n": 3}}
    after = splice.change(PACK, PATH, {}, [entry], removed=["a"])
    value = resources.parse_document(after, PATH).value
    assert [found["id"] for found in value["entries"]] == ["b", "c"]
    assert value["entries"][1] == entry
    assert splice.comments(after, PATH) == splice.comments(PACK, PATH)


@pytest.mark.parametrize(
    "start", ["entries: []\n", "entries:\n", "entries:  # none yet\n", "entries: []"]
)
def test_first_entry(start: str) -> None:
    text = f"name: units\nlicense: CC0-1.0\n{start}"
    after = splice.change(text, PATH, {}, [{"id": "c", "when": "w", "facts": ["f"]}])
    assert resources.parse_document(after, PATH).value["entries"][0]["when"] == "w"


def test_windows_line_ends_stay() -> None:
    text = PACK.replace("\n", "\r\n")
    after = splice.change(text, PATH, {"a": {"facts": ["Z", "A b"], "lesson": "L"}})
    assert "\n" not in after.replace("\r\n", "")


def test_layout_that_can_not_be_edited_is_refused() -> None:
    text = PACK.replace('"old"', "&x old").replace('when: "x"', "when: *x")
    with pytest.raises(EntryError, match=r"units\.yaml.*in place"):
        splice.change(text, PATH, {"a": {"example": "new"}})


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1).filter(str.strip), st.booleans())
@settings(deadline=None, max_examples=300)
def test_scalar_reads_back(text: str, flow: bool) -> None:
    line = f"a: [{splice.scalar(text, True)}]\n" if flow else f"a: {splice.scalar(text)}\n"
    value = resources.parse_document(line, PATH).value["a"]
    assert (value[0] if flow else value) == text


TEXTS = st.sampled_from(
    ["one", "two words", "with: colon", "it's", "# hash", "ends :", "3 * 13 == 39", "é 😀", "null"]
)
FACTS = st.lists(TEXTS, min_size=1, max_size=4)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Draw a pack in any of the layouts that people use, and the ids of its entries."""
    rng = random.Random(draw(st.integers(0, 2**32)))

    def comment() -> str:
        return f"  # c{rng.randrange(10_000)}" if rng.random() < 0.4 else ""

    def lines(indent: int) -> list[str]:
        made = []
        while rng.random() < 0.3:
            made.append(rng.choice(["", f"{' ' * indent}# l{rng.randrange(10_000)}"]))
        return made

    def written(text: str, indent: int) -> list[str]:
        style = rng.randrange(4)
        if style == 0:
            return [splice.scalar(text) + comment()]
        if style == 1:
            return [f"'{text.replace(chr(39), chr(39) * 2)}'" + comment()]
        if style == 2:
            return [f'"{text}"' + comment()]
        return ["|" + rng.choice(["", "-", "+"]) + comment(), " " * indent + text]

    ids = [f"e{number}" for number in range(draw(st.integers(1, 3)))]
    step = rng.choice([0, 2, 4])
    out = ["# head", "name: units", "license: CC0-1.0", "entries:" + comment(), *lines(2)]
    for id_ in ids:
        when, facts = draw(TEXTS), draw(FACTS)
        if rng.random() < 0.15:
            inner = ", ".join(splice.scalar(fact, True) for fact in facts)
            out += [
                f"{' ' * step}- {{id: {id_}, when: {splice.scalar(when, True)}, facts: [{inner}]}}"
                + comment()
            ]
            continue
        pad = " " * (step + 2)
        first, *rest = written(when, step + 4)
        out += [
            f"{' ' * step}- id: {id_}{comment()}",
            *lines(step + 2),
            f"{pad}when: {first}",
            *rest,
        ]
        if rng.random() < 0.3:
            out += [f"{pad}example: {splice.scalar(draw(TEXTS))}{comment()}"]
        out += [f"{pad}facts:{comment()}"]
        inset = " " * (step + rng.choice([2, 4]))
        for fact in facts:
            first, *rest = written(fact, len(inset) + 4)
            out += [f"{inset}- {first}", *rest, *lines(len(inset))]
        out += lines(step)
    text = "\n".join(out) + rng.choice(["", "\n", "\n\n", "\n# the end\n"])
    return text.replace("\n", "\r\n") if rng.random() < 0.1 else text, ids


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "when": TEXTS,
        "lesson": TEXTS,
        "facts": FACTS,
        "example": st.one_of(st.none(), TEXTS),
        "source": st.just({"teacher": "solver", "questions": ["a/b/1", "c: d"]}),
    },
)


@given(layouts(), st.data())
@settings(deadline=None, max_examples=300)
def test_any_layout_is_edited_without_losing_a_comment(
    layout: tuple[str, list[str]], data: st.DataObject
) -> None:
    text, ids = layout
    writes: dict[str, Any] = {id_: data.draw(FIELDS) for id_ in ids if data.draw(st.booleans())}
    added = [{"id": "new", "when": "w", "facts": ["f: g"]}] if data.draw(st.booleans()) else []
    gone = [id_ for id_ in ids if id_ not in writes and data.draw(st.booleans())]
    after = splice.change(text, PATH, writes, added, gone)  # raises where the result would differ
    assert splice.comments(after, PATH) == splice.comments(text, PATH)
    untouched = [id_ for id_ in ids if not writes.get(id_) and id_ not in gone]
    before_lines = text.splitlines()
    for id_ in untouched:
        line = next(line for line in before_lines if f"id: {id_}" in line)
        assert line in after.splitlines()


GENERATED = st.fixed_dictionaries(
    {"when": TEXTS}, optional={"lesson": TEXTS, "facts": FACTS, "example": TEXTS}
)


@given(layouts(), st.data())
@settings(deadline=None, max_examples=1000)
def test_regeneration_keeps_what_people_wrote_in_any_layout(
    layout: tuple[str, list[str]], data: st.DataObject
) -> None:
    text, ids = layout
    read = {entry["id"]: entry for entry in resources.parse_document(text, PATH).value["entries"]}
    ours = {id_: _without_id(entry) for id_, entry in read.items()}
    sides = st.dictionaries(st.sampled_from([*ids, "new", "gone"]), GENERATED)
    base = {id_: data.draw(st.sampled_from([ours[id_], data.draw(GENERATED)])) for id_ in ids}
    base |= {id_: fields for id_, fields in data.draw(sides).items() if id_ not in ids}
    theirs = data.draw(sides)
    outcome = merge(Memory(base), ours, theirs)
    added = [{"id": id_, **outcome.writes[id_]} for id_ in outcome.added]
    writes = {id_: w for id_, w in outcome.writes.items() if id_ not in outcome.added}
    after = splice.change(text, PATH, writes, added)
    entries = resources.parse_document(after, PATH).value["entries"]
    now = {entry["id"]: _without_id(entry) for entry in entries}
    assert splice.comments(after, PATH) == splice.comments(text, PATH)
    conflicts = {(found.entry, found.field) for found in outcome.conflicts}
    both_changed = set()
    for id_ in ids:
        for name in ("when", "lesson", "facts", "example"):
            mine, before = ours[id_].get(name), base[id_].get(name)
            new = theirs[id_].get(name) if id_ in theirs else before
            if mine not in (before, new) and new != before:
                both_changed.add((id_, name))
            if mine != before:
                assert now[id_].get(name) == mine
            elif id_ in theirs:
                assert now[id_].get(name) == theirs[id_].get(name)
    assert conflicts == both_changed
    for id_ in set(theirs) - set(ids):
        assert (id_ in now) == (id_ not in base)


def _without_id(entry: dict[str, Any]) -> dict[str, Any]:
    held = {name: value for name, value in entry.items() if name != "id"}
    return {
        name: [item.strip() for item in value] if isinstance(value, list) else value.strip()
        for name, value in held.items()
    }
