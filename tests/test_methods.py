"""The methods of nesy/recipes/: each is asked what it was trained on, and they share work."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small
from rich.console import Console

from nesy import (
    cli_distill,
    cli_eval,
    distill,
    methods,
    pretrained,
    resources,
    rows,
    student,
    views,
)
from nesy import recipe as recipes
from nesy.answer import answer
from nesy.asking import Settings
from nesy.errors import InputError
from nesy.kb import store
from nesy.kb.extract import Extraction
from nesy.progress import Progress
from nesy.runs import Run
from nesy.stages.questions import training_questions
from nesy.stages.sharing import common
from nesy.types import Attempt, Completion, Example, Hit, Messages, Question, Sampling

EVERY = [name for name in resources.names("recipes") if recipes.load(name).name is not None]
METHODS = [name for name in EVERY if recipes.load(name).teacher.model == "solver"]
OWN = ["nesycd-admission", "nesycd-rounds"]  # they make entries of their own
TOGETHER = [name for name in METHODS if name not in OWN]
ENTRY = SimpleNamespace(lesson="Convert first.", facts=("A baker's dozen is 13 items.",))
QUESTION = Question("q/1", "b", "t", "train", "Two baker's dozens?", "26", "number")
LESSON = views.Lesson("q/1", QUESTION.text, "2 * 13 = 26.", "26", (ENTRY,), (ENTRY,))
SMALL_BUDGET = [
    *("data.benchmark=synth-gsm", "data.limit=12", "train.rank=4", "train.general_epochs=1"),
    *("student.max_tokens=16", "knowledge.mode=bm25", "knowledge.min_score=null"),
]


class Told:
    """Answers every pass as the training has it written, and keeps what it was asked."""

    name = fingerprint = "told"

    def __init__(self, targets: dict[Messages, str]) -> None:
        self.asked: list[Messages] = []
        self._targets = targets

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        self.asked += prompts
        return [Completion(self._targets.get(one, ""), "stop", 5, 3) for one in prompts]


def found(questions: Sequence[Question]) -> list[list[Any]]:
    return [[SimpleNamespace(hit=Hit("e", 1.0, 1), entry=ENTRY)] for _ in questions]


def test_every_published_method_is_there() -> None:
    assert set(METHODS) >= {
        *("answer-only", "std-cot", "step-by-step", "mt-cot", "cascod", "kard", "skintern"),
        *("nesycd", "nesycd-gated", "nesycd-contrastive"),
    }


def test_methods_differ_in_the_method_only() -> None:
    base = common(recipes.load("embedded"))
    for name in METHODS:
        made = recipes.load(name)
        own = {"admission": made.admission or False, "rounds": made.model_dump()["rounds"]}
        assert common(made) == {**base, **own}, name
        assert made.budget == 2, name
        assert made.description, name


@pytest.mark.parametrize("chat", [False, True], ids=["plain", "chat"])
@pytest.mark.parametrize("name", EVERY)
def test_what_is_trained_is_what_is_asked(name: str, chat: bool) -> None:
    recipe = recipes.load(name)
    tokenizer = small.tokenizer(chat)
    shown = LESSON
    if recipe.shrink is not None and recipe.shrink[-1] == 0:  # what the last training shows
        shown = views.Lesson("q/1", LESSON.text, LESSON.rationale, LESSON.answer)
    every = {name: view.model_copy(update={"share": 1.0}) for name, view in recipe.views.items()}
    examples = views.examples([shown], every)
    tokens = rows.tokenize(tokenizer, examples)
    trained = {one.messages: ids for one, ids in zip(examples, tokens, strict=True)}
    targets = {one.messages: one.target for one in examples}
    lm = Told(targets)
    search = found if recipe.answering.knowledge else None
    (attempt,) = answer(
        [QUESTION], student.answering(recipe, lm), student.prompt(recipe), Sampling(), search
    )
    assert len(lm.asked) == len(recipe.answering.prompts)
    for messages in lm.asked:
        assert pretrained.prompt_ids(tokenizer, messages) == trained[messages].prompt
    assert attempt.outcome == "correct"
    assert attempt.completion.prompt_tokens == 5 * len(lm.asked)
    assert attempt.completion.completion_tokens == 3 * len(lm.asked)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All methods on a random student, in one go: (plan, what was made, knowledge base)."""
    there = tmp_path_factory.mktemp("methods")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NESY_HOME", str(there / "home"))
        patch.chdir(there)
        model = small.save(there / "student", "llama", context=1024)
        (there / "kb").mkdir()
        plan = cli_distill.planned(
            TOGETHER, [*SMALL_BUDGET, f"student.model={model}"], there / "runs"
        )
        done = cli_distill.distilled(plan, there / "kb", Progress(quiet=True), Settings())
        yield plan, done, there / "kb"


