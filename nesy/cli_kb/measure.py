"""The commands of ``nesy kb`` that ask a student: credit, prune, test, gate, and diff's impact."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nesy import resources
from nesy.cli_kb.output import AsJson, Folder, emit
from nesy.errors import EntryError, InputError
from nesy.kb import store
from nesy.kb.entry import Entry

if TYPE_CHECKING:
    from nesy.impact import Impact
    from nesy.recipe import Recipe
    from nesy.types import Question

Evaluated = Annotated[
    Path, typer.Argument(metavar="RUN", help="Evaluation folder, or a run: its latest one.")
]
_CREDIT = "credit"
_NEAR = 5  # entries that count as near a question


def measured_impact(run: Path, folder: Path) -> Impact:
    """Answer the questions of a run that the present knowledge base touches."""
    from nesy import student
    from nesy.cli_kb.recorded import open_recorded
    from nesy.impact import impact

    recorded = open_recorded(run)
    index = student.load_index(recorded.recipe, folder)
    lm, cached = recorded.model()
    search = recorded.search(index, lm)
    return impact(
        recorded.questions, recorded.attempts, cached, recorded.prompt, recorded.sampling, search
    )


def impact_document(made: Impact) -> dict[str, Any]:
    """Return an impact as plain JSON values."""
    return {
        "questions": len(made.attempts),
        "affected": [
            {
                "question": old.question,
                "outcome": [old.outcome, new.outcome],
                "answer": [old.answer, new.answer],
                "entries": [[hit.entry for hit in one.hits] for one in (old, new)],
            }
            for old, new in made.affected
        ],
        "gained": made.gained,
        "lost": made.lost,
    }


def print_impact(made: Impact) -> None:
    """Print how many questions an edit touches, what became of them, and the list."""
    typer.echo(
        f"{len(made.affected):,} of {len(made.attempts):,} affected: "
        f"+{made.gained} \N{MINUS SIGN}{made.lost}"
    )
    for old, new in made.affected:
        sign = "="
        if (old.outcome == "correct") != (new.outcome == "correct"):
            sign = "+" if new.outcome == "correct" else "\N{MINUS SIGN}"
        shown = [", ".join(hit.entry for hit in one.hits) or "none" for one in (old, new)]
        entries = shown[0] if shown[0] == shown[1] else f"{shown[0]} → {shown[1]}"
        typer.echo(f"{sign} {old.question}  {old.answer} → {new.answer} ({new.outcome})  {entries}")


def credit(
    run: Evaluated,
    answers: Annotated[
        int | None,
        typer.Option(min=1, help="Extra answers to ask for; by default a full leave-one-out."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which answers are drawn.")] = 0,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Measure what each entry did for a run: leave it out at random and ask again."""
    from nesy import credit as credits
    from nesy import student
    from nesy.cli_kb.recorded import open_recorded
    from nesy.impact import impact
    from nesy.kb.search import IndexSearch

    recorded = open_recorded(run)
    index = student.load_index(recorded.recipe, folder)
    lm, cached = recorded.model()
    search = recorded.search(index, lm)
    asking = (cached, recorded.prompt, recorded.sampling)
    now = impact(recorded.questions, recorded.attempts, *asking, search)
    if now.affected:
        count = f"{len(now.affected):,} of {len(now.attempts):,} questions"
        typer.echo(f"{count} were asked again, the knowledge base changed since the run", err=True)
    entries = {entry.id: entry for entry in index.entries}
    without = IndexSearch(index).without
    report = credits.credit(
        recorded.questions, now.attempts, entries, *asking, without, answers=answers, seed=seed
    )
    recorded.run.write_json(_CREDIT, asdict(report))
    if as_json:
        return emit(asdict(report))
    typer.echo(
        f"{report.answers:,} extra answers ({report.full:,} are a full leave-one-out); "
        f"verdicts at a false discovery rate of {credits.LEVEL:.0%}"
    )
    typer.echo(
        f"{'verdict':<12}{'effect':>8}{'95 %':>16}  shown asked  used  helped  harmed      q  entry"
    )
    for one in report.entries:
        if one.asked:
            bounds = f"{one.interval[0]:+.2f} … {one.interval[1]:+.2f}"
            counts = f"{one.shown:>7}{one.asked:>6}{one.used:>6}{one.helped:>8}{one.harmed:>8}"
            rest = f"{counts}{one.q:>7.3f}  {one.entry}"
            typer.echo(f"{one.verdict:<12}{one.effect:>+8.2f}{bounds:>16}{rest}")
    silent = [one for one in report.entries if not one.shown]
    typer.echo(f"{len(silent)} entries were shown with no question")
    typer.echo(f"next: nesy kb prune {run}", err=True)


