"""The evaluation: answer the questions of a benchmark, count, and say how sure the counts are.

Attempts are appended as they come and kept on resume, unless the prompt or the knowledge that
they were answered with has changed since.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nesy import evaluations, facts, resources, scoring, stats
from nesy.answer import Examples, Prepared, Retrieved, Search, Verifier, attempt, prepare
from nesy.errors import InputError
from nesy.kb.entry import Entry
from nesy.prompts import Prompt
from nesy.runs import MANIFEST, RECIPE, Run, finished, messages_sha
from nesy.stats import Ablation, Figures
from nesy.types import LM, Attempt, Hit, Question, Sampling

Progress = Callable[[int, int], None]
"""Called with the number of questions answered and their total."""


_FROM_ATTEMPTS = ("macro", "tasks", "retrieval", "tokens", "ablation")


@dataclass(frozen=True, slots=True)
class Given:
    """An entry shown with a question without a search having found it."""

    hit: Hit
    entry: Entry


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it was shown to the model: the line of ``entries.jsonl``."""

    id: str
    sha: str
    lesson: str | None
    facts: tuple[str, ...]


def evaluate(
    questions: Sequence[Question],
    lm: LM,
    prompt: Prompt,
    sampling: Sampling,
    search: Search | None = None,
    run: Run | None = None,
    on_progress: Progress | None = None,
    *,
    cell: str | None = None,
    batch: int = 64,
    examples: Examples | None = None,
    verifier: Verifier | None = None,
) -> list[Attempt]:
    """Answer questions, longest first, and return their attempts in the questions' order.

    ``cell`` names this setting in an ablation; its attempts go to ``attempts.<cell>.jsonl``,
    without one to ``attempts.jsonl``. Every ``batch`` attempts are stored at once.
    ``examples`` gives the worked examples to show before a question. An answer that a ``verifier``
    refuses is given again.

    Raises:
        InputError: the run holds attempts of another model, prompt or sampling under this name.
        ModelError: the model could not answer; what was answered before is kept.
    """
    name = records(cell)
    waiting, done = list(questions), dict[str, Attempt]()
    if run is not None:
        _same_conditions(run, name, lm, prompt, sampling, search)
        _note_questions(run, questions)
        done = _kept(run, name, prepare(_stored(run, name, questions), prompt, search, examples))
        waiting = [question for question in questions if question.id not in done]
    waiting.sort(key=lambda question: -len(question.text))
    entries: dict[str, Shown] = {}
    asked = prepare(waiting, prompt, _noting(search, entries), examples)
    if run is not None:
        run.append("entries", _new(run, entries))
    if on_progress is not None:
        on_progress(len(done), len(questions))
    fresh: list[tuple[Prepared, Attempt]] = []

    def store() -> None:
        made = fresh
        if verifier is not None:
            made = verifier([one for one, _ in fresh], [one for _, one in fresh], sampling)
            _note((one.found for one, _ in made), entries)
        if run is not None:
            run.append("entries", _new(run, entries))
            run.append(name, [one for _, one in made])
        done.update({one.question: one for _, one in made})
        fresh.clear()
        if on_progress is not None:
            on_progress(len(done), len(questions))

    try:
        for index, completion in finished(lm, [one.messages for one in asked], sampling, batch):
            fresh.append((asked[index], attempt(asked[index], completion)))
            if len(fresh) == batch:
                store()
    finally:  # what came before a failure is kept
        if fresh:
            store()
    return [done[question.id] for question in questions]


def records(cell: str | None) -> str:
    """Return the name of the file that holds a cell's attempts, without its suffix."""
    return "attempts" if cell is None else f"attempts.{cell}"


def latest(run: Run, cell: str | None = None) -> list[Attempt]:
    """Read a cell's attempts; where a question was answered again the last one counts."""
    return list({a.question: a for a in run.read(records(cell), Attempt)}.values())


def cells(run: Run) -> list[str | None]:
    """Return the cells of a run in the order in which they were begun."""
    begun = evaluations.conditions(run)
    return [None if name == "attempts" else name.removeprefix("attempts.") for name in begun]


