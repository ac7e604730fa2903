"""The report card of an edit: questions on the fact, in other words, derived, and beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from nesy import facts, prompts
from nesy.benchmarks import synth
from nesy.edits import ASPECTS, Probe, card, embedded, fact_ids, others, read, written
from nesy.errors import InputError
from nesy.kb.entry import Entry
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch
from nesy.models import solver
from nesy.types import Completion, Messages, Question, Sampling

UNIT = facts.table("rare_units")[0]
FIRKIN = Entry(id="u.firkin", when="beer in firkins", facts=(UNIT.statement,))
TEN = FIRKIN.model_copy(update={"facts": (UNIT.statement.replace("9", "10"),)})
ORE = next(fact for fact in facts.table("minerals") if fact.subject == "cassiterite")
TIN = Entry(id="o.cassiterite", when="cassiterite", facts=(ORE.statement,))
PROMPT = prompts.load("student")


class Reader:
    """Solves word problems on firkins with the number of gallons that it is shown, else 7."""

    name = "reader"
    fingerprint = "1"

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        return [Completion(self._said(m[-1].content), "stop", 1, 1) for m in prompts]

    def _said(self, text: str) -> str:
        shown = re.search(r"firkin of beer is (\d+)", text)
        question = text.partition("Question: ")[2].removesuffix("\nAnswer:")
        probe = next((p for p in PROBES if p.question.text == question), None)
        if probe is None or shown is None:
            return f"So the answer is {len(question)}."
        family = synth.families()[probe.question.task]
        target = family.derive({**probe.question.params, "value": int(shown[1])})
        return f"So the answer is {target}."


PROBES = embedded(FIRKIN, TEN, 6)


def test_probes_ask_for_the_new_value_and_never_hold_the_sentence() -> None:
    by_aspect = {aspect: [p for p in PROBES if p.aspect == aspect] for aspect in ASPECTS}
    assert {aspect: len(some) for aspect, some in by_aspect.items()} == {
        "reliability": 6, "generality": 6, "portability": 6, "locality": 0,
    }  # fmt: skip
    assert len({probe.question.text for probe in PROBES}) == 18
    same = {p.question.text: p for p in embedded(FIRKIN, FIRKIN, 6)}
    for probe in PROBES:
        question = probe.question
        assert "firkin" in question.text and UNIT.statement not in question.text
        family = synth.families()[question.task]
        assert question.target == family.derive({**question.params, "value": 10})
        if question.text in same:  # without an edit the target is the true one
            solution = solver.solve(question.text)
            assert solution is not None
            assert same[question.text].question.target == solution.answer
    tests = {q.text for q in synth.questions("synth-gsm", "test", 40)}
    assert not tests & {probe.question.text for probe in PROBES}


def test_a_choice_follows_to_the_option_that_the_edit_names() -> None:
    copper = TIN.model_copy(update={"facts": (ORE.statement.replace("tin", "copper"),)})
    made = embedded(TIN, copper, 5)
    assert {probe.aspect for probe in made} == {"reliability", "generality"}
    for probe in made:
        letter = "ABCD".index(probe.question.target[1])
        assert probe.question.choices[letter] == "copper"
    reworded = TIN.model_copy(update={"facts": ("Tin is won from cassiterite.",)})
    assert embedded(TIN, reworded, 5) == []
    assert embedded(FIRKIN, FIRKIN.model_copy(update={"facts": ("Something else.",)}), 5) == []
    assert fact_ids(TIN) == [ORE.id]


def search(*entries: Entry) -> IndexSearch:
    return IndexSearch(Index(entries, None, mode="bm25"))


OTHER = Entry(id="u.hogshead", when="beer in hogsheads", facts=("A hogshead of beer is large.",))
BESIDE = [
    Question(f"b/{n}", "b", "t", "test", text, "1", "number")
    for n, text in enumerate(
        ["Two hogsheads of beer?", "How many apples?", "A hogshead, no apples?"]
    )
]


def test_the_card_of_an_edit_that_is_followed() -> None:
    probes = [*PROBES, *(Probe("locality", question) for question in BESIDE)]
    marks = card(
        probes, FIRKIN.id, Reader(), PROMPT, Sampling(), search(FIRKIN, OTHER), search(TEN, OTHER)
    )
    assert [mark.aspect for mark in marks] == list(ASPECTS)
    for mark in marks[:3]:
        assert (mark.questions, mark.passed, mark.before, mark.shown) == (6, 6, 0, 6)
        assert mark.interval[0] > 0.6 and mark.interval[1] == 1.0
        assert mark.failed == ()
    assert (marks[3].questions, marks[3].passed, marks[3].shown) == (3, 3, 0)


def test_the_card_of_an_edit_that_spreads_too_far() -> None:
    greedy = TEN.model_copy(update={"when": "apples hogshead hogsheads many two beer"})
    probes = [*PROBES, *(Probe("locality", question) for question in BESIDE)]

    class Shaken(Reader):
        def _said(self, text: str) -> str:
            if "Question: Two" in text or "Question: How many apples" in text:
                return f"So the answer is {len(text)}."
            return super()._said(text)

    marks = card(
        probes, FIRKIN.id, Shaken(), PROMPT, Sampling(), search(OTHER), search(greedy, OTHER)
    )
    assert marks[3].failed == ("b/0", "b/1")
    assert marks[3].shown >= 2
    nothing = card([], FIRKIN.id, Reader(), PROMPT, Sampling(), search(OTHER), search(OTHER))
    assert [(mark.questions, mark.interval) for mark in nothing] == [(0, (0.0, 1.0))] * 4


def test_locality_takes_neighbours_and_others_but_no_question_on_the_fact() -> None:
    index = Index([FIRKIN, OTHER], None, mode="bm25")
    searching = IndexSearch(index)
    on_fact = Question("f", "b", "t", "test", "One?", "1", "number", (), (UNIT.id,))
    shown = Question("s", "b", "t", "test", "Beer in firkins?", "1", "number")
    asked = [*BESIDE, on_fact, shown]
    chosen = others(
        asked,
        [[one.hit.entry for one in some] for some in searching.considered(asked, 5)],
        [[one.hit.entry for one in some] for some in searching(asked)],
        FIRKIN.id,
        fact_ids(FIRKIN),
        10,
    )
    assert chosen[0].question.id == "b/0"  # it speaks of beer, so the firkin comes near
    assert {probe.question.id for probe in chosen} == {"b/0", "b/1", "b/2"}
    assert {probe.aspect for probe in chosen} == {"locality"}


def test_questions_of_a_person(tmp_path: Path) -> None:
    path = tmp_path / "probes.jsonl"
    rows = [
        {"aspect": "reliability", "question": "How many gallons is a firkin?", "answer": "10"},
        {"aspect": "locality", "question": "Who?", "answer": "tin", "choices": ["tin", "gold"]},
    ]
    path.write_text("".join(f"{json.dumps(row)}\n\n" for row in rows))
    probes = read(path, TEN)
    assert [(p.aspect, p.question.kind, p.question.target) for p in probes] == [
        ("reliability", "number", "10"),
        ("locality", "choice", "(A)"),
    ]
    assert probes[1].question.text == "Who?\nOptions:\n(A) tin\n(B) gold"
    path.write_text(
        '{"aspect": "relia", "question": "x", "answer": "1"}\n{\n{"question": "x", "answer": "1"}\n'
        '{"aspect": "locality", "question": "Since a firkin of beer is 10 imperial gallons, '
        'what?", "answer": "1"}\n'
    )
    with pytest.raises(InputError) as caught:
        read(path, TEN)
    lines = str(caught.value).splitlines()
    assert [line.partition(".jsonl:")[2][:2] for line in lines] == ["1:", "2:", "3:", "4:"]
    assert "use reliability, generality, portability, locality" in lines[0]
    assert "aspect is missing" in lines[2]
    assert "own sentence" in lines[3]


def test_questions_of_a_teacher_are_read_and_copies_dropped() -> None:
    class Teacher:
        name = "teacher"
        fingerprint = "1"

        def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
            assert "10 imperial gallons" in prompts[0][-1].content
            text = (
                "**Direct:**\n- How many imperial gallons does a firkin of beer hold? | 10\n"
                "- A firkin of beer is 10 imperial gallons, is it? | yes\n"
                "Reworded:\n- If the answer were 10, what? | 10\nno question\n"
                "Derived:\n- How many gallons are two firkins? | 20.\n"
            )
            return [Completion(text, "stop", 1, 1)]

    probes = written(TEN, Teacher(), prompts.load("teacher-probes"), Sampling(), 3)
    assert [(p.aspect, p.question.target) for p in probes] == [
        ("reliability", "10"),
        ("portability", "20"),
    ]

    class Silent(Teacher):
        def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
            return [Completion("I do not know.", "stop", 1, 1)]

    with pytest.raises(InputError, match="wrote no question on entry"):
        written(TEN, Silent(), prompts.load("teacher-probes"), Sampling(), 3)