def prune(run: Evaluated, folder: Folder = store.OWN, as_json: AsJson = False) -> None:
    """Propose which entries to retire after `nesy kb credit`; nothing is changed."""
    from nesy.cli_kb.recorded import open_recorded

    recorded = open_recorded(run)
    report = recorded.run.read_json(_CREDIT)
    if report is None:
        where = resources.shown(recorded.run.folder)
        raise InputError(f"{where}: no credit there; run `nesy kb credit {run}` first")
    knowledge = store.load(folder)
    harmed = [one for one in report["entries"] if one["verdict"] == "harmed"]
    proposed = [
        one
        for one in harmed
        if one["entry"] in knowledge.entries and knowledge.entries[one["entry"]].sha == one["sha"]
    ]
    if as_json:
        return emit(proposed)
    for one in proposed:
        id_ = one["entry"]
        typer.echo(
            f"{id_} ({knowledge.where[id_]}): {one['harmed']} questions right only without it, "
            f"{one['helped']} only with it, of {one['asked']} asked (q {one['q']:.3f})"
        )
        typer.echo(f"    nesy kb edit {id_} --set status=retired")
    changed = len(harmed) - len(proposed)
    if changed:
        typer.echo(f"{changed} more are gone or were edited since; run credit again", err=True)
    if not proposed:
        typer.echo("nothing to retire", err=True)


