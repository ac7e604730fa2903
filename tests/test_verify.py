"""The verifier: what is refused is answered again, and its prompts are those it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nesy import evaluate, prompts, recipe, student, views
from nesy.answer import VERDICTS, Verifier, answer
from nesy.errors import RecipeError
from nesy.runs import Run
from nesy.types import Completion, Hit, Messages, Question, Sampling

RECIPE = recipe.load("nesycd-verified")
ASKED = Question("q/1", "b", "t", "train", "Two baker's dozens?", "26", "number")
SAMPLING = Sampling(max_tokens=20)


def entry(id_: str, fact: str) -> Any:
    made = SimpleNamespace(id=id_, sha=id_, lesson=None, facts=(fact,))
    return SimpleNamespace(hit=Hit(id_, 1.0, 1), entry=made)


RIGHT, WRONG = entry("dozen", "A baker's dozen is 13."), entry("score", "A score is 20.")


class Saying:
    """Says in turn what it is given to each kind of prompt, and keeps what it was asked."""

    name = fingerprint = "saying"

    def __init__(self, answers: Sequence[str], verdicts: Sequence[str]) -> None:
        self._answers, self._verdicts = list(answers), list(verdicts)
        self.asked: list[tuple[Messages, Sampling]] = []

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        said = []
        for messages in prompts:
            self.asked.append((messages, sampling))
            kind = self._answers if len(messages) == 1 else self._verdicts
            said.append(Completion(kind.pop(0), "stop", 10, 2))
        return said


def checked(lm: Saying, left: Sequence[Any] = (), first: Sequence[Any] = (WRONG,)) -> Any:
    """Answer the question with ``first``; ``left`` is found when what is refused is left out."""

    def without(_: Sequence[Question], refused: Sequence[frozenset[str]]) -> Any:
        return [[one for one in left if one.hit.entry not in some] for some in refused]

    (made,) = answer(
        [ASKED],
        lm,
        student.prompt(RECIPE),
        SAMPLING,
        lambda some: [first for _ in some],
        student.verifier(RECIPE, without, lm),
    )
    return made


def said(number: int) -> str:
    return f"So the answer is {number}."


def test_what_is_accepted_stands() -> None:
    lm = Saying([said(26)], ["right."])
    made = checked(lm, first=[RIGHT])
    assert (made.answer, [hit.entry for hit in made.hits]) == ("26", ["dozen"])
    assert (made.completion.prompt_tokens, made.completion.completion_tokens) == (20, 4)


def test_wrong_knowledge_is_replaced() -> None:
    lm = Saying([said(40), said(26)], [" wrong knowledge.", "right."])
    made = checked(lm, left=[WRONG, RIGHT])
    assert (made.answer, [hit.entry for hit in made.hits]) == ("26", ["dozen"])
    assert "A baker's dozen is 13." in lm.asked[2][0][0].content
    assert made.completion.prompt_tokens == 40
    alone = checked(Saying([said(40)], ["right"]))
    assert made.prompt_sha == alone.prompt_sha  # of the first prompt: it tells whether this holds


def test_where_no_other_is_found_it_answers_without() -> None:
    lm = Saying([said(40), said(24)], ["wrong knowledge."])
    made = checked(lm, left=[WRONG])
    assert (made.answer, made.hits) == ("24", ())
    assert "Knowledge:" not in lm.asked[-1][0][0].content


def test_what_is_not_followed_is_answered_once_more_by_sampling() -> None:
    lm = Saying([said(2), said(26)], ["not followed.", "right."])
    made = checked(lm, first=[RIGHT])
    assert (made.answer, [hit.entry for hit in made.hits]) == ("26", ["dozen"])
    assert lm.asked[2] == (lm.asked[0][0], replace(SAMPLING, temperature=0.7, seed=1))


def test_the_first_answer_stands_if_all_are_refused() -> None:
    lm = Saying([said(1), said(2), said(3)], ["not followed"] * 3)
    made = checked(lm, first=[RIGHT])
    assert made.answer == "1"
    assert made.completion.completion_tokens == 12
    unread = Saying([said(1)], ["hm"])  # refuses nothing
    assert checked(unread).answer == "1"


def test_without_knowledge_there_is_nothing_to_check() -> None:
    lm = Saying([said(24)], [])
    assert checked(lm, first=[]).answer == "24"
    assert student.verifier(recipe.load("nesycd"), lambda *_: [], lm) is None


def test_the_verifier_is_asked_what_it_was_trained_on() -> None:
    lesson = views.Lesson("q/1", ASKED.text, "2 * 13 = 26.", "26", (RIGHT.entry,))
    other = views.Lesson("q/2", "Two scores?", "2 * 20 = 40.", "40", (WRONG.entry,))
    every = {"VF": RECIPE.views["VF"].model_copy(update={"share": 1.0})}
    trained = views.examples([lesson, other], every)
    wrong = {"q/1": "2 * 12 = 24. So the answer is 24."}
    trained += views.verdicts([lesson, other], wrong, every, "student-verify")
    found = [(one.question, one.target) for one in trained]
    assert sorted(found) == [
        ("q/1", " not followed."),
        ("q/1", " right."),
        ("q/1", " wrong knowledge."),
        ("q/2", " right."),
        ("q/2", " wrong knowledge."),
    ]
    assert {one.target.strip(" .") for one in trained} == set(VERDICTS)
    targets = {one.messages: one.target for one in trained}
    written = {" right.": "2 * 13 = 26. So the answer is 26.", " not followed.": wrong["q/1"]}
    for target, text in written.items():
        lm = Saying([text, text, text], [target] * 3)
        checked(lm, first=[RIGHT])
        assert targets[lm.asked[1][0]] == target
    lm = Saying([wrong["q/1"], said(24)], [" wrong knowledge."])
    checked(lm, first=[WRONG])
    assert targets[lm.asked[1][0]] == " wrong knowledge."


def test_an_evaluation_records_what_was_shown_last(tmp_path: Path) -> None:
    lm = Saying([said(40), said(26)], ["wrong knowledge.", "right."])
    checking = Verifier(
        lm, student.prompt(RECIPE), prompts.load("student-verify"), lambda *_: [[RIGHT]], 1
    )

    def once() -> Any:
        with Run.create(tmp_path / "run", "{}") as run:
            return evaluate.evaluate(
                *([ASKED], lm, student.prompt(RECIPE), SAMPLING, lambda some: [[WRONG]], run),
                verifier=checking,
            )

    (made,) = once()
    assert made.answer == "26"
    shown = {one.id for one in Run.open(tmp_path / "run").read("entries", evaluate.Shown)}
    assert shown == {"score", "dozen"}
    assert once() == [made]  # it holds: nothing is asked


def test_a_verifier_must_be_trained() -> None:
    with pytest.raises(
        RecipeError, match="verify needs a view whose last prompt is student-verify"
    ):
        recipe.load("nesycd", ["verify.tries=1"])
    with pytest.raises(RecipeError, match="verify needs an answer that is given in one pass"):
        recipe.load("nesycd-verified", ["answer.prompts=[student-steps,student-conclude]"])
