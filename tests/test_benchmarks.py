"""Definitions on disk, and how rows become questions."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from pathlib import Path

import pytest

from nesy import benchmarks
from nesy.benchmarks import Loaded, load, read
from nesy.errors import BenchmarkError
from nesy.scoring import extract
from nesy.types import Question

DATA = os.environ.get("NESY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="NESY_DATA is not set")
BUILT_IN = ["agieval", "arc-challenge", "arc-easy", "bb-sub", "bbh", "gsm-plus", "gsm8k"]
BUILT_IN += ["metamathqa", "mmlu", "synth", "synth-arc", "synth-bbh", "synth-gsm"]

HEADER = """\
name: mine
title: Mine
example: "2 + 2? 4"
link: none
paper: none
licence: CC0-1.0
kind: number
cases:
  - {completion: "So the answer is 4.", answer: "4"}
  - {completion: "4", answer: "4"}
  - {completion: "", answer: null}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with its own eval/ and no other data."""
    (tmp_path / "eval").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NESY_DATA", raising=False)
    return tmp_path


def define(project: Path, text: str, header: str = HEADER) -> None:
    (project / "eval/mine.yaml").write_text(header + text)


def test_all_built_in_benchmarks_are_there() -> None:
    assert set(BUILT_IN) <= set(benchmarks.names())


@pytest.mark.parametrize("name", BUILT_IN)
def test_extraction_cases(name: str) -> None:
    known = benchmarks.definition(name)
    assert known.name == name
    for case in known.cases:
        kind = case.kind or known.kind
        assert kind is not None
        found = extract(case.completion, kind, case.choices)
        assert (None if found is None else found.value) == case.answer, case


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colums: {question: q, target: a}\n", "mine.yaml:12:1: unknown key colums (did you mean"),
        ("files: {test: a.jsonl}\n", "`files` and `hub` need `columns`"),
        (
            "files: {test: a.jsonl}\ncolumns:\n  question: q\n  taget: a\n",
            "mine.yaml:15:3: unknown key taget (did you mean target?)",
        ),
        (
            "files: {test: a.jsonl}\ncolumns: {question: q}\n",
            "mine.yaml:13:1: columns needs `target`",
        ),
        ("generated: {train: 3, testing: 1}\n", "`generated` may have the splits"),
        ("", "a benchmark needs `generated`, or `files` or `hub`"),
        ("chance: 120\ngenerated: {test: 1}\n", "mine.yaml:12:1: chance: Input should be less"),
        ("title: again\ngenerated: {test: 1}\n", "mine.yaml:12:1: title is given twice"),
        ("carve: 0.5\nfiles: {test: a.jsonl}\ncolumns: {question: q, target: a}\n", "named `all`"),
        (
            "files: {test: a.jsonl}\ncolumns:\n  - {question: q, taget: a}\n",
            "mine.yaml:14:19: unknown key taget (did you mean target?)",
        ),
        (
            "reported: dev\nfiles: {test: a.jsonl}\ncolumns: {question: q, target: a}\n",
            "`reported` is one of the splits test, all",
        ),
    ],
)
def test_errors_name_their_place(project: Path, text: str, message: str) -> None:
    define(project, text)
    with pytest.raises(BenchmarkError) as error:
        load("mine", "test")
    assert message in str(error.value)


def test_unknown_names_are_corrected(project: Path) -> None:
    define(project, "files: {test: a.jsonl}\ncolumns: {question: q, target: a}\n")
    with pytest.raises(BenchmarkError, match="did you mean mine"):
        load("mnie", "test")
    with pytest.raises(BenchmarkError, match=r"no split tets \(did you mean test\?\)"):
        load("mine", "tets")
    with pytest.raises(BenchmarkError, match=r"no split train.*it has test, all; `carve`"):
        load("mine", "train")
    with pytest.raises(BenchmarkError, match=r"bbh has no task navigat .did you mean navigate"):
        load("bbh", "test", tasks=["navigat"])


def test_missing_file_names_the_fix(project: Path) -> None:
    define(project, "files: {test: a.jsonl}\ncolumns: {question: q, target: a}\n")
    with pytest.raises(BenchmarkError) as error:
        load("mine", "test")
    assert str(error.value) == (
        "mine: no a.jsonl in eval; no hub copy is known. Put the file there, set NESY_DATA to the "
        "folder that holds it, or go online"
    )


def test_rows_of_every_format(project: Path) -> None:
    rows = [{"q": "1 + 1?", "a": "2"}, {"q": " 2 + 2? ", "a": "4"}]
    expected = [("mine/test/0", "1 + 1?", "2"), ("mine/test/1", "2 + 2?", "4")]
    import pyarrow
    import pyarrow.parquet

    folder = project / "eval"
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    (folder / "a.json").write_text(json.dumps({"canary": "x", "examples": rows}))
    (folder / "a.csv").write_text("\ufeffq,a\n1 + 1?,2\n 2 + 2? ,4\n")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "a.parquet")
    for suffix in ("jsonl", "json", "csv", "parquet"):
        define(
            project,
            f"files: {{test: a.{suffix}}}\nrows: examples\ncolumns: {{question: q, target: a}}\n",
        )
        loaded = [(q.id, q.text, q.target) for q in load("mine", "test")]
        assert loaded == expected, suffix


@pytest.mark.parametrize(
    ("row", "columns", "kind", "text", "target"),
    [
        (
            {"q": "Pick.", "c": {"text": ["x", "y"], "label": ["1", "2"]}, "a": "2"},
            "{question: q, choices: c, target: a}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y",
            "(B)",
        ),
        (
            {"p": "Read.", "q": "Pick.", "c": ["(A)x", "(B) y"], "a": "B"},
            "{passage: p, question: q, choices: c, target: a}",
            "choice",
            "Read.\nPick.\nOptions:\n(A) x\n(B) y",
            "(B)",
        ),
        (
            {"q": "Pick.", "c": ["x", "y", "z"], "a": 2},
            "{question: q, choices: c, target: a}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y\n(C) z",
            "(C)",
        ),
        (
            {"q": "Pick.", "c": ["x", "y"], "a": [1]},
            "{question: q, choices: c, target: a}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y",
            "(B)",
        ),
        (
            {"q": "Pick.", "c": {"x": 0, "y": 1}},
            "{question: q, choices: c, target: c}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y",
            "(B)",
        ),
        (
            {"q": "Q: Pick.\n  choice: x\n  choice: y\nA:", "c": ["x", "y"], "s": [1, 0]},
            r"{question: q, choices: c, target: s, drop: '(?m)^\s*choice:.*$|\s*\bA:\s*\Z|^Q:\s*'}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y",
            "(A)",
        ),
        (
            {"q": "Pick.", "o1": "x", "o2": "y", "a": "y"},
            "{question: q, choices: [o1, o2], target: a}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y",
            "(B)",
        ),
        (
            {"q": "Pick.\nOptions:\n(A) x\n(B) y", "a": "(B)"},
            "{question: q, target: a}",
            "choice",
            "Pick.\nOptions:\n(A) x\n(B) y",
            "(B)",
        ),
        (
            {"q": "Sum?", "a": "1 + 1 = 2\n#### 1,002"},
            "{question: q, target: a, target_after: '#### '}",
            "number",
            "Sum?",
            "1,002",
        ),
    ],
)
def test_shapes_of_rows(
    project: Path, row: dict[str, object], columns: str, kind: str, text: str, target: str
) -> None:
    (project / "eval/a.jsonl").write_text(json.dumps(row))
    header = HEADER.replace("kind: number", f"kind: {kind}")
    define(project, f"files: {{test: a.jsonl}}\ncolumns: {columns}\n", header)
    (question,) = load("mine", "test")
    assert (question.text, question.target) == (text, target)
    if kind == "choice":
        assert question.choices[:2] == ("x", "y")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"q": "1?"}', r"a\.jsonl:2: no column a"),
        ('{"q": "1?", "a": ', r"a\.jsonl:2: not JSON"),
        ("[1]", r"a\.jsonl:2: a row must be a mapping"),
        ('{"q": "", "a": "1"}', r"a\.jsonl:2: the question is empty"),
        ('{"q": "1?", "a": " "}', r"a\.jsonl:2: the target is empty"),
    ],
)
def test_bad_rows_are_named(project: Path, line: str, message: str) -> None:
    (project / "eval/a.jsonl").write_text('{"q": "0?", "a": "0"}\n' + line + "\n")
    define(project, "files: {test: a.jsonl}\ncolumns: {question: q, target: a}\n")
    with pytest.raises(BenchmarkError, match=message):
        load("mine", "test")


def test_target_that_is_no_option(project: Path) -> None:
    (project / "eval/a.jsonl").write_text('{"q": "Pick.", "c": ["x", "y"], "a": "E"}')
    columns = "files: {test: a.jsonl}\ncolumns: {question: q, choices: c, target: a}\n"
    define(project, columns, HEADER.replace("kind: number", "kind: choice"))
    with pytest.raises(BenchmarkError, match="'E' is none of the options A, B"):
        load("mine", "test")


def test_partial_copy_is_said_and_refused(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project / "eval/a.jsonl").write_text('{"q": "1?", "a": "1"}\n{"q": "2?", "a": "2"}\n')
    source = "files: {test: a.jsonl}\ncolumns: {question: q, target: a}\n"
    define(project, source + "counts: {test: 2}\n")
    assert read("mine", "test", strict_data=True).partial is None
    define(project, source + "counts: {test: 3}\n")
    loaded = read("mine", "test")
    assert loaded.partial == "mine: a partial copy, 2 of 3 questions (local files)"
    assert not caplog.records  # who reads gets it to say once
    load("mine", "test")
    assert [record.message for record in caplog.records] == [loaded.partial]
    with pytest.raises(BenchmarkError, match=r"partial copy, 2 of 3 .* --strict-data"):
        read("mine", "test", strict_data=True)


def test_carve_out(project: Path) -> None:
    rows = [{"q": f"{i}?", "a": str(i), "t": f"t{i % 2}"} for i in range(23)]
    (project / "eval/a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = "files: {all: a.jsonl}\ncolumns: {question: q, target: a, task: t}\ncarve: 0.2\n"
    define(project, source)
    everything = load("mine", "all")
    test, train = load("mine", "test"), load("mine", "train")
    assert Counter(q.task for q in test) == {"t0": math.ceil(12 / 5), "t1": math.ceil(11 / 5)}
    assert len(everything) == 23
    assert {q.id for q in test} | {q.id for q in train} == {q.id for q in everything}
    assert not {q.text for q in test} & {q.text for q in train}
    assert all(q.id == f"mine/{q.split}/{q.task}/{int(q.target) // 2}" for q in everything)
    (project / "eval/a.jsonl").write_text("\n".join(map(json.dumps, reversed(rows))))
    assert {q.text for q in load("mine", "test")} == {q.text for q in test}


def test_the_hub_is_asked_when_no_file_is_here(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import datasets

    asked: list[tuple[object, ...]] = []

    def load_dataset(path: str, name: str | None, split: str, revision: str) -> object:
        asked.append((path, name, split, revision))
        if name == "t2":
            raise ConnectionError("Couldn't reach the Hub\nsecond line")
        return [{"query": f"{name}?", "a": "1"}]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    source = """\