def test(
    id_: Annotated[str | None, typer.Argument(metavar="[ENTRY]", help="Entry to test.")] = None,
    edit: Annotated[
        tuple[str, str] | None,
        typer.Option("--edit", metavar="OLD NEW", help="Test with these words replaced; unsaved."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Evaluation folder or run; by default the latest run.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="JSONL of aspect, question, answer[, choices].")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Model that writes questions, such as openai:gpt-4o-mini.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Questions of each kind.")] = 20,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Report card of an entry, or of an edit: do answers follow it, and do others stay?

    Without --edit the knowledge base with the entry is compared with the one without it.
    """
    from nesy import edits, student
    from nesy.cli_kb.recorded import open_recorded
    from nesy.kb.search import IndexSearch

    knowledge = store.load(folder)
    old = _chosen(knowledge, id_, edit)
    new = old if edit is None else _replaced(old, *edit)
    recorded = open_recorded(run or _latest())
    entries = dict(knowledge.entries)
    index = student.load_index(recorded.recipe, folder).updated({**entries, new.id: new})
    rest = {i: entry for i, entry in entries.items() if i != new.id}
    base = index.updated(rest if edit is None else entries)
    lm, cached = recorded.model()
    stated = _stated(folder, old)
    probes = edits.embedded(stated, new, count)
    if questions is not None:
        probes += edits.read(questions, new)
    if teacher is not None:
        probes += _written(teacher, new, count)
    if not probes:
        raise InputError(
            f"entry {new.id}: no question on it is at hand; "
            "give --questions FILE or --teacher MODEL"
        )
    searching = IndexSearch(index)
    near = searching.considered(recorded.questions, _NEAR)
    probes += edits.others(
        recorded.questions,
        [[one.hit.entry for one in some] for some in near],
        [[one.hit.entry for one in some] for some in searching(recorded.questions)],
        new.id,
        edits.fact_ids(stated),
        count,
    )
    card = edits.card(
        probes,
        new.id,
        cached,
        recorded.prompt,
        recorded.sampling,
        recorded.search(base, lm),
        recorded.search(index, lm),
    )
    if as_json:
        return emit(
            {"entry": new.id, "edited": edit is not None, "card": [asdict(m) for m in card]}
        )
    typer.echo(f"{new.id}: " + ("; ".join(new.facts) or str(new.lesson)))
    for mark in card:
        if not mark.questions:
            typer.echo(f"{mark.aspect:<12} no questions")
            continue
        low, high = (f"{100 * bound:.0f}" for bound in mark.interval)
        what = "unchanged" if mark.aspect == "locality" else "right"
        before = "" if mark.aspect == "locality" else f", {mark.before} before"
        typer.echo(
            f"{mark.aspect:<12} {mark.passed:>3} of {mark.questions} {what} "
            f"(95 % {low}\N{EN DASH}{high}{before}); the entry was shown with {mark.shown}"
        )


def _chosen(knowledge: store.KnowledgeBase, id_: str | None, edit: tuple[str, str] | None) -> Entry:
    if id_ is not None:
        found = knowledge.get(id_)
        if found.status == "retired":
            raise EntryError(f"entry {id_} is retired, so no question is shown it")
        return found
    if edit is None:
        raise InputError("name an entry, or give --edit OLD NEW")
    holding = [entry for entry in knowledge.entries.values() if _texts_with(entry, edit[0])]
    if len(holding) != 1:
        names = ", ".join(entry.id for entry in holding[:10]) or "no entry"
        raise InputError(f"{edit[0]!r} stands in {names}; name the entry that you mean")
    return holding[0]


def _stated(folder: Path, entry: Entry) -> Entry:
    """Return an entry with the facts that nesy wrote, from which questions on them are known."""
    written = store.generated(folder).get(entry.id, {}).get("facts")
    return entry if written is None else entry.model_copy(update={"facts": tuple(written)})


def _texts_with(entry: Entry, words: str) -> list[str]:
    return [text for text in (entry.lesson or "", *entry.facts) if words in text]


def _replaced(entry: Entry, old: str, new: str) -> Entry:
    if not old or not _texts_with(entry, old):
        raise EntryError(
            f"entry {entry.id}: {old!r} stands in none of its facts, nor in its lesson"
        )
    edited: dict[str, Any] = {"facts": [fact.replace(old, new) for fact in entry.facts]}
    if entry.lesson is not None:
        edited["lesson"] = entry.lesson.replace(old, new)
    return Entry.model_validate({**entry.plain(), **edited})


def _written(teacher: str, entry: Entry, count: int) -> list[Any]:
    from nesy import edits, models, prompts
    from nesy.cli_kb.recorded import stored
    from nesy.types import Sampling

    prompt = prompts.load(edits.PROBES_PROMPT)
    return edits.written(
        entry, stored(models.load(teacher)), prompt, Sampling(max_tokens=2048), count
    )


def _latest() -> Path:
    ended = sorted(Path("runs").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not ended:
        raise InputError("./runs/ holds no finished run; give --run")
    return ended[-1].parent


def gate(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Run folder.")] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="Benchmark whose training split is used; the run's.")
    ] = None,
    limit: Annotated[int, typer.Option(min=5, help="Held-out training questions.")] = 500,
    seed: Annotated[int, typer.Option(help="Which questions are drawn.")] = 1,
    folder: Folder = store.OWN,
    as_json: AsJson = False,
) -> None:
    """Fit the confidence gate on training questions that the student was not trained on."""
    from nesy import recipe as recipes
    from nesy import student
    from nesy.answer import answer
    from nesy.cli_kb.recorded import stored
    from nesy.kb import gate as gates
    from nesy.kb.search import IndexSearch
    from nesy.runs import RECIPE, Run
    from nesy.types import Sampling

    held = Run.open(run or _latest())
    path = held.folder / RECIPE
    recipe = recipes.parse(resources.read_text(path), resources.shown(path))
    asked = benchmark or recipe.data.benchmark
    questions = _held_out(recipe, asked, limit, seed)
    lm = student.load_student(recipe, held.folder / "adapter")
    cached = student.answering(recipe, stored(lm))
    prompt = student.prompt(recipe)
    sampling = Sampling(max_tokens=recipe.student.max_tokens)
    search = IndexSearch(student.load_index(recipe, folder))
    alone = answer(questions, cached, prompt, sampling)
    knowing = answer(questions, cached, prompt, sampling, search)
    made = gates.fit(
        gates.confidences(lm, prompt, questions),
        [attempt.outcome == "correct" for attempt in alone],
        [attempt.outcome == "correct" for attempt in knowing],
    )
    held.write_json("gate", asdict(made))
    picture = held.folder / "gate.svg"
    picture.write_text(gates.drawn(made), "utf-8")
    if as_json:
        return emit(asdict(made))
    typer.echo(f"{made.questions:,} held-out training questions of {asked}")
    typer.echo("coverage   risk  threshold   (answered without knowledge, surest first)")
    for share in range(1, 11):
        point = min(made.curve, key=lambda p: (abs(p.coverage - share / 10), p.threshold))
        typer.echo(f"{point.coverage:>8.0%}{point.risk:>7.1%}{point.threshold:>11.3f}")
    low, high = (f"{100 * bound:+.1f}" for bound in made.gain.interval)
    typer.echo(f"area under the curve {made.area:.3f}")
    typer.echo(f"never retrieving     {made.alone:.1%}")
    typer.echo(f"always retrieving    {made.knowledge:.1%}")
    typer.echo(
        f"gate                 {made.checked:.1%} on questions it was not fitted on, "
        f"against always {100 * made.gain.difference:+.1f} (95 % {low} … {high})"
    )
    typer.echo(
        f"threshold            {made.threshold:.4f}: {made.retrieving:.0%} of questions retrieve"
    )
    typer.echo(f"picture              {resources.shown(picture)}")
    typer.echo(f"next                 nesy eval --gate {made.threshold:.4f} …")


def _held_out(recipe: Recipe, benchmark: str, limit: int, seed: int) -> list[Question]:
    """Return training questions that the run was not trained on and that are no test questions."""
    from nesy import benchmarks, student

    data = recipe.data
    # The embedded families make other questions under another seed; stored ones stay the same.
    drawn = benchmarks.load(benchmark, "train", tasks=data.tasks, seed=data.seed + seed)
    tests = benchmarks.load(benchmark, "test", tasks=data.tasks)
    used = student.training_questions(recipe)
    taken = {_bare(question) for question in (*used, *tests)}
    left = [question for question in drawn if _bare(question) not in taken]
    if not left:
        raise InputError(
            f"{benchmark}: the run was trained on all {len(drawn):,} training questions; distil "
            "with --limit, or name another --benchmark"
        )
    return Random(seed).sample(left, min(limit, len(left)))


def _bare(question: Question) -> str:
    return " ".join(question.text.split()).lower()