def _same_conditions(
    run: Run, name: str, lm: LM, prompt: Prompt, sampling: Sampling, search: Search | None
) -> None:
    """Write down how a cell is answered, or see that it is answered as it was begun."""
    conditions = {
        "model": lm.name,
        "fingerprint": lm.fingerprint,
        "prompt": prompt.name,
        "prompt_sha": prompt.sha,
        "sampling": json.loads(json.dumps(asdict(sampling))),
        "knowledge": search is not None,
    }
    begun = dict(evaluations.conditions(run))
    known = begun.get(name)
    if known is not None and known != conditions:
        changed = ", ".join(key for key in conditions if known.get(key) != conditions[key])
        raise InputError(
            f"{resources.shown(run.folder)}/{name}.jsonl holds attempts made with another "
            f"{changed}; choose another --output-dir, or --no-resume to begin anew"
        )
    if known is None:
        run.write_json(evaluations.CONDITIONS, {**begun, name: conditions})


def keep(
    run: Run,
    questions: Sequence[Question],
    attempts: Sequence[Attempt],
    conditions: Mapping[str, Any],
) -> None:
    """Write attempts that were made elsewhere into a run, those that it does not hold yet."""
    answered = {attempt.question for attempt in attempts}
    run.write_json(evaluations.CONDITIONS, {records(None): dict(conditions)})
    _note_questions(run, [question for question in questions if question.id in answered])
    held = {attempt.question: attempt for attempt in latest(run)}
    run.append(records(None), [a for a in attempts if held.get(a.question) != a])


def _note_questions(run: Run, questions: Sequence[Question]) -> None:
    have = {question.id for question in run.read("questions", Question)}
    run.append("questions", [question for question in questions if question.id not in have])


def _stored(run: Run, name: str, questions: Sequence[Question]) -> list[Question]:
    """Return the questions that have been answered before."""
    answered = {attempt.question for attempt in run.read(name, Attempt)}
    return [question for question in questions if question.id in answered]


def _kept(run: Run, name: str, asked: Sequence[Prepared]) -> dict[str, Attempt]:
    """Return the stored attempts whose prompt is what would be asked now."""
    stored = {attempt.question: attempt for attempt in run.read(name, Attempt)}
    return {
        one.question.id: stored[one.question.id]
        for one in asked
        if stored[one.question.id].prompt_sha == messages_sha(one.messages)
    }


def _noting(search: Search | None, entries: dict[str, Shown]) -> Search | None:
    """Wrap a search so that ``entries`` receives what it returned."""
    if search is None:
        return None

    def noted(questions: Sequence[Question]) -> Any:
        found = search(questions)
        _note(found, entries)
        return found

    return noted


def _note(found: Iterable[Sequence[Retrieved]], entries: dict[str, Shown]) -> None:
    for some in found:
        for one in some:
            entry = one.entry
            entries[entry.sha] = Shown(entry.id, entry.sha, entry.lesson, tuple(entry.facts))


def _new(run: Run, entries: Mapping[str, Shown]) -> list[Shown]:
    known = {shown.sha for shown in run.read("entries", Shown)} if entries else set()
    return [shown for sha, shown in entries.items() if sha not in known]


def oracle(entries: Sequence[Entry]) -> Search:
    """Return a search that gives each question the entry that is right for it.

    That is the entry that states the question's facts; for a question without facts, one
    that was made from a training question of the same task. Without such an entry it gives
    none. It shows what perfect retrieval from these entries would bring.
    """
    by_statement = {statement: entry for entry in entries for statement in entry.facts}
    by_task: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        for question in entry.questions:
            parts = question.split("/")
            if len(parts) == 4:
                by_task.setdefault((parts[0], parts[2]), entry)

    def search(questions: Sequence[Question]) -> list[list[Given]]:
        found = []
        for question in questions:
            right = [by_statement.get(_statement(fact)) for fact in question.facts]
            if not question.facts:
                right = [by_task.get((question.benchmark, question.task))]
            some = list({entry.id: entry for entry in right if entry is not None}.values())
            found.append([Given(Hit(e.id, 1.0, rank), e) for rank, e in enumerate(some, 1)])
        return found

    return search


