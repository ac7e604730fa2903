"""Views: which prompt, which target, which weight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nesy import recipe, views
from nesy.errors import PromptError
from nesy.prompts import load
from nesy.recipe import NESYCD, View
from nesy.stages.rationales import lessons_of
from nesy.types import Message, Question, Rationale

ENTRY = {"lesson": "Convert first.", "facts": ["A baker's dozen is 13 items."]}
OTHER = {"lesson": "Count twice.", "facts": ["A score is 20 items."]}
WITH = views.Lesson("q/1", "Two baker's dozens?", "2 * 13 = 26.", "26", (ENTRY,), (OTHER,))
BARE = views.Lesson("q/2", "Two dozens?", "2 * 12 = 24.", "24")
WRITTEN = "2 * 12 = <<2*12=24>>24."


def test_nesycd_views() -> None:
    ad, ap, dc = views.examples([WITH], NESYCD)
    assert [(e.view, e.weight, e.question) for e in (ad, ap, dc)] == [
        ("AD", 1.0, "q/1"),
        ("AP", 1.0, "q/1"),
        ("DC", 1.0, "q/1"),
    ]
    assert ad.messages == load("student").render(question=WITH.text, entries=[ENTRY])
    assert "13 items" in ad.messages[-1].content and "13 items" in ap.messages[-1].content
    assert "Knowledge" not in dc.messages[-1].content
    assert ad.target == dc.target == " 2 * 13 = 26. So the answer is 26."
    assert ap.target == " So the answer is 26."


def test_without_entries_only_the_main_view_is_dropped() -> None:
    made = views.examples([BARE], {**NESYCD, "kard": View(knowledge="rationale")})
    assert [e.view for e in made] == ["AP", "DC", "kard"]
    assert made[1].messages == made[2].messages


def test_special_knowledge_is_not_learned_by_heart() -> None:
    made = views.examples([WITH, BARE], NESYCD, special={"q/1"})
    assert [(e.view, e.question) for e in made] == [
        ("AD", "q/1"),
        ("AP", "q/1"),
        ("AP", "q/2"),
        ("DC", "q/2"),
    ]


def test_special_knowledge_has_a_share_of_its_own() -> None:
    lessons = [replace(WITH, question=f"q/{i}") for i in range(200)]
    shares = {"AD": NESYCD["AD"].model_copy(update={"share": 0.1, "special": 0.9})}
    rare = {one.question for one in lessons[:100]}
    made = [e.question in rare for e in views.examples(lessons, shares, special=rare)]
    assert made.count(True) > 80
    assert 0 < made.count(False) < 20
    assert len(views.examples(lessons, shares)) < 40


def test_a_rationale_retrieves_for_itself() -> None:
    (made,) = views.examples([WITH], {"kard": View(knowledge="rationale")})
    assert "A score is 20" in made.messages[-1].content
    assert "13 items" not in made.messages[-1].content


def test_a_view_in_two_passes_goes_on_from_what_is_written_in_the_first() -> None:
    chain = View(prompts=("student-steps", "student-conclude"))
    (first,) = views.examples([WITH], {"one": View(prompts=("student-steps",))})
    (both,) = views.examples([WITH], {"two": chain})
    assert first.target == " 2 * 13 = 26."
    assert both.messages[: len(first.messages)] == first.messages
    assert both.messages[len(first.messages)] == Message("assistant", "2 * 13 = 26.")
    assert both.messages[len(first.messages) + 1 :] == load("student-conclude").render()
    assert both.target == " So the answer is 26."


def test_a_further_pass_has_nothing_to_fill_in() -> None:
    with pytest.raises(PromptError, match="prompt student: 'entries' is undefined"):
        views.examples([WITH], {"two": View(prompts=("student-steps", "student"))})


def test_a_share_is_drawn_by_question_and_seed() -> None:
    lessons = [views.Lesson(f"q/{i}", "Two dozens?", "2 * 12 = 24.", "24") for i in range(400)]
    chosen = {
        "AP": NESYCD["AP"].model_copy(update={"share": 0.25}),
        "DC": NESYCD["DC"],
        "AD": View(share=0.0),
    }
    made = views.examples(lessons, chosen)
    short = [e.question for e in made if e.view == "AP"]
    assert len(made) - len(short) == 400
    assert 70 < len(short) < 130
    assert made == views.examples(lessons, chosen)
    half = views.examples(lessons[::-1], chosen)
    assert sorted(e.question for e in half if e.view == "AP") == sorted(short)
    other = views.examples(lessons, chosen, seed=1)
    assert [e.question for e in other if e.view == "AP"] != short


def test_weights_are_those_of_the_views_mean_losses() -> None:
    chosen = {"long": View(weight=0.75), "short": View(prompts=("student-answer",), weight=0.25)}
    made = views.examples([WITH, BARE], chosen)
    tokens = [30, 5, 50, 3]
    weighed = views.balanced(made, tokens, chosen)
    loss = {view: 0.0 for view in chosen}
    for example, count in zip(weighed, tokens, strict=True):
        loss[example.view] += example.weight * count  # each token's loss being 1
    assert loss["long"] / sum(loss.values()) == pytest.approx(0.75)
    assert sum(loss.values()) == pytest.approx(sum(tokens))
    plain = views.examples([WITH, BARE], NESYCD)
    assert views.balanced(plain, [7] * len(plain), NESYCD) == plain


def test_a_wrong_rationale_is_weighed_by_how_near_it_is() -> None:
    wrong = {"q/1": " 2 * 12 = 24. So the answer is 24.", "q/2": "Nothing like it."}
    (made,) = views.contrasts([WITH, BARE], wrong, NESYCD, 0.5)
    (right, *_) = views.examples([WITH], NESYCD)
    assert (made.messages, made.view, made.question) == (right.messages, "contrast", "q/1")
    assert made.target == wrong["q/1"]
    assert made.weight == pytest.approx(-0.5 * 7 / 11)  # all words but 12, 24. and 13, 26.


@pytest.mark.parametrize(
    ("calculator", "learned"),
    [("plain", "2 * 12 = 24."), ("annotated", WRITTEN), ("off", WRITTEN)],
)
def test_what_the_calculator_writes_is_not_learned(calculator: str, learned: str) -> None:
    question = Question("q/1", "b", "t", "train", "Two dozens?", "24", "number")
    asked = recipe.load("embedded", [f"student.calculator={calculator}"])
    written = [
        Rationale("q/1", 0, WRITTEN, "24", True, "kept"),
        Rationale("q/1", 1, WRITTEN, "25", False, "wrong answer"),
    ]
    (lesson,) = lessons_of(asked, [question], written)
    assert (lesson.rationale, lesson.answer) == (learned, "24")


def test_a_rationale_that_the_other_samples_contradict_is_left_out() -> None:
    def sample(question: str, number: int, reason: str) -> Rationale:
        return Rationale(question, number, "steps", "24", reason == "kept", reason)

    written = [
        *(sample("q/1", n, reason) for n, reason in enumerate(["kept", "no steps", "kept"])),
        *(
            sample("q/2", n, reason)
            for n, reason in enumerate(["wrong answer", "kept", "truncated"])
        ),
    ]
    again = replace(WITH, rationale="13 + 13 = 26.")
    lessons = [WITH, BARE, again]
    assert views.agreed(lessons, written, 0.5) == [WITH, again]
    assert views.agreed(lessons, written, 1 / 3) == lessons
    assert views.agreed([WITH, again], written, 1.0) == [WITH, again]


def test_only_questions_that_a_view_shows_knowledge_are_worth_a_search() -> None:
    kinds = {
        "none": View(),
        "some": View(knowledge="question", share=0.2, special=0.5),
        "few": View(knowledge="rationale", share=0.1),
    }
    lessons = [views.Lesson(f"q/{n}", "x", "r", "y", entries=WITH.entries) for n in range(200)]
    special = {f"q/{n}" for n in range(0, 200, 2)}
    worth = {
        one.question for one in lessons if views.reads(one.question, kinds, seed=1, special=special)
    }
    made = views.examples(lessons, kinds, seed=1, special=special)
    assert {e.question for e in made if e.view != "none"} == worth
    assert not views.reads("q/1", {"none": View()}, seed=1)
