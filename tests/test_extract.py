"""Drafts: from what a teacher wrote about failures to entries of the knowledge base."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from nesy import benchmarks, prompts
from nesy.kb import checks, extract
from nesy.kb.entry import Entry
from nesy.kb.extract import Draft, Refused
from nesy.models.solver_teacher import SolverLM
from nesy.types import Question, Sampling

WRITTEN = """\
Applies When: a quantity is given in bushels.
Learning Summary: Convert the rare unit
  before anything else.
Supplementary Knowledge:
- A bushel is 4 pecks.
* A peck is 2 gallons.
- A bushel is 4 pecks.
Example: 3 bushels are 12 pecks. | 3 * 4 == 12
"""
ASKED = "Mia sells 17 bushels of corn at 5 dollars a peck. How much money does she get?"


def parse(text: str, target: str = "340") -> Draft:
    return extract.parse(text, "b/train/t/1", ASKED, target)


def draft(question: str, when: str, facts: Sequence[str], **more: str) -> Draft:
    return Draft(
        question, when, more.get("lesson", "Look it up."), tuple(facts), None, more.get("check")
    )


def solved(questions: Sequence[Question]) -> list[tuple[Question, str]]:
    prompt = prompts.load("teacher-knowledge")
    asked = [
        prompt.render(question=q.text, wrong="I do not know.", target=q.target) for q in questions
    ]
    written = SolverLM().generate(asked, Sampling(max_tokens=1024))
    return [(q, c.text) for q, c in zip(questions, written, strict=True)]


def test_the_embedded_teacher_gives_an_entry_for_nearly_every_question() -> None:
    questions = benchmarks.load("synth", "train", limit=120)
    drafts, refused = [], []
    for question, text in solved(questions):
        try:
            drafts.append(extract.parse(text, question.id, question.text, question.target))
        except Refused as reason:
            refused.append(str(reason))
    # A small number of a rule may happen to be the answer; that is refused, not repaired.
    assert len(drafts) >= 0.9 * len(questions)
    assert all(reason.startswith("leak: ") for reason in refused), refused
    by_id = {question.id: question for question in questions}
    for one in drafts:
        said = "\n".join([one.when, one.lesson or "", *one.facts])
        question = by_id[one.question]
        assert checks.leaks(said, question.text, question.target) is None
        assert one.check is None or checks.false(one.check) is None

    made, into = extract.entries(drafts, "distilled", "solver")
    assert len(made) < len(drafts)
    assert set(into) == {one.question for one in drafts}
    assert {entry.id for entry in made} == set(into.values())
    assert all(into[q] == entry.id for entry in made for q in entry.questions)
    assert all(entry.status == "draft" for entry in made)
    assert checks.wrong_checks(made) == []


def test_sections_are_read() -> None:
    assert parse(WRITTEN) == Draft(
        "b/train/t/1",
        "a quantity is given in bushels",
        "Convert the rare unit before anything else.",
        ("A bushel is 4 pecks.", "A peck is 2 gallons."),
        "3 bushels are 12 pecks.",
        "3 * 4 == 12",
    )


def as_json(**changed: object) -> str:
    written = {
        "applies_when": "a quantity is given in bushels.",
        "learning_summary": "Convert the rare unit before anything else.",
        "supplementary_knowledge": ["- A bushel is 4 pecks.", "A peck is 2 gallons."],
        "example": "3 bushels are 12 pecks.",
        "check": "3 * 4 == 12",
    }
    return json.dumps(written | changed)


def test_json_by_the_prompts_schema_is_read_as_the_sections_are() -> None:
    schema = prompts.load("teacher-knowledge").schema
    assert schema is not None
    assert set(json.loads(schema)["required"]) == set(json.loads(as_json()))
    assert parse(as_json()) == parse(WRITTEN)
    assert parse(as_json(example="none", check="")).example is None
    for text, reason in (
        (as_json()[:-20], "JSON: "),
        (as_json(learning_summary=3), "JSON: learning_summary is no text"),
        (as_json(applies_when=""), "no section Applies When"),
        (as_json(check="3 * 4 == 13"), "check: "),
        ("{}", "the teacher wrote no section"),
    ):
        with pytest.raises(Refused, match=reason):
            parse(text)


@pytest.mark.parametrize("style", ["**{}:**", "## {}:", "**{}**:", "### **{}:**", "{} :", "  {}:"])
def test_headings_in_markdown_are_read(style: str) -> None:
    text = "Here is what was missing.\n\n" + WRITTEN
    for heading in ("Applies When", "Learning Summary", "Supplementary Knowledge", "Example"):
        text = text.replace(f"{heading}:", style.format(heading))
    assert parse(text) == parse(WRITTEN)
    assert parse(text.replace("Applies When", "applies when")) == parse(WRITTEN)


@pytest.mark.parametrize("example", ["Example: none", "Example: None.", "Example:", ""])
def test_an_example_may_be_missing(example: str) -> None:
    made = parse(WRITTEN.partition("Example:")[0] + example)
    assert (made.example, made.check) == (None, None)


def test_an_example_may_have_no_check() -> None:
    made = parse(WRITTEN.replace(" | 3 * 4 == 12", ""))
    assert (made.example, made.check) == ("3 bushels are 12 pecks.", None)


def test_a_minus_is_not_a_bullet() -> None:
    text = WRITTEN.replace("- A bushel is 4 pecks.\n", "- -3 is less than 2.\n-Zero is even.\n", 1)
    assert parse(text).facts[:2] == ("-3 is less than 2.", "Zero is even.")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Learning Summary: Convert the rare unit\n  before anything else.\n", "", "no section L"),
        ("Applies When: a quantity is given in bushels.", "Applies When:", "no section A"),
        ("Supplementary Knowledge", "Knowledge", "no section Supplementary Knowledge"),
        ("in bushels.", "in bushels" + " and bushels" * 20, "longer than 200 characters"),
        ("is 4 pecks", "is 340 pecks", "leak: it holds the answer 340"),
        ("A peck is 2 gallons", "She sells 17 bushels of corn at 5 dollars a peck", "leak: "),
        ("3 * 4 == 12", "3 * 4 == 13", "check: 3 [*] 4 == 13 is false: 3 [*] 4 is 12"),
        ("3 * 4 == 12", "__import__('os')", "check: "),
    ],
)
def test_what_can_not_be_used_is_refused_with_a_reason(old: str, new: str, reason: str) -> None:
    assert WRITTEN.replace(old, new) != WRITTEN
    with pytest.raises(Refused, match=reason):
        parse(WRITTEN.replace(old, new))


@pytest.mark.parametrize("text", ["", "I do not know what was missing."])
def test_a_teacher_that_does_not_know_gives_no_entry(text: str) -> None:
    with pytest.raises(Refused, match="the teacher wrote no section"):
        parse(text)


def test_the_same_when_collects_the_facts() -> None:
    made, into = extract.entries(
        [
            draft("q2", "a unit of corn", ["A bushel is 4 pecks."]),
            draft("q1", "A unit of corn", ["A peck is 2 gallons.", "a bushel is 4 pecks"]),
            draft("q3", "a horse", ["A hand is 4 inches."]),
        ],
        "mine",
        "teach",
    )
    assert [entry.id for entry in made] == ["mine.a-horse", "mine.a-unit-of-corn"]
    corn = made[1]
    assert corn.facts == ("A bushel is 4 pecks.", "A peck is 2 gallons.")
    assert corn.when == "a unit of corn"
    assert corn.source == {"teacher": "teach", "questions": ("q1", "q2")}
    assert into == {"q1": corn.id, "q2": corn.id, "q3": "mine.a-horse"}


def test_the_same_facts_are_one_entry() -> None:
    made, into = extract.entries(
        [
            draft("q1", "corn", ["A bushel is 4 pecks.", "A peck is 2 gallons."]),
            draft("q2", "a farmer's grain", ["A peck is 2 gallons.", "A bushel is 4 pecks"]),
        ],
        "mine",
        "teach",
    )
    assert [entry.id for entry in made] == ["mine.corn"]
    assert made[0].questions == ("q1", "q2")
    assert into == {"q1": "mine.corn", "q2": "mine.corn"}


def test_facts_that_differ_in_a_number_are_two_entries() -> None:
    made, _ = extract.entries(
        [
            draft("q1", "a barrel of beer in gallons", ["A barrel of beer is 36 gallons."]),
            draft("q2", "a barrel of oil in gallons", ["A barrel of oil is 42 gallons."]),
        ],
        "mine",
        "teach",
    )
    assert len(made) == 2


def test_ids_are_stable_and_valid() -> None:
    long = "a problem in which several people share the cost of a long journey by "
    whens = [
        "Prices, change & a coupon (50% off!)",
        long + "train",
        long + "ship",
        "密度を求める",
        "速さを求める",
        "x" * 190,
    ]
    drafts = [draft(f"q{i}", when, [f"Fact number {i}."]) for i, when in enumerate(whens)]
    made, into = extract.entries(drafts, "mine", "teach")
    again, _ = extract.entries(drafts, "mine", "teach")
    assert made == again
    assert len(made) == len(whens)
    assert into["q0"] == "mine.prices-change-a-coupon-50-off"
    assert into["q1"].startswith("mine.a-problem-in-which-several-people-share")
    assert all(len(entry.id) <= len("mine.") + 60 for entry in made)
    assert all(Entry.model_validate(entry.plain()) == entry for entry in made)


def test_no_drafts_are_no_entries() -> None:
    assert extract.entries([], "mine", "teach") == ([], {})


def test_facts_that_differ_in_an_operator_are_two_entries() -> None:
    made, _ = extract.entries(
        [
            draft("q1", "percent of a number", ["x % of b is x * b / 100."]),
            draft("q2", "a number and its percentage", ["x % of b is x + b / 100."]),
        ],
        "mine",
        "teach",
    )
    assert len(made) == 2