def test_the_methods_share_what_the_teacher_wrote(made: Any) -> None:
    plan, done, kb = made
    assert {folder.name for _, folder in plan} == set(TOGETHER)
    first = done[0].run
    entries = {id_ for id_ in store.load(kb).entries if id_.startswith("distilled.")}
    assert entries
    for (recipe, folder), one in zip(plan, done, strict=True):
        assert one.rationales == 12
        same = ["rationales.jsonl"]
        if recipe.general:
            same.append("stage1/adapter_model.safetensors")
        else:
            assert not (folder / "stage1").exists()
        if recipe.symbolic:
            same += ["mining.jsonl", "knowledge.jsonl"]
        else:
            assert (one.failures, one.entries, dict(one.merge)) == (0, 0, {})
        for name in same:
            assert (folder / name).read_bytes() == (first / name).read_bytes(), name
        assert (folder / "adapter/adapter_model.safetensors").is_file()
        assert (folder / "manifest.json").is_file()


def test_the_methods_read_as_many_tokens(made: Any) -> None:
    plan, _, _ = made
    read = {}
    for recipe, folder in plan:
        stages = Run.open(folder)
        names = ["adapter", *(f"phase{n}" for n in range(1, len(recipe.shrink or (1,))))]
        names += ["stage1"] if recipe.train.init == "stage1" else []
        read[recipe.name] = sum(stages.done(name)["tokens"] for name in names)
    unit = Run.open(plan[0][1]).done("stage1")["tokens"]
    for name, tokens in read.items():
        assert 1.8 * unit <= tokens <= 3 * unit, name  # a training ends at a whole step


