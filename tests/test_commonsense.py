"""Symbolic knowledge distillation through the command line, on models of a few thousand weights."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import small
from typer.testing import CliRunner

from nesy import resources
from nesy.cli import app
from nesy.commonsense import distillation, entries, labels, measures, triples
from nesy.commonsense import recipe as recipes
from nesy.commonsense.labels import Label, Session
from nesy.commonsense.triples import Thought, Triple
from nesy.errors import InputError, RecipeError, TrainingError
from nesy.kb import store
from nesy.kb.entry import Entry
from nesy.runs import Run, read_records
from nesy.types import Completion

CALLS = CliRunner()


class Project:
    """A project folder in which ``nesy commonsense`` is called."""

    def __init__(self, folder: Path, student: Path, encoder: Path) -> None:
        self.folder = folder
        self.sets = [
            *("corpus.events=90", "corpus.tails=2", "labels.count=240", "student.reads=300"),
            *("critic.epochs=2", "critic.learning_rate=0.003", "student.max_tokens=6"),
            *("critic.draws=1", "filters.low=0.6", "filters.high=0.3"),
            *(f"student.model={student}", f"critic.model={encoder}", "student.rank=4"),
            *("student.embeddings=false", "corpus.relations=[xWant, xReact, oWant]"),
        ]

    def recipe(self, *more: str) -> list[str]:
        return [part for one in (*self.sets, *more) for part in ("--set", one)]

    def call(self, *words: str, code: int = 0, keys: str | None = None) -> Any:
        done = CALLS.invoke(app, ["commonsense", *words], input=keys)
        assert done.exit_code == code, f"{done.stdout}\n{done.stderr}\n{done.exception!r}"
        return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any]]:
    """A project with one finished run in ``runs/a``, and what the command printed."""
    folder = tmp_path_factory.mktemp("project")
    project = Project(
        folder,
        small.save(tmp_path_factory.mktemp("student"), "lfm2"),
        small.save_encoder(tmp_path_factory.mktemp("encoder")),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("NESY_HOME", str(folder / "home"))
        words = ["run", "--output-dir", "runs/a", "-q", "--json", *project.recipe()]
        printed = json.loads(project.call(*words).stdout)
    return project, printed


@pytest.fixture(autouse=True)
def inside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "made" in request.fixturenames:
        project, _ = request.getfixturevalue("made")
        monkeypatch.chdir(project.folder)
        monkeypatch.setenv("NESY_HOME", str(project.folder / "home"))


@pytest.fixture
def copy(made: tuple[Project, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(made[0].folder / "runs/a", tmp_path / "copy"))


def triple(head: str, relation: str, tail: str, **changes: Any) -> Triple:
    values = {
        "id": triples.triple_id(head, relation, tail),
        "split": "test",
        "maker": "m",
        "prompt": "p",
        "sample": 0,
        "kept": True,
        "reason": "kept",
        "logprob": None,
        **changes,
    }
    return Triple(head=head, relation=relation, tail=tail, **values)


def test_a_run_holds_all_records_and_its_measures(made: tuple[Project, dict[str, Any]]) -> None:
    project, printed = made
    run = Run.open(project.folder / "runs/a")
    assert run.finished
    thoughts = run.read("events", Thought)
    assert len(thoughts) == 90
    assert {t.reason for t in thoughts} > {"kept", "repeated", "among the least likely"}
    corpus = run.read("triples", Triple)
    assert len({t.id for t in corpus}) == len(corpus)
    assert {t.head for t in corpus} == {t.event for t in thoughts if t.kept}
    assert all(t.logprob is not None and t.logprob < 0 and t.maker == "solver" for t in corpus)
    assert all("PersonY" in t.head for t in corpus if t.relation == "oWant")
    assert json.loads((run.folder / "report.json").read_text("utf-8")) == printed
    sizes = {name: row["triples"] for name, row in printed["systems"].items()}
    assert sizes["teacher none"] > sizes["teacher low"] > sizes["teacher high"] > 0
    assert sizes["teacher none"] == sum(t.split == "test" and t.kept for t in corpus)
    for row in printed["systems"].values():
        assert row["interval"][0] <= row["valid"] <= row["interval"][1] or row["judged"] == 0
    assert 0.5 < printed["systems"]["teacher none"]["valid"] < 0.95
    claim = printed["gains"][0]
    assert (claim["first"], claim["second"]) == ("teacher none", "student high")


def test_a_level_keeps_the_same_share_of_every_event(tmp_path: Path) -> None:
    made = [
        triple(f"PersonX {event}", "xWant", f"tail {n}", split="validation")
        for event in ("sings", "runs")
        for n in range(10)
    ]
    # Of singing the critic is sure, of running it is not; it is right about both.
    scores = {t.id: (0.9 if "sings" in t.head else 0.3) - n % 10 / 100 for n, t in enumerate(made)}
    right = [n % 10 < 5 for n in range(20)]
    recipe = recipes.load("embedded", ["filters.low=1", "filters.high=0.6", "labels.source=people"])
    with Run.create(tmp_path / "run", recipe.dump()) as run:
        with pytest.raises(TrainingError, match="no triple of a validation event is labelled"):
            distillation.thresholds(recipe, run, made, scores)
        verdicts = ("valid" if valid else "invalid" for valid in right)
        run.append("labels", [Label(t.id, "ann", v) for t, v in zip(made, verdicts, strict=True)])
        least = distillation.thresholds(recipe, run, made, scores)
    levels = distillation.filtered(least, made, scores)
    assert levels["none"] == made
    assert levels["low"] == [t for t, valid in zip(made, right, strict=True) if valid]
    assert [t.tail for t in levels["high"]] == ["tail 0", "tail 1", "tail 2"] * 2


def test_students_are_trained_on_training_events_alone(
    made: tuple[Project, dict[str, Any]],
) -> None:
    run = Run.open(made[0].folder / "runs/a")
    corpus = triples.kept(run.read("triples", Triple))
    heads = {split: {t.head for t in corpus if t.split == split} for split in ("train", "test")}
    assert heads["test"] and not heads["train"] & heads["test"]
    figures = run.read_json("stages")
    assert figures["student-none"]["triples"] == sum(t.split == "train" for t in corpus)
    assert figures["student-none"]["triples"] > figures["student-high"]["triples"]
    written = run.read("written-high", Triple)
    assert {t.head for t in written} <= heads["test"]


def test_stage_by_stage_is_the_same_as_at_once(made: tuple[Project, dict[str, Any]]) -> None:
    project, _ = made
    for stage in ("events", "infer"):
        project.call(stage, "--run", "runs/steps", "-q", *project.recipe())
        assert not (Path("runs/steps") / "critic").exists()
    for name in ("events.jsonl", "triples.jsonl"):
        assert Path("runs/steps", name).read_bytes() == Path("runs/a", name).read_bytes()
    done = project.call("critic", "--run", "runs/steps", "-q", "--json", *project.recipe())
    first = json.loads(Path("runs/a/critic/critic.json").read_text("utf-8"))
    again = json.loads(done.stdout)
    for report in (first, again):
        del report["seconds"]
    assert again == first


def test_a_killed_run_loses_and_repeats_nothing(
    made: tuple[Project, dict[str, Any]], copy: Path
) -> None:
    whole = read_records(copy / "triples.jsonl", Triple)
    content = (copy / "triples.jsonl").read_bytes()
    (copy / "triples.jsonl").write_bytes(content[: len(content) // 2])
    stages = json.loads((copy / "stages.json").read_text("utf-8"))
    del stages["triples"]
    (copy / "stages.json").write_text(json.dumps(stages), "utf-8")
    made[0].call("infer", "--run", str(copy), "-q", *made[0].recipe())
    assert {t.id for t in read_records(copy / "triples.jsonl", Triple)} == {t.id for t in whole}


def test_a_round_of_self_imitation_goes_on_from_the_run(
    made: tuple[Project, dict[str, Any]], copy: Path
) -> None:
    project, printed = made
    words = ["run", "--output-dir", str(copy), "-q", *project.recipe()]
    first = json.loads(project.call(*words, "--json", "--rounds", "1").stdout)
    assert first["systems"] == printed["systems"]
    (turn,) = first["rounds"]
    before = Run.open(copy).read_json("stages")["student-high"]["triples"]
    assert turn["trained_on"] == before + turn["kept"]
    assert turn["kept"] <= turn["written"]
    pool = {t.id for t in read_records(copy / "triples.jsonl", Triple)}
    new = read_records(copy / "written-round-1.jsonl", Triple)
    assert all(t.split == "train" for t in new)
    assert len({t.id for t in new}) == len(new) and len({t.id for t in new} - pool) > 0
    lines = [line.split() for line in project.call(*words).stdout.splitlines()]
    _, counts = [line[2:5] for line in lines if line[:2] == ["round", "1"]]
    assert counts == [f"{turn[name]:,}" for name in ("written", "kept", "trained_on")]


def test_stats_and_help_for_what_is_missing(made: tuple[Project, dict[str, Any]]) -> None:
    project, printed = made
    told = project.call("stats", "--run", "runs/a").stdout
    assert "teacher none" in told and "student high, filtered" in told
    document = json.loads(project.call("stats", "--run", "runs/a", "--json").stdout)
    assert document["report"] == printed
    assert document["corpus"]["events"]["kept"] > 10
    failed = project.call("stats", "--run", "runs/none", code=2)
    assert "no run here" in failed.stderr


def test_a_run_goes_on_by_its_own_recipe_and_says_what_comes_first(
    made: tuple[Project, dict[str, Any]], tmp_path: Path
) -> None:
    project, _ = made
    run = ["--run", str(tmp_path / "early")]
    project.call("events", *run, "-q", *project.recipe("corpus.tails=1"))
    told = project.call("label", *run, code=2).stderr
    assert "no triples yet; run `nesy commonsense infer --run" in told
    project.call("infer", *run, "-q")
    assert {t.sample for t in read_records(tmp_path / "early/triples.jsonl", Triple)} == {0}
    event = "PersonX lends the drill to PersonY"
    for words in (["ask", event, "xWant"], ["rules"]):
        told = project.call(*words, *run, code=2).stderr
        assert "its critic is not trained yet; run `nesy commonsense critic --run" in told
    shutil.copytree("runs/a/critic", tmp_path / "early/critic")
    told = project.call("ask", event, "xWant", *run, code=2).stderr
    assert "student-high is not trained yet; run `nesy commonsense train --run" in told


def test_ask_tells_tails_with_the_critics_view(made: tuple[Project, dict[str, Any]]) -> None:
    project, _ = made
    event = "PersonX lends the drill to PersonY"
    words = ["ask", event, "xWant", "--run", "runs/a", "--beams", "3", "--json"]
    found = json.loads(project.call(*words).stdout)
    assert 1 <= len(found) <= 3
    assert [one["logprob"] for one in found] == sorted((o["logprob"] for o in found), reverse=True)
    assert all(0 <= one["valid"] <= 1 for one in found)
    for wrong, said in (
        (["it rains", "xWant"], "does not start with PersonX"),
        ([event, "xWent"], "did you mean xWant?"),
        ([event, "xWant", "--level", "hi"], "--level hi: use none, low, high"),
    ):
        assert said in project.call("ask", *wrong, "--run", "runs/a", code=2).stderr


def test_triples_become_drafts_and_an_edit_stays(
    made: tuple[Project, dict[str, Any]], tmp_path: Path
) -> None:
    project, _ = made
    kb = tmp_path / "kb"
    kb.mkdir()
    words = ["entries", "--run", "runs/a", "--kb", str(kb)]
    project.call(*words)
    knowledge = store.load(kb)
    kept = _high(Path("runs/a"))
    facts = {fact for entry in knowledge.entries.values() for fact in entry.facts}
    wanted = next(t for t in kept if t.relation == "xWant" and "Person" not in t.tail)
    assert f"Next, the person wants to {wanted.tail}." in facts
    assert not any("PersonX" in f"{e.when} {e.facts}" for e in knowledge.entries.values())
    assert {entry.status for entry in knowledge.entries.values()} == {"draft"}
    words_out = ["kb", "export", "--triples", "--pack", "commonsense", "--kb", str(kb)]
    lines = CALLS.invoke(app, words_out).stdout.splitlines()
    assert sorted(lines) == sorted("\t".join((t.head, t.relation, t.tail)) for t in kept)
    first = next(iter(knowledge.entries))
    store.edit(kb, {first: {"facts": ["A person wrote this."], "status": "reviewed"}})
    counts = json.loads(project.call(*words, "--json").stdout)
    assert counts["kept"] == 1 and counts["added"] == 0
    assert store.load(kb).get(first).facts == ("A person wrote this.",)
    assert f"{first}\tfact\tA person wrote this." in CALLS.invoke(app, words_out).stdout


def test_an_entry_that_a_person_wrote_about_an_event_is_triples() -> None:
    def read(when: str, *facts: str) -> list[tuple[str, str, str]]:
        entry = Entry(id="own.one", when=when, facts=facts)
        return list(entries.inferences(entry).values())

    head = "PersonX thanks PersonY"
    assert read(
        "someone thanks someone else",
        "As a result, the other person blushes.",
        "As a result, the person is hugged by the other person.",
        "This is polite.",
        "People say that the person is .",
    ) == [(head, "oEffect", "blushes"), (head, "xEffect", "is hugged by PersonY")]
    assert read("someone sings", "As a result, the other person blushes.") == []
    assert read("a rhyme is sung", "Then the person feels glad.") == []


def _high(folder: Path) -> list[Triple]:
    from nesy.commonsense import asking

    return asking.kept(folder, "high")


def test_a_page_labels_by_keys_undoes_and_goes_on(
    made: tuple[Project, dict[str, Any]], copy: Path
) -> None:
    project, _ = made
    words = ["label", "--run", str(copy), "--labeller", "ann"]
    told = project.call(*words, keys="arsu?aq").stdout
    assert re.match(r"3 of 2\d\d labelled by ann", told)
    mine = labels.current(read_records(copy / "labels.jsonl", Label))["ann"]
    assert list(mine.values()) == ["valid", "invalid", "valid"]
    done = json.loads(project.call(*words, "--json", keys="uur").stdout)
    assert {k: done[k] for k in ("valid", "invalid")} == {"valid": 1, "invalid": 1}
    said = read_records(copy / "labels.jsonl", Label)
    assert [label.verdict for label in said if label.labeller == "ann"][-3:] == [
        *("undone", "undone", "invalid")
    ]
    together = project.call("label", "--run", str(copy), "--agreement").stdout
    assert "ann and world: 2 triples" in together


def test_labels_go_out_and_in_as_csv(made: tuple[Project, dict[str, Any]], copy: Path) -> None:
    project, _ = made
    table = copy.parent / "labels.csv"
    words = ["label", "--run", str(copy), "--labeller", "ben"]
    nowhere = str(table.parent / "nowhere/labels.csv")
    told = project.call(*words, "--csv-out", nowhere, code=2).stderr
    assert "labels.csv: No such file or directory" in told
    project.call(*words, "--csv-out", str(table))
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 200 and {row["label"] for row in rows} == {""}
    rows[0]["label"], rows[1]["label"], rows[2]["label"] = "1", "no", ""
    with table.open("w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, labels.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    project.call(*words, "--csv-in", str(table))
    mine = labels.current(read_records(copy / "labels.jsonl", Label))["ben"]
    assert mine == {rows[0]["id"]: "valid", rows[1]["id"]: "invalid"}
    rows[0]["label"], rows[1]["id"] = "maybe", "nothing"
    with table.open("w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, labels.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    before = (copy / "labels.jsonl").read_bytes()
    told = project.call(*words, "--csv-in", str(table), code=2).stderr
    assert "labels.csv:2: label 'maybe'" in told and "labels.csv:3: no triple nothing" in told
    assert (copy / "labels.jsonl").read_bytes() == before


def test_a_critic_of_people_needs_their_labels(made: tuple[Project, dict[str, Any]]) -> None:
    project, _ = made
    words = ["--run", "runs/people", "-q", *project.recipe("labels.source=people")]
    told = project.call("critic", *words, code=2).stderr
    assert "no triple is labelled yet; run `nesy commonsense label" in told
    run = Run.open(Path("runs/people"))
    corpus = triples.kept(run.read("triples", Triple))
    settings = recipes.load("embedded", project.sets).labels
    table = Path("people.csv")
    chosen = labels.sample(settings, corpus)
    known = {label.triple: label.verdict for label in labels.of_the_world(chosen)}
    text = labels.to_csv(chosen, [Label(t, "cat", v) for t, v in known.items()], "cat")
    table.write_text(text, "utf-8")
    project.call("label", "--run", "runs/people", "--csv-in", str(table))
    report = json.loads(project.call("critic", "--json", *words).stdout)
    first = json.loads(Path("runs/a/critic/critic.json").read_text("utf-8"))
    assert report["test"] == first["test"]


def test_an_own_relation_is_one_file(
    made: tuple[Project, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = made
    monkeypatch.chdir(tmp_path)
    Path("prompts").mkdir()
    shipped = resources.read_text(resources.find("prompts", "commonsense-xWant"))
    own = shipped.replace("Next, {{ x }} wants to", "Now {{ x }} is afraid to")
    Path("prompts/commonsense-xFear.yaml").write_text(own, "utf-8")
    rows = [
        {"prompt": "is afraid to", "completion": " lose the purse."},
        *({"completion": f"PersonX finds key number {n}."} for n in range(10)),
    ]
    Path("said.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    sets = ["corpus.relations=[xFear]", "corpus.teacher=scripted:said.jsonl", "corpus.events=10"]
    project.call("infer", "--run", "runs/own", "-q", *project.recipe(*sets))
    found = triples.kept(Run.open(Path("runs/own")).read("triples", Triple))
    assert len(found) == 10
    assert {(t.relation, t.tail, t.logprob) for t in found} == {("xFear", "lose the purse", None)}
    said = triples.sentence(found[0].head, "xFear", found[0].tail, {"PersonX": "Sam"})
    assert said == "Now Sam is afraid to lose the purse."
    told = project.call(
        *("infer", "--run", "runs/b", "-q", *project.recipe("corpus.relations=[xWnt]")), code=2
    )
    assert "relation xWnt" in told.stderr and "did you mean commonsense-xWant?" in told.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("PersonX feeds the birds.", "kept"),
        (" Event: PersonX feeds the birds\n12. Event: PersonX", "kept"),
        ("Somebody feeds the birds", "does not start with PersonX"),
        ("PersonX feeds the", "incomplete"),
        ("PersonX smiles", "incomplete"),
        ("PersonX feeds <b>birds</b>", "odd characters"),
        ("PersonX " + "very " * 12 + "slowly", "longer than 12 words"),
    ],
)
def test_cleaned_events(text: str, reason: str) -> None:
    assert triples.cleaned_event(text)[1] == reason


@pytest.mark.parametrize(
    ("text", "finish", "tail", "reason"),
    [
        (" thank Robin.\n7. Event:", "stop", "thank PersonY", "kept"),
        ("give Alex's key to Robin", "stop", "give PersonX's key to PersonY", "kept"),
        ("", "stop", "", "empty"),
        (" thank Rob", "length", "thank Rob", "truncated"),
        ("I cannot solve this problem.", "stop", "I cannot solve this problem", "refused"),
        ("thank* Robin", "stop", "thank* PersonY", "odd characters"),
    ],
)
def test_cleaned_tails(text: str, finish: Any, tail: str, reason: str) -> None:
    given = {"PersonX": "Alex", "PersonY": "Robin"}
    assert triples.cleaned_tail(Completion(text, finish, 1, 1), given) == (tail, reason)


def test_seeds_are_many_and_clean() -> None:
    seeds = triples.seeds()
    assert len(seeds) >= 100 and len(set(seeds)) == len(seeds)
    assert {triples.cleaned_event(seed)[1] for seed in seeds} == {"kept"}
    assert not [name for name in triples.names() if any(name in seed for seed in seeds)]


def test_measures_by_hand() -> None:
    made = [
        triple("PersonX eats", "xWant", "wash the plate"),
        triple("PersonX eats", "xWant", "wash the big plate"),
        triple("PersonX eats", "xReact", "full"),
        triple("PersonX runs", "xReact", "full"),
    ]
    verdicts = {made[0].id: True, made[1].id: False, made[2].id: True}
    found = measures.measure(made, lambda t: verdicts.get(t.id))
    assert (found.triples, found.heads, found.tails, found.judged) == (4, 2, 3, 3)
    assert found.soft == 2
    assert math.isclose(found.entropy, 1.5)
    assert math.isclose(found.valid, 2 / 3)
    assert measures.bleu2(["a", "b"], ["a", "b"]) == 1.0
    assert measures.bleu2(["full"], ["empty"]) == 0.0
    assert math.isclose(measures.bleu2(["a", "b", "c"], ["a", "b", "d"]), math.sqrt(2 / 3 / 2))


def test_a_gain_is_paired_by_event() -> None:
    heads = [f"PersonX sees {n}" for n in range(40)]
    first = [triple(head, "xReact", "sad") for head in heads]
    second = [triple(head, "xReact", "glad") for head in heads]
    valid = {t.id for place, t in enumerate(second) if place % 4} | {t.id for t in first[:10]}
    found = measures.gain("a", "b", {"a": first, "b": second}, lambda t: t.id in valid)
    assert math.isclose(found.difference, 0.5)
    assert 0.25 < found.interval[0] < 0.5 < found.interval[1] < 0.75


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], 1.0),
        ([1, 1, 0, 0], [1, 0, 1, 0], 0.0),
        ([1] * 45 + [0] * 15 + [1] * 25 + [0] * 15, [1] * 60 + [0] * 40, 0.13),
    ],
)
def test_kappa(first: list[int], second: list[int], kappa: float) -> None:
    found = measures.kappa([bool(x) for x in first], [bool(x) for x in second])
    assert math.isclose(found, kappa, abs_tol=0.005)


def test_a_vote_decides_and_a_tie_does_not() -> None:
    said = [
        *(Label("t1", who, "valid") for who in ("ann", "ben")),
        Label("t1", "cat", "invalid"),
        Label("t2", "ann", "valid"),
        Label("t2", "ben", "invalid"),
        Label("t3", "ann", "skipped"),
        Label("t4", "ann", "valid"),
        Label("t4", "ann", "undone"),
        Label("t5", "ann", "valid"),
        Label("t5", "ann", "invalid"),
    ]
    assert labels.decided(said) == {"t1": True, "t5": False}


def test_a_session_ends_when_all_is_labelled(tmp_path: Path) -> None:
    chosen = [triple("PersonX eats", "xReact", tail) for tail in ("full", "sad")]
    with Run.create(tmp_path / "run", "x") as run:
        session = Session(run, chosen, "ann")
        assert not session.undo()
        while session.next is not None:
            session.say("valid")
        session.say("invalid")
        assert session.counts == {"valid": 2}
        assert session.undo() and session.next == chosen[1]


def test_recipes_are_checked(tmp_path: Path) -> None:
    for name in resources.names(recipes.FOLDER):
        loaded = recipes.load(name)
        assert loaded.description
        assert recipes.parse(loaded.dump(), name) == loaded
    with pytest.raises(RecipeError, match=r"corpus.tials: unknown key \(did you mean tails\?\)"):
        recipes.load("embedded", ["corpus.tials=3"])
    with pytest.raises(RecipeError, match=r"--set tails: write section.key=value"):
        recipes.load("embedded", ["tails"])
    with pytest.raises(RecipeError, match=r"low \(0.3\) must keep more than high \(0.8\)"):
        recipes.load("embedded", ["filters.low=0.3"])


def test_the_world_labels_only_its_own_events() -> None:
    with pytest.raises(InputError, match="no event of the embedded world"):
        labels.of_the_world([triple("PersonX flies to the moon", "xReact", "happy")])


def test_rules_with_a_variable_reach_things_the_corpus_lacks(
    made: tuple[Project, dict[str, Any]], copy: Path
) -> None:
    project, _ = made
    words = ["rules", "--run", str(copy), "--samples", "25", "--json"]
    found = json.loads(project.call(*words).stdout)
    sizes = [found[name]["triples"] for name in ("filled", "verified", "rare")]
    assert sizes[0] >= sizes[1] >= sizes[2]
    assert found["filled"]["judged"] == sizes[0]
    assert 0.3 < found["filled"]["valid"] < 1
    records = read_records(copy / "rules.jsonl", Triple)
    assert len(records) == sizes[0] and sum(t.kept for t in records) == sizes[2]
    corpus = {t.head for t in read_records(copy / "triples.jsonl", Triple)}
    assert len({t.head for t in records} - corpus) > sizes[0] / 4
    rarest = [t.logprob for t in records if t.reason == "kept"]
    others = [t.logprob for t in records if t.reason == "not among the rarest"]
    assert all(a is not None and b is not None and a <= b for a in rarest for b in others)
    project.call(*words)
    assert read_records(copy / "rules.jsonl", Triple) == records
    own = copy.parent / "own.yaml"
    own.write_text("rules:\n  - {id: a, event: it rains, relation: xWant, tail: b, things: [c]}\n")
    told = project.call("rules", "--run", str(copy), "--rules", str(own), code=2).stderr
    assert "own.yaml: rule 1" in told and "needs the variable <o>" in told


def test_the_same_critic_scores_entries_and_pairs(
    made: tuple[Project, dict[str, Any]], tmp_path: Path
) -> None:
    project, _ = made
    kb = tmp_path / "kb"
    kb.mkdir()
    project.call("entries", "--run", "runs/a", "--kb", str(kb))
    words = ["score", "--critic", "runs/a/critic"]
    rows = [json.loads(line) for line in project.call(*words, "--kb", str(kb)).stdout.splitlines()]
    assert {row["id"] for row in rows} == set(store.load(kb).entries)
    assert [row["valid"] for row in rows] == sorted(row["valid"] for row in rows)
    fewer = project.call(*words, "--kb", str(kb), "--recall", "0.5").stdout.splitlines()
    assert len(fewer) <= len(rows)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"q": "a", "a": "b"}\n\n{"q": "c", "a": "d"}\n', "utf-8")
    told = project.call(*words, "--data", str(pairs), "--fields", "q,a").stdout.splitlines()
    assert {json.loads(line)["id"] for line in told} == {"1", "3"}
    for wrong, said in (
        (["--data", str(pairs)], "pairs.jsonl:1: the row needs 'question' as text"),
        ([], "give --data or --kb"),
        (["--data", str(pairs), "--fields", "q"], "name 2 fields"),
    ):
        assert said in project.call(*words, *wrong, code=2).stderr
