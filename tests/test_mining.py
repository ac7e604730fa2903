"""Which training questions are mined: all on a fact, and some of each procedure."""

from __future__ import annotations

from collections import Counter

from nesy import recipe
from nesy.stages.mining import of_each_task
from nesy.stages.questions import training_questions


def test_every_fact_and_some_of_each_procedure_are_mined() -> None:
    questions, _ = training_questions(recipe.load("embedded", ["data.per_family=40"]))
    on_facts = {question.id for question in questions if question.facts}
    chosen = of_each_task(questions, 5)
    assert on_facts < {question.id for question in chosen} < {question.id for question in questions}
    plain = [question for question in questions if not question.facts]
    counts = Counter(question.task for question in chosen if not question.facts)
    assert counts == dict.fromkeys((question.task for question in plain), 5)
    places = {question.id: place for place, question in enumerate(questions)}
    assert chosen == sorted(chosen, key=lambda question: places[question.id])
    assert of_each_task(questions, None) == questions