def test_few_questions_of_a_task_are_mined_and_what_few_share_is_special(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    sets = [*SMALL_BUDGET, f"student.model={small.save(tmp_path / 's', 'llama', context=1024)}"]
    sets += ["knowledge.mine=1", "knowledge.special=1", "data.limit=24"]
    (tmp_path / "kb").mkdir()
    run = tmp_path / "run"
    distill.distill(recipes.load("nesycd", sets), run, tmp_path / "kb", Progress(quiet=True))
    mined = [one.question for one in Run.open(run).read("mining", Attempt)]
    tasks = [question.rsplit("/", 1)[0] for question in mined]
    assert len(set(tasks)) == 13  # the families of synth-gsm
    asked, _ = training_questions(recipes.load("nesycd", sets))
    on_facts = {question.id for question in asked if question.facts}
    assert on_facts <= set(mined)
    procedures = [q.rsplit("/", 1)[0] for q in mined if q not in on_facts]
    assert len(procedures) == len(set(procedures)) == 9  # those without facts
    special = {one.question for one in Run.open(run).read("knowledge", Extraction) if one.kept}
    assert special <= set(mined)
    shared = Counter(fact for question in asked for fact in question.facts)
    special &= {q.id for q in asked if q.facts and all(shared[f] == 1 for f in q.facts)}
    assert special
    seen: dict[str, set[str]] = {}
    for one in Run.open(run).read("augmented", Example):
        seen.setdefault(one.view, set()).add(one.question)
    assert seen["DC"] and not seen["DC"] & special


def test_a_gate_trains_no_other_student(made: Any) -> None:
    plan, _, _ = made
    there = {recipe.name: folder for recipe, folder in plan}
    for name in ("adapter/adapter_model.safetensors", "adapter/training.json", "augmented.jsonl"):
        assert (there["nesycd-gated"] / name).read_bytes() == (there["nesycd"] / name).read_bytes()


def test_knowledge_shrinks_to_nothing(made: Any) -> None:
    plan, _, _ = made
    folder = next(folder for recipe, folder in plan if recipe.name == "skintern")
    run = Run.open(folder)
    names = ("augmented-phase1", "augmented-phase2", "augmented-phase3", "augmented")
    shown = [
        {e.question: len(e.messages[-1].content) for e in run.read(name, Example)} for name in names
    ]
    for question in shown[0]:
        lengths = [one[question] for one in shown]
        assert lengths == sorted(lengths, reverse=True)
    assert sum(shown[0].values()) > sum(shown[1].values()) > sum(shown[2].values())
    assert sum(shown[2].values()) > sum(shown[3].values())
    assert all("Knowledge" not in e.messages[-1].content for e in run.read(names[3], Example))


def test_what_was_written_wrongly_stands_beside_what_is_right(made: Any) -> None:
    plan, _, _ = made
    folder = next(folder for recipe, folder in plan if recipe.name == "nesycd-contrastive")
    attempts = {a.question: a for a in Run.open(folder).read("mining", Attempt)}
    examples = Run.open(folder).read("augmented", Example)
    wrong = [one for one in examples if one.weight < 0]
    assert len(examples) - len(wrong) == sum(e.weight == 1 for e in examples)
    right = {one.messages: one.target for one in examples if one.weight > 0}
    for one in wrong:
        assert attempts[one.question].outcome == "wrong"
        assert one.target == f" {attempts[one.question].completion.text.strip()}"
        assert one.target != right[one.messages]
        assert -0.2 <= one.weight < 0


class Knowing:
    """Answers right with knowledge in the families of ``helped``, and wrong otherwise."""

    name = fingerprint = "knowing"

    def __init__(self, questions: Sequence[Question], helped: set[str]) -> None:
        self._questions = questions
        self._helped = helped

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        said = []
        for messages in prompts:
            text = messages[-1].content
            asked = next(q for q in self._questions if q.text in text)
            knows = "Knowledge:" in text and asked.task in self._helped
            said.append(f"So the answer is {asked.target if knows else '-1'}.")
        return [Completion(text, "stop", 5, 5) for text in said]


def test_an_entry_is_admitted_if_it_helps_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    model = small.save(tmp_path / "student", "llama", context=1024)
    (tmp_path / "kb").mkdir()
    sets = [*SMALL_BUDGET, f"student.model={model}", "data.limit=40", "data.tasks=[points,savings]"]
    recipe = recipes.load("nesycd-admission", sets)
    questions = student.training_questions(recipe)
    knowing = Knowing(questions, {"savings"})
    monkeypatch.setattr(student, "load_student", lambda recipe, adapter: knowing)
    done = distill.distill(recipe, tmp_path / "run", tmp_path / "kb", Progress(quiet=True))
    run = Run.open(tmp_path / "run")
    tasks = {question.id: question.task for question in questions}
    tried = run.read("admission", Attempt)
    assert {a.outcome for a in tried if tasks[a.question] == "savings"} == {"correct"}
    extractions = run.read("knowledge", Extraction)
    refused = [e for e in extractions if e.reason.startswith("not admitted: none of ")]
    kept = [e for e in extractions if e.kept]
    assert refused and kept
    assert {tasks[e.question] for e in refused} == {"points"}
    assert {"savings"} <= {tasks[e.question] for e in kept}
    entries = set(store.load(tmp_path / "kb").entries)
    assert {e.entry for e in kept} == entries
    assert all(e.entry is None for e in refused)
    for attempt in tried:  # no failure was answered with what was made from it alone
        (hit,) = attempt.hits
        mine = [e.question for e in extractions if e.entry == hit.entry]
        assert mine != [attempt.question]
    assert done.entries == len(entries)


def test_recipes_that_make_other_entries_are_distilled_apart() -> None:
    with pytest.raises(InputError, match="make different entries for one pack"):
        cli_distill.planned(["nesycd", "nesycd-admission"], [], None)
    plan = cli_distill.planned(["std-cot", "nesycd-admission"], [], None)
    assert [recipe.name for recipe, _ in plan] == ["nesycd-admission", "std-cot"]


def test_a_recipe_is_named_once() -> None:
    with pytest.raises(InputError, match="names std-cot twice"):
        cli_distill.planned(["std-cot", "std-cot"], [], None)


def test_what_is_measured_becomes_a_table(made: Any) -> None:
    plan, _, kb = made
    asked = ("std-cot", "cascod", "kard", "nesycd-gated", "nesycd-generate", "nesycd-verified")
    there = {recipe.name: folder for recipe, folder in plan}
    read = []
    for name in asked:
        evaluation = cli_eval.measure(
            cli_eval.Asked("synth-gsm", run=there[name], kb=kb, limit=6, max_tokens=8),
            Progress(quiet=True),
        )
        read.append(methods.read(str(there[name])))
        assert {a.question: a for a in read[-1].attempts} == {
            a.question: a for a in evaluation.attempts
        }
    std, cascod, kard, gated, _, verified = read
    assert [one.recipe for one in read] == list(asked)
    assert {one.benchmark for one in read} == {"synth-gsm"}
    assert (std.entries, cascod.entries) == (0, 0)
    assert kard.entries == gated.entries == len(store.load(kb).entries)
    assert all(not a.hits for a in (*std.attempts, *cascod.attempts))
    assert any(a.hits for a in kard.attempts)
    prompts = [sum(a.completion.prompt_tokens for a in one.attempts) for one in read]
    assert prompts[1] > 1.8 * prompts[0]  # asked twice
    assert all(a.hits for a in verified.attempts)
    assert prompts[5] > 1.8 * prompts[2]  # asked and checked
    assert 0 < std.learned < std.trained
    # Its student starts from the base, so that what the first one read is not in it.
    assert gated.trained == Run.open(there["nesycd"]).done("adapter")["tokens"]
    rows = methods.rows(read)
    assert [row.recipe for row in rows] == list(asked)
    assert all(row.questions == len(std.attempts) == 12 for row in rows)
    with pytest.raises(InputError, match="not evaluated yet; run `nesy eval`"):
        methods.read(str(there["mt-cot"]))


def evaluations(
    name: str, right: dict[int, str], tokens: int = 0, **more: Any
) -> list[methods.Evaluation]:
    """A recipe's evaluations: for each seed a string with + for a right answer."""
    return [
        methods.Evaluation(
            recipe=name,
            seed=seed,
            benchmark="b",
            attempts=tuple(
                Attempt(
                    f"b/test/t{i % 2}/{i}",
                    f"t{i % 2}",
                    (),
                    "0",
                    Completion("", "stop", 10 + tokens, 4),
                    "1",
                    "phrase",
                    "correct" if sign == "+" else "wrong",
                    "wrong",
                )
                for i, sign in enumerate(signs)
            ),
            **{"trained": 100, "learned": 40, "seconds": 2.0, "entries": 0, **more},
        )
        for seed, signs in right.items()
    ]


def test_recipes_are_paired_over_their_seeds() -> None:
    many = [
        *evaluations("nesycd", {0: "+" * 16, 1: "+" * 15 + "-"}, tokens=9, entries=30),
        *evaluations("std-cot", {0: "+" * 4 + "-" * 12, 1: "-" * 16}),
        *evaluations("kard", {0: "+" * 8 + "-" * 8, 1: "+" * 8 + "-" * 8}),
    ]
    nesycd, std, kard = methods.rows(many)
    assert (nesycd.accuracy, std.accuracy, kard.accuracy) == (31 / 32, 4 / 32, 0.5)
    assert nesycd.sd == pytest.approx((1 / 16) / 2**0.5)
    assert kard.sd == 0
    assert (nesycd.seeds, nesycd.questions) == ((0, 1), 16)
    assert nesycd.tasks == {"t0": 1.0, "t1": 15 / 16}
    assert [d.to for d in nesycd.differences] == ["std-cot", "kard"]  # kard is the best baseline
    assert [d.to for d in std.differences] == ["kard"]
    assert [d.to for d in kard.differences] == ["std-cot"]
    to_std = nesycd.differences[0]
    assert to_std.difference == pytest.approx(27 / 32)
    assert to_std.p == pytest.approx(2 * 0.5**16)
    assert to_std.p_holm == pytest.approx(2 * to_std.p)
    assert to_std.interval[0] < to_std.difference < to_std.interval[1]
    assert (nesycd.prompt_tokens, nesycd.written_tokens, nesycd.entries) == (19, 4, 30)
    console = Console(width=160, record=True, file=io.StringIO())
    made = [nesycd, std, kard]
    console.print(methods.accuracies(made), methods.costs(made), methods.by_task(made))
    text = console.export_text()
    assert "16 questions, seeds 0, 1" in text
    assert "96.9 ± 4.4" in text
    assert "+84.4 (< .001)" in text
    assert re.search(r"t1 .* 93\.8", text)


def test_the_table_holds_long_names_in_a_narrow_terminal() -> None:
    named = ["nesycd-contrastive", "nesycd-admission", "nesycd", "kard", "std-cot"]
    made = methods.rows([one for name in named for one in evaluations(name, {0: "+" * 16})])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(methods.accuracies(made), methods.costs(made))
    lines = console.export_text().splitlines()
    for name in named:
        assert sum(line.split()[:1] == [name] for line in lines) == 2
    assert not any("…" in line for line in lines)


def test_a_switch_is_paired_with_what_it_is_a_switch_of(script: Any) -> None:
    made = methods.rows(
        [
            *evaluations("nesycd", {0: "++--"}, entries=3),
            *evaluations("nesycd-gated", {0: "+++-"}, tokens=5, entries=3),
            *evaluations("std-cot", {0: "+---"}),
        ]
    )
    assert [[d.to for d in row.differences] for row in made] == [
        ["std-cot"],
        ["std-cot", "nesycd"],
        [],
    ]
    rows = methods.document(made)
    (_, _, line) = script.switches_as_markdown(rows).splitlines()
    assert line.startswith("| gated | 75.0 | 50.0 | +25.0 (")
    assert line.endswith(" p = 1.000) | 100 / 100 | 15 / 10 | 4 / 4 | 2 / 2 | 3 / 3 |")
    assert "to nesycd" not in script.as_markdown(rows, False)
    assert script.switches_as_markdown(rows[2:]) == ""


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (evaluations("a", {0: "++"}), "a is there twice with seed 0"),
        (evaluations("b", {1: "++"}), "b has the seeds 1, a has 0"),
    ],
)
def test_what_can_not_be_paired_is_refused(other: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        methods.rows([*evaluations("a", {0: "+-"}), *other])


@pytest.fixture(scope="module")
def script() -> Any:
    path = str(Path(__file__).resolve().parent.parent / "scripts/reproduce")
    loader = SourceFileLoader("reproduce", path)
    made = module_from_spec(spec_from_loader("reproduce", loader))
    loader.exec_module(made)
    return made


def test_the_script_puts_methods_with_entries_of_their_own_apart(script: Any) -> None:
    asked = SimpleNamespace(base="embedded", set=["data.limit=9"])
    names = ["std-cot", *OWN, "kard", "nesycd"]
    groups = {"": ["std-cot", "kard", "nesycd"], **{f"-{name}": [name] for name in OWN}}
    assert script.together(asked, names) == groups
    assert set(script.METHODS.split(",")) == set(METHODS)


def test_the_script_prints_the_table_as_markdown(script: Any) -> None:
    rows = methods.document(
        methods.rows(
            [
                *evaluations("nesycd", {0: "+++-", 1: "++++"}, entries=3),
                *evaluations("std-cot", {0: "+---", 1: "----"}),
            ]
        )
    )
    head, _, first, second, blank, *tasks = script.as_markdown(rows, True).splitlines()[2:]
    assert head.startswith("| recipe | accuracy | to std-cot (95 %; p) | tokens trained |")
    assert first.startswith("| `nesycd` | 87.5 ± 17.7 | +75.0 (")
    assert first.endswith(" p = 0.125) | 100 | 40 | 10 | 4 | 2 | 3 |")
    assert second.startswith("| `std-cot` | 12.5 ± 17.7 |  | 100 |")
    assert (blank, tasks[-1]) == ("", "| t1 | 75.0 | 0.0 |")
    curve = script.curve_as_markdown({20: rows, 40: rows}).splitlines()
    assert curve[0].startswith("| training questions | `nesycd` | `std-cot` |")
    assert curve[3] == "| 40 | 87.5 ± 17.7 | 12.5 ± 17.7 | 100 / 2 | 100 / 2 |"
