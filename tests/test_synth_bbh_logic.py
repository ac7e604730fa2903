"""The first half of synth-bbh: generators, solver wordings, and the real BIG-Bench Hard files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from nesy.benchmarks import synth
from nesy.benchmarks.synth import (
    boolean_expressions,
    dyck_languages,
    multistep_arithmetic,
    navigate,
    object_counting,
    web_of_lies,
    word_sorting,
)
from nesy.facts import things
from nesy.models.solver import boolean_expressions as solve_boolean
from nesy.models.solver import dyck_languages as solve_dyck
from nesy.models.solver import multistep_arithmetic as solve_multistep
from nesy.models.solver import navigate as solve_navigate
from nesy.models.solver import object_counting as solve_counting
from nesy.models.solver import web_of_lies as solve_lies
from nesy.models.solver import word_sorting as solve_sorting

GENERATORS = {
    "boolean_expressions": boolean_expressions,
    "multistep_arithmetic": multistep_arithmetic,
    "object_counting": object_counting,
    "web_of_lies": web_of_lies,
    "navigate": navigate,
    "dyck_languages": dyck_languages,
    "word_sorting": word_sorting,
}
SOLVERS = {
    "boolean_expressions": solve_boolean.solve,
    "multistep_arithmetic": solve_multistep.solve,
    "object_counting": solve_counting.solve,
    "web_of_lies": solve_lies.solve,
    "navigate": solve_navigate.solve,
    "dyck_languages": solve_dyck.solve,
    "word_sorting": solve_sorting.solve,
}
KINDS = {
    "boolean_expressions": "boolean",
    "multistep_arithmetic": "number",
    "object_counting": "number",
    "web_of_lies": "boolean",
    "navigate": "boolean",
    "dyck_languages": "text",
    "word_sorting": "text",
}
REAL = {name: name for name in SOLVERS} | {"multistep_arithmetic": "multistep_arithmetic_two"}
NAVIGATE = "If you follow these instructions, do you return to the starting point?"
YES_NO = "\nOptions:\n- Yes\n- No"
DYCK = "Complete the rest of the sequence, making sure that the parentheses are closed properly."


def items(name: str, split: synth.Split, count: int = 100) -> list[synth.Item]:
    module = GENERATORS[name]
    family = synth.Family(name, module.BENCHMARK, module.FACTS, module.make, module.derive, "")
    return [synth.item(family, split, index) for index in range(count)]


def rationale(name: str, question: str) -> str:
    solution = SOLVERS[name](question)
    assert solution is not None, question
    return solution.rationale


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_solver_target_and_derivation_agree(name: str, split: synth.Split) -> None:
    for item in items(name, split):
        solution = SOLVERS[name](item.text)
        assert solution is not None, item.text
        derived = GENERATORS[name].derive(json.loads(json.dumps(item.params)))
        assert solution.answer == item.target == derived, item.text
        assert item.kind == KINDS[name]


@pytest.mark.parametrize("name", SOLVERS)
def test_no_test_question_is_a_training_question(name: str) -> None:
    train = {item.text for item in items(name, "train")}
    assert not train & {item.text for item in items(name, "test")}


@pytest.mark.parametrize("name", SOLVERS)
def test_the_wordings_are_told_apart(name: str) -> None:
    for item in items(name, "train", 20):
        for other, solve in SOLVERS.items():
            assert (solve(item.text) is not None) == (other == name), (other, item.text)


@pytest.mark.parametrize("name", SOLVERS)
def test_arithmetic_in_rationales_is_true(name: str) -> None:
    computed = 0
    for item in items(name, "train"):
        for left, operator, right, result in re.findall(
            r"(-?\d+) ([-+*]) (-?\d+) = (-?\d+)", rationale(name, item.text)
        ):
            a, b = int(left), int(right)
            value = {"+": a + b, "-": a - b, "*": a * b}[operator]
            assert value == int(result), item.text
            computed += 1
    if name in ("multistep_arithmetic", "object_counting", "navigate"):
        assert computed > 100


@pytest.mark.parametrize("name", SOLVERS)
def test_knowledge_is_the_same_for_every_question(name: str) -> None:
    known = set()
    for item in items(name, "train", 20):
        solution = SOLVERS[name](item.text)
        assert solution is not None
        known.add(solution.knowledge)
        assert "answer is" not in solution.rationale
    assert len(known) == 1
    (knowledge,) = known
    assert knowledge.facts and knowledge.lesson.endswith(".")
    assert (knowledge.example is None) == (knowledge.check is None)


@pytest.mark.parametrize("name", ["boolean_expressions", "web_of_lies", "navigate"])
def test_both_answers_are_common(name: str) -> None:
    targets = [item.target for item in items(name, "train", 300)]
    assert 0.35 < targets.count(targets[0]) / len(targets) < 0.65


@pytest.mark.parametrize("name", SOLVERS)
def test_the_real_task_is_solved(name: str) -> None:
    data = os.environ.get("NESY_DATA")
    if not data:
        pytest.skip("NESY_DATA is not set: the real BIG-Bench Hard files are not at hand")
    path = Path(data) / "bbh" / f"{REAL[name]}.json"
    examples = json.loads(path.read_text(encoding="utf-8"))["examples"]
    solutions = [SOLVERS[name](example["input"]) for example in examples]
    right = [
        solution is not None and solution.answer == example["target"]
        for solution, example in zip(solutions, examples, strict=True)
    ]
    assert sum(right) >= 0.99 * len(examples)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "What is the capital of France?",
        "True and is",
        "( True is",
        "() is",
        "True maybe False is",
        "((1 + 2) / (3 + 4)) =",
        "(1 + 2) =",
        "((1 +) - (2)) =",
        "I have an apple, and a pear. How many planets do I have?",
        "I have an apple, and a gizmo. How many fruits do I have?",
        "I have an apple, and many pears. How many fruits do I have?",
        "Ada lies. Bo says Cy lies. Does Bo tell the truth?",
        "Ada lies. Bo says Ada lies. Does Cy tell the truth?",
        "Ada lies. Bo thinks Ada lies. Does Bo tell the truth?",
        f"{NAVIGATE} Turn left. Take 3 steps forward.{YES_NO}",
        f"{NAVIGATE} Jump. Take 3 steps.{YES_NO}",
        f"{NAVIGATE} Take 3 steps.",
        f"{DYCK} Input: ( ]",
        f"{DYCK} Input: ) (",
        f"{DYCK} Input: ( )",
        f"{DYCK} Input: a b",
        "Sort the following words by length: List: barn dot",
    ],
)
def test_another_wording_is_not_solved(question: str) -> None:
    assert [name for name, solve in SOLVERS.items() if solve(question) is not None] == []


def test_boolean_rewrites_one_operation_at_a_time() -> None:
    assert rationale("boolean_expressions", "True or not ( False or True ) and False is") == (
        "True or not ( False or True ) and False = True or not ( True ) and False"
        " = True or not True and False = True or False and False = True or False = True."
    )


def test_multistep_restates_what_is_left() -> None:
    assert rationale("multistep_arithmetic", "((-1 + 2 + 9 * 5) - (-2 + 4)) =") == (
        "(-1 + 2 + 9 * 5) -: 9 * 5 = 45. -1 + 2 + 45: -1 + 2 = 1. 1 + 45 = 46."
        " That leaves 46 -. (-2 + 4): -2 + 4 = 2. Together: 46 - 2 = 44."
    )


def test_counting_skips_what_does_not_belong() -> None:
    question = "I have a flute, four stoves, and two drums. How many musical instruments do I have?"
    assert rationale("object_counting", question) == (
        "a flute (musical instruments): 0 + 1 = 1. four stoves (objects): no."
        " two drums (musical instruments): 1 + 2 = 3."
    )


def test_counting_reads_containers_and_any_object() -> None:
    question = "I have two bags of carrots, and a cabbage. How many vegetables do I have?"
    assert solve_counting.solve(question).answer == "3"  # type: ignore[union-attr]
    question = "I have three gizmos, and a lamp. How many objects do I have?"
    assert solve_counting.solve(question).answer == "4"  # type: ignore[union-attr]


def test_lies_settles_one_person_after_the_other() -> None:
    question = "Question: Ada lies. Bo says Ada lies. Cy says Bo lies. Does Cy tell the truth?"
    assert rationale("web_of_lies", question) == (
        "Ada lies. Bo says Ada lies, which is true, so Bo tells the truth."
        " Cy says Bo lies, which is false, so Cy lies."
    )


def test_navigate_keeps_position_and_direction() -> None:
    question = f"{NAVIGATE} Turn left. Take 1 step. Turn around. Take 3 steps.{YES_NO}"
    assert rationale("navigate", question) == (
        "Start at (0, 0) facing north. Turn left: (0, 0) facing west."
        " Take 1 step: x: 0 - 1 = -1, now (-1, 0) facing west."
        " Turn around: (-1, 0) facing east."
        " Take 3 steps: x: -1 + 3 = 2, now (2, 0) facing east. (2, 0) is not (0, 0)."
    )


def test_dyck_drops_one_pair_a_part() -> None:
    assert rationale("dyck_languages", f"{DYCK} Input: < [ {{ }} ] ( )  (".replace("  ", " ")) == (
        "< [ { } ; < [ ] ; < ( ) ; < ( . Close: ( ) , < > ."
    )


def test_dyck_solutions_stay_short() -> None:
    work = [
        len(rationale("dyck_languages", i.text).split()) for i in items("dyck_languages", "train")
    ]
    assert max(work) <= 430


def test_sorting_spells_only_where_letters_tie() -> None:
    question = "Sort the following words alphabetically: List: dot barn damp do it&t"
    steps = rationale("word_sorting", question)
    assert "a. b: barn. c. d (dot o t, damp a m, do o _): damp do dot. e." in steps
    assert steps.endswith("i: it&t. " + " ".join(f"{c}." for c in "jklmnopqrstuvwxyz"))


def test_sorting_takes_repeated_words_and_digits() -> None:
    solution = solve_sorting.solve("Sort the following words alphabetically: List: so 3d so")
    assert solution is not None
    assert solution.answer == "3d so so"
    assert solution.rationale.startswith("3: 3d. a.")


def test_a_thing_belongs_to_one_category() -> None:
    names = [name for c in things.CATEGORIES for pair in things.things(c) for name in set(pair)]
    assert len(names) == len(set(names))
    assert all(len(things.things(category)) >= 20 for category in things.CATEGORIES)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("cherry", "cherries"),
        ("box", "boxes"),
        ("key", "keys"),
        ("fish", "fish"),
        ("stalk of celery", "stalks of celery"),
        ("lettuce head", "lettuce heads"),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert things.plural(one) == many
    assert things.category_of(one) == things.category_of(many) is not None


def test_articles() -> None:
    assert [things.article(n) for n in ("apple", "umbrella", "ukulele", "drum")] == [
        "an",
        "an",
        "a",
        "a",
    ]