tasks: {t1: {}, t2: {}}
files: {test: "{task}.jsonl"}
hub:
  path: me/mine
  config: "{task}"
  revision: v1
  splits: {test: validation}
columns: [{question: q, target: a}, {question: query, target: a}]
"""
    define(project, source)
    (question,) = load("mine", "test", tasks=["t1"])
    assert (question.id, question.text) == ("mine/test/t1/0", "t1?")
    assert asked == [("me/mine", "t1", "validation", "v1")]
    with pytest.raises(BenchmarkError) as error:
        load("mine", "test")
    assert str(error.value) == (
        "mine: no {task}.jsonl in eval; me/mine/t2@v1[validation]: Couldn't reach the Hub. Put the "
        "file there, set NESY_DATA to the folder that holds it, or go online"
    )
    (project / "eval/t2.jsonl").write_text('{"q": "local?", "a": "1"}')
    assert [q.text for q in load("mine", "test")] == ["local?"]
    assert "mine: no local file of t1" in caplog.text


def test_every_hub_copy_is_asked_for_by_its_own_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    asked: set[tuple[str, str | None, str]] = set()

    def load_dataset(path: str, name: str | None, split: str, revision: str) -> object:
        asked.add((path, name, split))
        raise datasets.exceptions.DatasetGenerationError("no such thing")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for benchmark, split, task in (
        ("gsm8k", "train", None),
        ("gsm-plus", "all", None),
        ("bbh", "test", "navigate"),
        ("bb-sub", "test", "winowhy"),
        ("arc-easy", "validation", None),
        ("arc-challenge", "test", None),
        ("agieval", "all", "sat-en"),
        ("mmlu", "train", None),
        ("metamathqa", "train", None),
    ):
        with pytest.raises(BenchmarkError, match=r"no such thing\. Put the file there"):
            load(benchmark, split, tasks=[task] if task else None)
    assert asked == {
        ("openai/gsm8k", "main", "train"),
        ("qintongli/GSM-Plus", None, "testmini"),
        ("lukaemon/bbh", "navigate", "test"),
        ("tasksource/bigbench", "winowhy", "train+validation"),
        ("allenai/ai2_arc", "ARC-Easy", "validation"),
        ("allenai/ai2_arc", "ARC-Challenge", "test"),
        ("hails/agieval-sat-en", None, "test"),
        ("cais/mmlu", "all", "dev"),
        ("meta-math/MetaMathQA", None, "train"),
    }


OPTIONS = "\nOptions:\n(A) x\n(B) y"
# One row of each layout in which a benchmark comes: benchmark, task, file, row, text, target.
LAYOUTS = [
    ("gsm8k", None, "gsm8k/test.jsonl", {"question": "S?", "answer": "1\n#### 2"}, "S?", "2"),
    ("gsm8k", None, "gsm8k/test.parquet", {"question": "S?", "answer": "1\n#### 2"}, "S?", "2"),
    (
        "gsm8k",
        None,
        "gsm8k/test-00000-of-00001.parquet",
        {"question": "S?", "answer": "1\n#### 2"},
        "S?",
        "2",
    ),
    ("gsm-plus", None, "gsm-plus/testmini.jsonl", {"question": "S?", "answer": 2}, "S?", "2"),
    (
        "bbh",
        "navigate",
        "bbh/navigate.json",
        {"canary": "c", "examples": [{"input": "Go?", "target": "Yes"}]},
        "Go?",
        "Yes",
    ),
    ("bbh", "navigate", "bbh/navigate.jsonl", {"input": "Go?", "target": "Yes"}, "Go?", "Yes"),
    ("bbh", "navigate", "bbh/navigate.parquet", {"input": "Go?", "target": "Yes"}, "Go?", "Yes"),
    *(
        (
            "bb-sub",
            "arithmetic",
            f"bigbench/{name}",
            {"examples": [{"input": "P?", "target_scores": {"x": 0, "y": 1}}]},
            f"P?{OPTIONS}",
            "(B)",
        )
        for name in (
            "arithmetic.json",
            "benchmark_tasks/arithmetic/task.json",
            "benchmark_tasks/arithmetic/1_digit/task.json",
        )
    ),
    (
        "bb-sub",
        "arithmetic",
        "bigbench/arithmetic.parquet",
        {
            "inputs": "Q: P?\n  choice: x\n. choice: y\nA:",
            "multiple_choice_targets": ["x", "y"],
            "multiple_choice_scores": [0, 1],
        },
        f"P?{OPTIONS}",
        "(B)",
    ),
    *(
        (
            "arc-easy",
            None,
            f"arc/ARC-Easy/{name}",
            {
                "question": "P?",
                "choices": {"text": ["x", "y"], "label": ["1", "2"]},
                "answerKey": "2",
            },
            f"P?{OPTIONS}",
            "(B)",
        )
        for name in ("test.jsonl", "test-00000-of-00001.parquet")
    ),
    (
        "arc-challenge",
        None,
        "arc/ARC-Challenge/ARC-Challenge-Test.jsonl",
        {
            "id": "m",
            "question": {
                "stem": "P?",
                "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}],
            },
            "answerKey": "B",
        },
        f"P?{OPTIONS}",
        "(B)",
    ),
    *(
        (
            "agieval",
            "lsat-ar",
            f"agieval/{folder}lsat-ar.jsonl",
            {"passage": "Read.", "question": "P?", "options": ["(A)x", "(B)y"], "label": "B"},
            f"Read.\nP?{OPTIONS}",
            "(B)",
        )
        for folder in ("", "v1/", "v1_1/")
    ),
    (
        "agieval",
        "sat-math",
        "agieval/sat-math.parquet",
        {
            "query": "Q: P? Answer Choices: (A)x (B)y\nA: Among A through B, the answer is",
            "choices": ["(A)x", "(B)y"],
            "gold": [1],
        },
        f"P?{OPTIONS}",
        "(B)",
    ),
    (
        "mmlu",
        "abstract_algebra",
        "mmlu/test-00000-of-00001.parquet",
        {"question": "P?", "subject": "abstract_algebra", "choices": ["x", "y"], "answer": 1},
        f"P?{OPTIONS}",
        "(B)",
    ),
    (
        "metamathqa",
        None,
        "metamathqa/MetaMathQA-395K.json",
        [{"query": "S?", "response": "1 + 1 = 2\n#### 2\nThe answer is: 2", "type": "GSM_SV"}],
        "S?",
        "2",
    ),
]


@pytest.mark.parametrize(("benchmark", "task", "file", "row", "text", "target"), LAYOUTS)
def test_the_layouts_of_the_originals(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    benchmark: str,
    task: str | None,
    file: str,
    row: object,
    text: str,
    target: str,
) -> None:
    import pyarrow
    import pyarrow.parquet

    path = project / "data" / file
    path.parent.mkdir(parents=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    else:
        path.write_text(json.dumps(row))
    monkeypatch.setenv("NESY_DATA", str(project / "data"))
    split = "train" if benchmark == "metamathqa" else benchmarks.definition(benchmark).reported
    wanted = "all" if benchmarks.definition(benchmark).carve else split
    (question,) = load(benchmark, wanted, tasks=[task] if task else None)
    assert (question.task, question.text, question.target) == (task or benchmark, text, target)


def test_pieces_of_a_file_are_read_in_order(project: Path) -> None:
    for i in range(12):
        piece = project / f"eval/a-{i:05}-of-00012.jsonl"
        piece.write_text(json.dumps({"q": f"{i}?", "a": "1"}))
    define(project, "files: {test: a.parquet}\ncolumns: {question: q, target: a}\n")
    assert [q.text for q in load("mine", "test")] == [f"{i}?" for i in range(12)]


def test_what_is_stored_beside_test_is_for_training(project: Path) -> None:
    for name in ("dev", "validation", "test"):
        (project / f"eval/{name}.jsonl").write_text(json.dumps({"q": f"{name}?", "a": "1"}))
    define(
        project,
        "files: {dev: dev.jsonl, validation: validation.jsonl, test: test.jsonl}\n"
        "columns: {question: q, target: a}\ncounts: {dev: 1, validation: 2, test: 1}\n",
    )
    loaded = read("mine", "train")
    assert [q.id for q in loaded.questions] == ["mine/dev/0", "mine/validation/0"]
    assert (loaded.found, loaded.expected) == (2, 3)
    assert len(load("mine", "all")) == 3


@pytest.mark.parametrize(
    "name", ["gsm8k", "gsm-plus", "bbh", "bb-sub", "arc-easy", "arc-challenge", "agieval", "mmlu"]
)
def test_every_benchmark_has_a_split_to_train_on_and_one_to_test(name: str) -> None:
    known = benchmarks.definition(name)
    assert {"train", "test", "all"} <= set(known.splits)
    tasks = list(known.tasks) or []
    sizes = [benchmarks.expected(known, split, tasks) for split in ("train", "test", "all")]
    assert None not in sizes
    if name not in ("arc-easy", "arc-challenge"):  # whose validation is neither
        assert sizes[0] + sizes[1] == sizes[2]  # type: ignore[operator]


def test_limit_is_spread_over_tasks_and_nested() -> None:
    whole = load("synth-bbh", "test", per_family=4)
    some = load("synth-bbh", "test", per_family=4, limit=10)
    more = load("synth-bbh", "test", per_family=4, limit=15)
    assert len(some) == 10
    assert {q.id for q in some} < {q.id for q in more} < {q.id for q in whole}
    counts = Counter(q.task for q in some).values()
    assert max(counts) - min(counts) <= 1
    assert some == load("synth-bbh", "test", per_family=4, limit=10)
    assert [q for q in whole if q in some] == some


def test_synth_by_family_and_split() -> None:
    test = load("synth", "test", per_family=1)
    new = load("synth", "test-new-facts", per_family=1)
    assert {q.benchmark for q in test} == {"synth-gsm", "synth-bbh", "synth-arc"}
    assert {q.task for q in new} < {q.task for q in test}
    (only,) = load("synth", "test", per_family=1, tasks=[test[0].task])
    assert only == test[0]
    more = load("synth", "test", per_family=1, per_fact=2)
    asked = Counter(fact for q in more for fact in q.facts)
    assert asked and set(asked.values()) == {2}
    assert {q.task for q in more if not q.facts} == {q.task for q in test if not q.facts}
    with pytest.raises(BenchmarkError, match="synth-gsm has no task web_of_lies"):
        load("synth-gsm", "test", tasks=["web_of_lies"])


def _check(loaded: Loaded) -> list[Question]:
    ids = [q.id for q in loaded.questions]
    assert len(set(ids)) == len(ids)
    return loaded.questions


@needs_data
def test_real_gsm8k() -> None:
    train = _check(read("gsm8k", "train", strict_data=True))
    test = _check(read("gsm8k", "test"))
    assert len(train) == 7473
    assert (train[17].id, train[0].target, train[0].task) == ("gsm8k/train/17", "72", "gsm8k")
    assert (test[0].id, test[0].target) == ("gsm8k/test/0", "18")


@needs_data
def test_real_bbh() -> None:
    files = sorted((Path(str(DATA)) / "bbh").glob("*.json"))
    sizes = {path.stem: len(json.loads(path.read_text())["examples"]) for path in files}
    test = _check(read("bbh", "test"))
    train = _check(read("bbh", "train"))
    assert Counter(q.task for q in test) == {t: math.ceil(n / 5) for t, n in sizes.items()}
    assert len(test) + len(train) == sum(sizes.values())
    known = benchmarks.definition("bbh")
    assert sum(task.count or 0 for task in known.tasks.values()) == 6511
    assert len(known.tasks) == 27
    both = {q.text for q in test} & {q.text for q in train}
    assert {q.task for q in test + train if q.text in both} <= {"causal_judgement"}
    odd = [q for q in test + train if q.kind == "choice" and q.target[:1] != "("]
    assert {q.task for q in odd} <= {"ruin_names", "movie_recommendation"}


@needs_data
def test_real_arc_and_agieval() -> None:
    arc = _check(read("arc-challenge", "test", strict_data=True))
    assert len(arc) == 1172
    assert arc[0].target == "(C)"
    assert arc[0].text.endswith("(D) Planetary gravity will become stronger.")
    agieval = _check(read("agieval", "all", tasks=["aqua-rat", "logiqa-en"], strict_data=True))
    assert Counter(q.task for q in agieval) == {"aqua-rat": 254, "logiqa-en": 651}
    assert agieval[0].choices[4] == "None of these"
    assert "tower?\nOptions:\n(A) 5(√3 + 1)\n(B) 6(√3 + √2)\n(C) 7" in agieval[0].text
    assert agieval[0].text.endswith("\n(E) None of these")
    assert agieval[300].text.count("\nOptions:\n") == 1
