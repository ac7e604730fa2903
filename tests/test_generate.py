"""Knowledge that the student writes where none is found: when, and what of it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nesy import prompts, recipe, student, views
from nesy.kb.entry import Entry
from nesy.kb.gate import GatedSearch
from nesy.kb.generate import Filters, GeneratedSearch
from nesy.types import Completion, Messages, Question, Sampling

ENTRY = Entry(id="dozen", when="dozens", lesson="Convert.", facts=("A dozen is 12.", "13 is more."))
FOUND: Any = SimpleNamespace(hit=None, entry=ENTRY)
PROMPT = prompts.load("student-knowledge")
SAMPLING = Sampling(max_tokens=96)


def question(text: str) -> Question:
    return Question(text, "b", "t", "test", text, "1", "number")


class Writing:
    """Writes the same text to every prompt; how sure it is stands in the question."""

    name = fingerprint = "writing"

    def __init__(self, text: str) -> None:
        self._text = text
        self.asked: list[Messages] = []

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        assert sampling == SAMPLING
        self.asked += prompts
        return [Completion(self._text, "stop", 5, 3) for _ in prompts]

    def confidences(self, prompts: Sequence[Messages], tokens: int) -> list[float]:
        return [0.2 if "unsure" in messages[0].content else 0.9 for messages in prompts]


class Near:
    """An encoder for which all but what says ``far`` is the same."""

    name, revision = "near", "1"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[0.0, 1.0] if "far" in text else [1.0, 0.0] for text in texts], np.float32)


def searching(lm: Writing, filters: Filters) -> GeneratedSearch:
    def found(questions: Sequence[Question]) -> list[list[Any]]:
        return [[FOUND] if "known" in one.text else [] for one in questions]

    return GeneratedSearch(found, lm, PROMPT, SAMPLING, filters, Near())


def test_only_where_nothing_is_found_it_is_written() -> None:
    lm = Writing("\n- Convert first.\n- A gross is 144.")
    search = searching(lm, Filters(60, 0.5, 0.5))
    asked = [question("known"), question("a gross?")]
    for _ in range(2):  # a resumed evaluation asks twice, and the student once
        first, second = search(asked)
        assert first == [FOUND]
        (written,) = second
        assert written.hit.entry == "generated"
        assert written.entry.facts == ("Convert first.", "A gross is 144.")
    assert lm.asked == [PROMPT.render(question="a gross?")]


@pytest.mark.parametrize(
    ("filters", "text", "facts"),
    [
        (Filters(60, 0.5, 0.5), "a gross?", ("Convert first.", "A gross is 144.")),
        (Filters(5, 0.5, 0.5), "a gross?", ("Convert first.",)),
        (Filters(1, 0.5, 0.5), "a gross?", ()),
        (Filters(60, 0.5, 0.5), "a far gross?", ()),
        (Filters(60, None, 0.5), "a far gross?", ("Convert first.", "A gross is 144.")),
        (Filters(60, 0.5, 0.5), "an unsure gross?", ()),
        (Filters(60, 0.5, None), "an unsure gross?", ("Convert first.", "A gross is 144.")),
    ],
)
def test_filters(filters: Filters, text: str, facts: tuple[str, ...]) -> None:
    search = searching(Writing("\n- Convert first.\n- A gross is 144."), filters)
    (found,) = search([question(text)])
    assert tuple(fact for one in found for fact in one.entry.facts) == facts


def test_the_student_is_asked_what_it_was_trained_on() -> None:
    made = recipe.load("nesycd-generate")
    every = {"KG": made.views["KG"].model_copy(update={"share": 1.0})}
    (trained,) = views.examples([views.Lesson("q", "Dozens?", "r", "1", (ENTRY,))], every)
    lm = Writing(trained.target)
    ((written,),) = searching(lm, Filters(60, None, None))([question("Dozens?")])
    assert lm.asked == [trained.messages]
    assert written.entry.facts == ("Convert.", "A dozen is 12.", "13 is more.")


def test_a_recipe_puts_it_behind_its_gate() -> None:
    made = recipe.load("nesycd-generate", ["generate.relevance=null"])
    lm = Writing("\n- A gross is 144.")
    search = student.gated(made, lambda some: [[] for _ in some], lm)
    assert isinstance(search, GeneratedSearch)
    ((one,),) = search([question("a gross?")])
    assert one.entry.facts == ("A gross is 144.",)
    gated = student.gated(
        recipe.changed(made, "knowledge.gate=0.5"), lambda some: [[] for _ in some], lm
    )
    assert isinstance(gated, GatedSearch)
    assert gated([question("a gross?")]) == [[]]  # it is sure, so it needs nothing
