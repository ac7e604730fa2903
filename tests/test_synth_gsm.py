"""The number families: items, their facts, and the embedded teacher's rationales over them."""

from __future__ import annotations

import importlib
import re
from functools import cache
from random import Random

import pytest

from nesy import facts
from nesy.benchmarks import synth
from nesy.benchmarks.synth import Item, Split
from nesy.models import solver
from nesy.models.solver import Solution

KNOWLEDGE = ("counted_lots", "parts", "points", "rare_units")
GENERAL = (
    *("ages", "averages", "discounts", "journeys", "leftovers", "overtime"),
    *("savings", "sharing", "shopping"),
)
SAID = {  # numbers that a question may say in a word
    "2": r"\b(half|twice|two|there and back)\b",
    "3": r"\bthird\b",
    "4": r"\bquarter\b",
    "100": r"%|\bpercent\b",
}
PER_SPLIT = 200
CALC = re.compile(r"(\d+) ([-+*/]) (\d+) = <<(\d+)([-+*/])(\d+)=(\d+)>>(\d+)")
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def splits(name: str) -> tuple[Split, ...]:
    return ("train", "test", "test-new-facts") if name in KNOWLEDGE else ("train", "test")


@cache
def items(name: str, split: Split) -> tuple[Item, ...]:
    family = synth.families()[name]
    return tuple(synth.item(family, split, index) for index in range(PER_SPLIT))


@cache
def solved(name: str, split: Split) -> tuple[Solution, ...]:
    solve = importlib.import_module(f"nesy.models.solver.{name}").solve
    return tuple(solve(item.text) for item in items(name, split))


def test_the_families_of_the_benchmark_are_these() -> None:
    found = {f.name for f in synth.families().values() if f.benchmark == "synth-gsm"}
    assert found == {*KNOWLEDGE, *GENERAL}
    tables = {name: synth.families()[name].table for name in found}
    assert tables == {**{n: n for n in KNOWLEDGE}, **dict.fromkeys(GENERAL)}


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_the_teacher_finds_every_target(name: str) -> None:
    for split in splits(name):
        for item, solution in zip(items(name, split), solved(name, split), strict=True):
            assert solution is not None, item.text
            assert solution.answer == item.target, item.text
            assert synth.families()[name].derive(item.params) == item.target
            assert item.kind == "number"
            assert 0 < int(item.target) < 10_000


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_only_its_own_wording_takes_a_question(name: str) -> None:
    for item in items(name, "train")[:40]:
        takers = [w for w, solve in solver.wordings().items() if solve(item.text) is not None]
        assert takers == [name], item.text


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_every_computation_of_a_rationale_is_true_and_the_last_is_the_answer(name: str) -> None:
    for split in splits(name):
        for solution in solved(name, split):
            found = CALC.findall(solution.rationale)
            assert 2 <= len(found) <= 4
            assert solution.rationale.count("<<") == solution.rationale.count("=") / 2 == len(found)
            for a, op, b, a2, op2, b2, result, shown in found:
                assert (a, op, b, result) == (a2, op2, b2, shown)
                assert OPERATIONS[op](int(a), int(b)) == int(result)
            assert found[-1][-1] == solution.answer


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_an_operand_is_in_the_question_or_the_fact_or_was_computed_before(name: str) -> None:
    for item, solution in zip(items(name, "train"), solved(name, "train"), strict=True):
        known = set(re.findall(r"\d+", item.text))
        known |= {number for number, word in SAID.items() if re.search(word, item.text.lower())}
        if name in KNOWLEDGE:
            known |= set(re.findall(r"\d+", solution.knowledge.facts[0]))
        for a, _, b, _, _, _, result, _ in CALC.findall(solution.rationale):
            assert {a, b} <= known, item.text
            known.add(result)


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_the_rationale_starts_with_the_fact(name: str) -> None:
    table = {fact.id: fact for fact in facts.table(name)}
    for split in splits(name):
        for item, solution in zip(items(name, split), solved(name, split), strict=True):
            fact = table[item.facts[0]]
            assert item.facts == (fact.id,)
            assert solution.rationale.startswith(fact.statement + " ")
            assert solution.knowledge.facts == (fact.statement,)
            assert fact.fields["plural"] in item.text
            assert fact.fields["plural"] in solution.knowledge.when