def statements(question: Question) -> frozenset[str]:
    """Return the facts that a question of the embedded benchmarks rests on, as sentences."""
    return frozenset(map(_statement, question.facts))


def _statement(fact: str) -> str:
    known = {row.id: row.statement for row in facts.table(fact.partition(".")[0])}
    if fact not in known:
        raise InputError(f"fact {fact} is in no table of nesy/facts/")
    return known[fact]


def groups(questions: Sequence[Question]) -> dict[str, frozenset[str]]:
    """Sort question ids into the groups whose accuracy an ablation also reports.

    The embedded benchmarks have ``procedures`` (no fact needed), ``known facts`` and ``new
    facts``; other benchmarks have no groups.
    """
    sorted_: dict[str, set[str]] = {"procedures": set(), "known facts": set(), "new facts": set()}
    for question in questions:
        name = "known facts" if question.facts else "procedures"
        sorted_["new facts" if question.split == "test-new-facts" else name].add(question.id)
    if not any(question.facts for question in questions):
        return {}
    return {name: frozenset(ids) for name, ids in sorted_.items() if ids}


def document(
    benchmark: str,
    attempts: Sequence[Attempt],
    *,
    config: Mapping[str, Any],
    fewshot: int = 0,
    full: Mapping[str, int] | None = None,
    made: Ablation | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Build ``report.json``: lm-evaluation-harness's shape, and ours under ``nesy``.

    ``config`` says what was run (model, limit, batch size …); ``full`` gives the number of
    questions of each task in the full benchmark; ``more`` is added under ``nesy``.
    """
    lenient, strict = stats.by_task(attempts), stats.by_task(attempts, "strict")
    rows = {_row(benchmark, task): (lenient[task], strict[task]) for task in lenient}
    if len(lenient) > 1:
        rows[benchmark] = (stats.figures(attempts), stats.figures(attempts, "strict"))
    macro = {
        rule: sum(f.accuracy for f in made_.values()) / max(1, len(made_))
        for rule, made_ in (("lenient", lenient), ("strict", strict))
    }
    results = {
        name: {
            "alias": name,
            "acc,strict": exact.accuracy,
            "acc_stderr,strict": exact.error,
            "acc,lenient": easy.accuracy,
            "acc_stderr,lenient": easy.error,
        }
        for name, (easy, exact) in rows.items()
    }
    return {
        "results": results,
        "groups": {benchmark: results[benchmark]} if len(lenient) > 1 else {},
        "group_subtasks": {name: [] for name in rows if name != benchmark}
        | {benchmark: [name for name in rows if name != benchmark]},
        "configs": {name: {"task": name, "num_fewshot": fewshot} for name in rows},
        "versions": {name: 1 for name in rows},
        "n-shot": {name: fewshot for name in rows},
        "higher_is_better": {name: {"acc": True} for name in rows},
        "n-samples": {
            name: {
                "original": (full or {}).get(name, easy.questions),
                "effective": easy.questions,
            }
            for name, (easy, _) in rows.items()
        },
        "config": dict(config),
        "nesy": {
            "benchmark": benchmark,
            "macro": macro,
            "tasks": {
                name: {"lenient": _figures(easy), "strict": _figures(exact)}
                for name, (easy, exact) in rows.items()
            },
            "retrieval": retrieval(attempts),
            "tokens": {
                "prompt": sum(a.completion.prompt_tokens for a in attempts),
                "completion": sum(a.completion.completion_tokens for a in attempts),
            },
            "ablation": None if made is None else _ablation(made),
            **more,
        },
    }


def _row(benchmark: str, task: str) -> str:
    return benchmark if task == benchmark else f"{benchmark}_{task}"


def _figures(made: Figures) -> dict[str, Any]:
    return {
        "questions": made.questions,
        "accuracy": made.accuracy,
        "interval": list(made.interval),
        "outcomes": dict(made.outcomes),
    }


def _ablation(made: Ablation) -> dict[str, Any]:
    return {
        "cells": {name: _figures(figures) for name, figures in made.cells.items()},
        "prompt_tokens": dict(made.prompt_tokens),
        "groups": {
            group: {name: _figures(figures) for name, figures in by_cell.items()}
            for group, by_cell in made.groups.items()
        },
        "tests": [
            {"first": test.first, "second": test.second, "p_holm": test.p_holm, **asdict(test.pair)}
            for test in made.tests
        ],
    }


def retrieval(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return how often knowledge was shown and which entries were shown most."""
    shown = Counter(hit.entry for attempt in attempts for hit in attempt.hits)
    return {
        "with_entries": sum(bool(attempt.hits) for attempt in attempts),
        "entries": len(shown),
        "most_shown": dict(shown.most_common(20)),
    }


def rescore(folder: Path) -> dict[str, tuple[list[Attempt], list[Attempt]]]:
    """Grade a run's completions again under the present rules; no model is asked.

    Returns, by name of the records, the attempts as they were and as they are now; attempts
    whose grade changed are appended, so the old ones stay readable, and ``report.json`` is
    written anew.

    Raises:
        InputError: no run there, another process is writing it, or an attempt's question is
            not in its ``questions.jsonl``.
    """
    Run.open(folder)
    with Run.create(folder, resources.read_text(folder / RECIPE)) as run:
        asked = {question.id: question for question in run.read("questions", Question)}
        both = {}
        for cell in cells(run):
            before = latest(run, cell)
            after = [_graded_again(run, attempt, asked) for attempt in before]
            run.append(records(cell), [a for a, b in zip(after, before, strict=True) if a != b])
            both[records(cell)] = (before, after)
        report, manifest = run.read_json("report"), run.read_json(MANIFEST.removesuffix(".json"))
        if report is not None:
            run.write_json("report", _renewed(report, run, list(asked.values())))
        if manifest is not None:
            run.write_manifest({key: manifest[key] for key in manifest if key != "files"})
    return both


def _renewed(report: Mapping[str, Any], run: Run, questions: Sequence[Question]) -> dict[str, Any]:
    """Build a run's report anew from its attempts; what they do not decide stays."""
    own = report["nesy"]
    if "cell" not in own:
        raise InputError(
            f"{resources.shown(run.folder)}/report.json is of an older version; the attempts are "
            "graded again, for the report run `nesy eval` again"
        )
    made = {cell: latest(run, cell) for cell in cells(run)}
    main = made[own["cell"]]
    named = {cell: attempts for cell, attempts in made.items() if cell is not None}
    stays = {key: own[key] for key in own if key not in _FROM_ATTEMPTS}
    if "contamination" in own:
        leaked = {one["question"] for one in own["contamination"]["found"]}
        clean = [attempt for attempt in main if attempt.question not in leaked]
        stays["contamination"] = {
            **own["contamination"],
            "with": stats.figures(main).accuracy,
            "without": stats.figures(clean).accuracy,
        }
    return document(
        own["benchmark"],
        main,
        config=report["config"],
        fewshot=next(iter(report["n-shot"].values())),
        full={name: counts["original"] for name, counts in report["n-samples"].items()},
        made=None if own["ablation"] is None else stats.ablation(named, groups(questions)),
        **{key: value for key, value in stays.items() if key != "benchmark"},
    )


def _graded_again(run: Run, attempt: Attempt, asked: Mapping[str, Question]) -> Attempt:
    if attempt.question not in asked:
        raise InputError(
            f"{run.folder}: question {attempt.question} is not in questions.jsonl, so its "
            "completion can't be graded again; evaluate again"
        )
    graded = scoring.grade(attempt.completion, asked[attempt.question])
    return replace(
        attempt,
        answer=graded.answer,
        rule=graded.rule,
        outcome=graded.outcome,
        outcome_strict=graded.outcome_strict,
    )