@pytest.mark.parametrize("name", KNOWLEDGE)
@pytest.mark.parametrize("change", [-1, 1, 7])
def test_another_value_gives_another_target(name: str, change: int) -> None:
    derive = synth.families()[name].derive
    for item in items(name, "train"):
        value = item.params["value"] + change
        if not 2 <= value <= 1000:
            continue
        edited = int(derive({**item.params, "value": value}))
        assert edited != int(item.target)
        assert (edited > int(item.target)) == (change > 0)
        assert edited > 0


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_neither_question_nor_target_holds_the_value_of_its_fact(name: str) -> None:
    for split in splits(name):
        for item in items(name, split):
            assert str(item.params["value"]) not in re.findall(r"\d+", item.text)
            assert str(item.params["value"]) != item.target


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_held_out_facts_are_asked_in_their_own_split_only(name: str) -> None:
    held_out = {fact.id for fact in facts.table(name) if fact.held_out}
    assert held_out
    for split in splits(name):
        asked = {fact for item in items(name, split) for fact in item.facts}
        assert asked <= held_out if split == "test-new-facts" else not asked & held_out


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_no_question_is_on_both_sides(name: str) -> None:
    train = {item.text for item in items(name, "train")}
    assert not train & {item.text for item in items(name, "test")}
    assert len(train) > 0.9 * PER_SPLIT


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_knowledge_holds_no_quantity_of_the_question(name: str) -> None:
    for item, solution in zip(items(name, "train"), solved(name, "train"), strict=True):
        knowledge = solution.knowledge
        assert knowledge.example is not None
        assert knowledge.check is not None
        written = {int(n) for n in re.findall(r"\d+", f"{knowledge.example} {knowledge.check}")}
        asked = {int(n) for n in re.findall(r"\d+", item.text)} | {int(item.target)}
        assert not written & asked, item.text
        made = re.fullmatch(r"(\d+) \* (\d+) == (\d+)", knowledge.check)
        assert made is not None
        assert int(made[1]) * int(made[2]) == int(made[3])
        assert f"{made[1]} * {made[2]} = {made[3]}" in knowledge.example


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_a_family_has_one_lesson(name: str) -> None:
    lessons = {solution.knowledge.lesson for solution in solved(name, "train")}
    assert len(lessons) == 1
    if name in GENERAL:
        assert len({solution.knowledge for solution in solved(name, "train")}) == 1


def test_the_fact_tables_are_sound() -> None:
    subjects: list[str] = []
    for name in KNOWLEDGE:
        table = facts.table(name)
        assert len(table) >= 40
        for fact in table:
            assert fact.id.startswith(f"{name}.")
            value = fact.fields["value"]
            assert isinstance(value, int)
            assert 2 <= value <= 1000
            assert re.findall(r"\d+", fact.statement) == [str(value)]
            assert fact.subject in fact.statement
            assert fact.fields["units"] in fact.statement
            assert fact.statement.endswith(".")
            assert not re.search(r"\d", fact.fields["plural"])
        assert len({fact.fields["plural"] for fact in table}) == len(table)
        subjects += [fact.subject for fact in table]
    assert len(set(subjects)) == len(subjects)
    assert len(subjects) >= 160


@pytest.mark.parametrize("name", [*KNOWLEDGE, *GENERAL])
def test_other_text_is_not_taken(name: str) -> None:
    solve = importlib.import_module(f"nesy.models.solver.{name}").solve
    text = items(name, "train")[0].text
    assert solve("What is the capital of France?") is None
    assert solve("") is None
    assert solve(text + " Explain.") is None


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_every_fact_is_understood_in_every_template(name: str) -> None:
    family = synth.families()[name]
    solve = importlib.import_module(f"nesy.models.solver.{name}").solve
    plans: set[str] = set()
    for number, fact in enumerate(facts.table(name)):
        for draw in range(20):
            item = family.make(Random(100 * number + draw), [fact])
            solution = solve(item.text)
            assert solution is not None, item.text
            assert solution.answer == item.target, item.text
            assert solution.rationale.startswith(fact.statement)
            plans.add(item.params["plan"])
    assert len(plans) == 8


def test_an_unknown_unit_and_a_mixed_up_unit_are_not_taken() -> None:
    solve = importlib.import_module("nesy.models.solver.rare_units").solve
    text = "Ada stores 4 {} and 5 {} more. How many {} is that in all?"
    assert solve(text.format("bathtubs", "pints", "pints")) is None
    assert solve(text.format("furlongs", "feet", "feet")) is None
    solution = solve(text.format("furlongs", "yards", "yards"))
    assert solution is not None
    assert solution.answer == "885"


def test_a_remainder_is_not_taken() -> None:
    solve = importlib.import_module("nesy.models.solver.sharing").solve
    text = "4 bags of 5 nuts are shared equally among {} children. "
    text += "How many nuts does each child get?"
    assert solve(text.format(3)) is None
    solution = solve(text.format(10))
    assert solution is not None
    assert solution.answer == "2"
