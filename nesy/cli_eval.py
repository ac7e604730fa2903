"""``nesy eval``: put a run's student and the knowledge base before the questions of a benchmark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from nesy import (
    benchmarks,
    contamination,
    evaluate,
    fewshot,
    latex,
    prompts,
    resources,
    stats,
    stored,
    student,
    tables,
    workers,
)
from nesy import recipe as recipes
from nesy.answer import Examples, Search, Verifier, prepare
from nesy.benchmarks import Loaded
from nesy.completions import CachedLM, Completions
from nesy.errors import InputError
from nesy.kb import store
from nesy.kb.encoder import load_encoder
from nesy.kb.search import IndexSearch
from nesy.models.calculator import without_notes
from nesy.models.openai import bare_url
from nesy.progress import Progress
from nesy.prompts import Prompt
from nesy.recipe import Recipe
from nesy.runs import RECIPE, Run
from nesy.types import LM, Attempt, Encoder, Example, Question, Rationale, Sampling

_BATCH = 64  # attempts stored at once
_MAX_TOKENS = 512  # of a model that no recipe belongs to
_LISTED = 5  # leaks named on the screen; all are in report.json


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure: a distillation run's student, or with ``run=None`` any ``model``.

    ``split=None`` takes the split that papers report; ``kb=None`` shows no knowledge;
    ``calculator``, ``gate``, ``max_tokens``, ``device``, ``dtype`` and one ``kb_budgets`` override
    the recipe's; several are set side by side.
    """

    benchmark: str
    run: Path | None = None
    model: str | None = None
    adapter: Path | None = None
    base_url: str | None = None
    split: str | None = None
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    fewshot: int = 0
    ablate: bool = False
    kb: Path | None = None
    calculator: str | None = None
    gate: float | None = None
    kb_budgets: tuple[int, ...] = ()
    max_tokens: int | None = None
    device: str | None = None
    dtype: str | None = None
    batch_size: int | str = "auto"
    ray: str | None = None
    seed: int = 0
    strict_data: bool = False
    resume: bool = True
    output_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of an ablation: which adapter answers, and what it is shown.

    ``budget`` are the tokens of knowledge, where it is not the recipe that says them.
    """

    adapter: Path | None
    shown: Literal["nothing", "knowledge base", "right entry"]
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: the records' folder, the attempts of the main cell, the report."""

    folder: Path
    attempts: list[Attempt]
    ablation: stats.Ablation | None
    report: dict[str, Any]
    remarks: list[str]
    example: str


def measure(asked: Asked, progress: Progress) -> Measured:
    """Answer the questions in each cell, and write ``report.json``.

    Raises:
        InputError: no such run, benchmark or knowledge base, or their files are wrong.
        ModelError: the student can't be loaded or can't answer.
    """
    recipe = _recipe(asked)
    splits = _splits(asked, recipe)
    loaded = _questions(asked, splits)
    questions = [question for some in loaded for question in some.questions]
    asked = _by_recipe(asked, recipe)
    folder, prompt = _folder(asked, recipe), _prompt(asked, recipe)
    pool = _pool(asked)
    examples = None if pool is None else _examples(asked, pool)
    if asked.run is not None and recipe.local_sgd is not None:  # a small student on a CPU
        workers.ahead()
    searches = _searches(asked, recipe)
    aside = None if asked.resume else Run.set_aside(folder)
    with Run.create(folder, _settings(asked, recipe)) as run:
        made: dict[str, list[Attempt]] = {}
        students: dict[Path | None, LM] = {}
        for name, cell in _cells(asked).items():
            if cell.adapter not in students:
                cached = CachedLM(
                    student.load_student(
                        recipe,
                        cell.adapter,
                        batch_size=asked.batch_size,
                        base_url=asked.base_url,
                        ray=asked.ray,
                    ),
                    Completions(),
                    reuse=asked.resume,
                )
                students[cell.adapter] = student.answering(recipe, cached)
            with progress.stage(name, len(questions), "questions") as advance:
                made[name] = evaluate.evaluate(
                    questions,
                    students[cell.adapter],
                    prompt,
                    Sampling(max_tokens=recipe.student.max_tokens, stop=prompt.stop),
                    _gated(recipe, cell, searches, students[cell.adapter]),
                    run,
                    partial(_advance, advance),
                    cell=name,
                    batch=_BATCH,
                    examples=examples,
                    verifier=_verifier(recipe, cell, searches, students[cell.adapter]),
                )
        last = "knowledge base" if asked.kb and recipe.answering.knowledge else "nothing"
        cells = _cells(asked).items()
        told = [name for name, cell in cells if cell.shown == last and cell.budget is None][-1]
        main = made[told]
        ablation = None if len(made) == 1 else stats.ablation(made, evaluate.groups(questions))
        leaks = _contamination(asked, recipe, questions, main, progress)
        remarks = _remarks(loaded, main)
        if pool is not None and pool.partial is not None:
            remarks.append(f"the examples are of {pool.partial}")
        if aside is not None:
            remarks.append(f"the earlier records were moved to {resources.shown(aside)}/")
        report = evaluate.document(
            asked.benchmark,
            main,
            config={"batch_size": asked.batch_size, **json.loads(_settings(asked, recipe))},
            fewshot=asked.fewshot,
            full=_full(loaded, splits[0]),
            made=ablation,
            cell=told,
            contamination=leaks,
            notes=remarks,
            kb=None if asked.kb is None else store.load(asked.kb).sha,
            kb_entries=0 if asked.kb is None else len(store.load(asked.kb).entries),
        )
        run.write_json("report", report)
        run.write_manifest({"benchmark": asked.benchmark, "questions": len(questions)})
    return Measured(
        run.folder,
        main,
        ablation,
        report,
        [*remarks, *_leak_lines(leaks)],
        _telling(main),
    )


def grade_stored(path: Path, asked: Asked) -> Measured:
    """Grade completions that were stored elsewhere; no model is loaded.

    With an ``output_dir`` the attempts are written there as a run, to compare and report on.

    Raises:
        InputError: unknown benchmark, or the file holds no gradable row.
    """
    known = benchmarks.definition(asked.benchmark)
    carved = known.carve is not None
    wanted = asked.split or ("all" if carved or "test" not in known.splits else "test")
    loaded = benchmarks.read(
        asked.benchmark,
        wanted,
        tasks=asked.tasks or None,
        seed=asked.seed,
        strict_data=asked.strict_data,
    )
    graded = stored.grade_file(path, loaded.questions)
    questions, attempts = loaded.questions, graded.attempts
    settings: dict[str, Any] = {
        "responses": str(path),
        "benchmark": asked.benchmark,
        "split": wanted,
        "tasks": list(asked.tasks),
    }
    if asked.limit is not None:
        settings |= {"limit": asked.limit, "seed": asked.seed}
        questions = benchmarks.sample(questions, asked.limit, asked.seed)
        chosen = {question.id for question in questions}
        attempts = [attempt for attempt in attempts if attempt.question in chosen]
        if not attempts:
            raise InputError(
                f"{resources.shown(path)}: answers none of the {len(questions)} questions that "
                f"--limit {asked.limit} chooses; give a higher one, or leave it out"
            )
    remarks = _remarks([loaded], attempts)
    if graded.unknown:
        lines = ", ".join(map(str, graded.unknown[:10]))
        remarks.append(
            f"{len(graded.unknown)} rows are left out, no such question is at hand (line {lines}"
            + (" …)" if len(graded.unknown) > 10 else ")")
        )
    report = evaluate.document(
        asked.benchmark,
        attempts,
        config=settings,
        full=_full([loaded], wanted),
        cell=None,
        notes=remarks,
    )
    if asked.output_dir is not None:
        with Run.create(asked.output_dir, json.dumps(settings, indent=2) + "\n") as run:
            evaluate.keep(run, questions, attempts, {"responses": str(path)})
            run.write_json("report", report)
            run.write_manifest({"benchmark": asked.benchmark, "questions": len(attempts)})
    folder = asked.output_dir or path
    return Measured(folder, attempts, None, report, remarks, _telling(attempts))


def _telling(attempts: Sequence[Attempt]) -> str:
    """The question to look at first: one that went wrong, if any did."""
    return next((a.question for a in attempts if a.outcome != "correct"), attempts[0].question)


def _remarks(loaded: Sequence[Loaded], attempts: Sequence[Attempt]) -> list[str]:
    remarks = [some.partial for some in loaded if some.partial is not None]
    warning = tables.unparsed_warning(attempts)
    if warning is not None:
        remarks.append(warning)
    targets = [question.target for some in loaded for question in some.questions]
    expressions = sum(map(latex.is_expression, targets))
    if expressions and not latex.installed() and loaded[0].definition.kind == "number":
        remarks.append(
            f"{expressions} targets are expressions that were compared as text only; "
            "pip install 'nesy[math]', then `nesy rescore`"
        )
    return remarks


def _leak_lines(leaks: Mapping[str, Any]) -> list[str]:
    if not leaks["questions"]:
        return []
    more = len(leaks["found"]) - _LISTED
    return [
        f"{leaks['questions']} test questions were found in knowledge or rationales; accuracy "
        f"with them {leaks['with']:.1%}, without them {leaks['without']:.1%}",
        *(
            f"  {one['question']} in {one['source']} ({one['how']}, {one['score']:.2f})"
            for one in leaks["found"][:_LISTED]
        ),
        *([f"  … and {more} more in report.json"] if more > 0 else []),
    ]


def shown_path(asked: Asked, question: str) -> str:
    """Return the whole path of one question, from each cell that has answered it.

    Raises:
        InputError: no cell has answered it.
    """
    recipe = _recipe(asked)
    asked = _by_recipe(asked, recipe)
    run = Run.open(_folder(asked, recipe))
    held = {q.id: q for q in run.read("questions", Question)}
    if question not in held:
        raise InputError(
            f"{question}: not among the questions of {resources.shown(run.folder)}"
            f"{resources.near(question, held)}"
        )
    searches, known, pool = _searches(asked, recipe), _cells(asked), _pool(asked)
    examples = None if pool is None else _examples(asked, pool)
    parts = []
    prompt = _prompt(asked, recipe)
    for cell in evaluate.cells(run):
        attempts = {a.question: a for a in evaluate.latest(run, cell)}
        if cell is None or cell not in known or question not in attempts:
            continue
        search = searches[known[cell].shown, known[cell].budget]
        if recipe.knowledge.gate is not None or recipe.generate is not None:
            search = _gated(
                recipe, known[cell], searches, student.load_student(recipe, known[cell].adapter)
            )
        prepared = prepare([held[question]], prompt, search, examples)[0]
        parts.append(f"== {cell}\n{tables.path(attempts[question], held[question], prepared)}")
    return "\n\n".join(parts)


def _recipe(asked: Asked) -> Recipe:
    """The run's recipe, or for any other model the embedded one with that model."""
    changes: dict[str, Any] = {
        "calculator": asked.calculator,
        "max_tokens": asked.max_tokens,
        "device": asked.device,
        "dtype": asked.dtype,
    }
    if asked.run is None:
        recipe = recipes.load("embedded")
        changes |= {
            "model": asked.model,
            "calculator": asked.calculator or "off",
            "max_tokens": asked.max_tokens or _MAX_TOKENS,
        }
    else:
        path = asked.run / RECIPE
        if not path.is_file():
            raise InputError(f"{resources.shown(asked.run)}: no run here, it has no {RECIPE}")
        recipe = recipes.parse(path.read_text("utf-8"), resources.shown(path))
    overrides = [f"student.{k}={json.dumps(v)}" for k, v in changes.items() if v is not None]
    if asked.gate is not None:
        overrides.append(f"knowledge.gate={asked.gate}")
    if len(asked.kb_budgets) == 1:
        overrides.append(f"kb_budget={asked.kb_budgets[0]}")
    recipe = recipes.changed(recipe, *overrides)
    if asked.kb_budgets and (asked.kb is None or not recipe.answering.knowledge):
        raise InputError("no knowledge is shown, so it has no budget: leave --kb-budget out")
    if len(asked.kb_budgets) > 1 and asked.ablate:
        raise InputError("--ablate shows one budget: give one to --kb-budget, or leave --ablate")
    if asked.fewshot and recipe.knowledge.gate is not None:
        raise InputError("the gate is fitted without examples: leave --num-fewshot or --gate out")
    if asked.fewshot and (recipe.answer, recipe.generate, recipe.verify) != (None, None, None):
        raise InputError(f"recipe {recipe.name} answers in its own way: leave --num-fewshot out")
    return recipe


def _by_recipe(asked: Asked, recipe: Recipe) -> Asked:
    """Leave the knowledge base out where the recipe answers without; an ablation shows both."""
    return asked if recipe.answering.knowledge or asked.ablate else replace(asked, kb=None)


def _prompt(asked: Asked, recipe: Recipe) -> Prompt:
    return prompts.load(fewshot.PROMPT) if asked.fewshot else student.prompt(recipe)


def _splits(asked: Asked, recipe: Recipe) -> list[str]:
    """The splits to measure on: those asked for, or what papers report."""
    known = benchmarks.definition(asked.benchmark)
    if asked.split is not None:
        return [asked.split]
    if known.generated is not None and "test-new-facts" in known.generated:
        return ["test", "test-new-facts"]
    trained_on = asked.run is not None and recipe.data.benchmark == known.name
    return ["test" if trained_on else known.reported]


def _questions(asked: Asked, splits: Sequence[str]) -> list[Loaded]:
    return [
        benchmarks.read(
            asked.benchmark,
            split,
            limit=asked.limit,
            tasks=asked.tasks or None,
            seed=asked.seed,
            strict_data=asked.strict_data,
        )
        for split in splits
    ]


def _pool(asked: Asked) -> Loaded | None:
    """The questions that the worked examples of ``--num-fewshot`` come from."""
    if not asked.fewshot:
        return None
    known = benchmarks.definition(asked.benchmark)
    split = next((name for name in fewshot.SPLITS if name in known.splits), None)
    if split is None:
        raise InputError(
            f"{asked.benchmark} has no split to take examples from ({', '.join(fewshot.SPLITS)}); "
            "leave --num-fewshot out"
        )
    return benchmarks.read(
        asked.benchmark,
        split,
        tasks=asked.tasks or None,
        seed=asked.seed,
        strict_data=asked.strict_data,
    )


def _examples(asked: Asked, pool: Loaded) -> Examples:
    return fewshot.examples(pool.questions, asked.fewshot, asked.seed)


def _cells(asked: Asked) -> dict[str, Cell]:
    """The cells by name, in the order in which they are answered."""
    last, adapter = "model", asked.adapter
    cells: dict[str, Cell] = {}
    if asked.run is not None:
        last, adapter = "distilled", asked.run / "adapter"
        cells = {"base": Cell(None, "nothing"), "base + KB": Cell(None, "knowledge base")}
    cells[last] = Cell(adapter, "nothing")
    cells[f"{last} + KB"] = Cell(adapter, "knowledge base")
    if asked.ablate:
        # Only the embedded benchmarks know which entry is right for a question.
        if _generated(asked.benchmark):
            cells[f"{last} + right entry"] = Cell(adapter, "right entry")
        return cells
    if len(asked.kb_budgets) > 1:
        cells = {last: cells[last], f"{last} + KB": cells[f"{last} + KB"]}
        return cells | {
            f"{last} + KB of {tokens}": Cell(adapter, "knowledge base", tokens)
            for tokens in sorted(set(asked.kb_budgets), reverse=True)
        }
    main = last if asked.kb is None else f"{last} + KB"
    return {main: cells[main]}


def _searches(asked: Asked, recipe: Recipe) -> Mapping[tuple[str, int | None], Search | None]:
    """The search by what a cell is shown, and in how many tokens."""
    if asked.kb is None:
        return {("nothing", None): None}
    if not asked.kb.is_dir():
        raise InputError(f"{asked.kb}/: no knowledge base here; `nesy init` makes one, or --no-kb")
    index = student.load_index(recipe, asked.kb)
    short: dict[tuple[str, int | None], Search | None] = {}
    if len(asked.kb_budgets) > 1:
        for tokens in asked.kb_budgets:
            shorter = recipes.changed(recipe, f"kb_budget={tokens}")
            short["knowledge base", tokens] = student.load_search(shorter, asked.kb)
    return {
        ("nothing", None): None,
        ("knowledge base", None): IndexSearch(index),
        ("right entry", None): evaluate.oracle(index.entries),
        **short,
    }


def _gated(
    recipe: Recipe,
    cell: Cell,
    searches: Mapping[tuple[str, int | None], Search | None],
    lm: LM,
) -> Search | None:
    """Put the recipe's gate before the knowledge base; the right entry is shown in any case."""
    search: Any = searches[cell.shown, cell.budget]
    return student.gated(recipe, search, lm) if cell.shown == "knowledge base" else search


def _verifier(
    recipe: Recipe,
    cell: Cell,
    searches: Mapping[tuple[str, int | None], Search | None],
    lm: LM,
) -> Verifier | None:
    """Check what is answered with the knowledge base, if the recipe says so."""
    search: Any = searches[cell.shown, cell.budget]
    if cell.shown != "knowledge base":
        return None
    return student.verifier(recipe, search.without, lm)


def _contamination(
    asked: Asked,
    recipe: Recipe,
    questions: list[Question],
    attempts: list[Attempt],
    progress: Progress,
) -> dict[str, Any]:
    """Look for the test questions in the knowledge base and in the training rationales."""
    entries = {} if asked.kb is None else dict(store.load(asked.kb).entries)
    texts = {id_: contamination.entry_parts(entry) for id_, entry in entries.items()}
    read = [] if asked.run is None else learned(recipe, Run.open(asked.run))
    rationales = {f"{one.question}#{one.sample}": one for one in read}
    encoder = None
    if (texts or rationales) and recipe.knowledge.mode != "bm25":
        encoder = load_encoder(recipe.knowledge.encoder)

    def compared(
        title: str,
        parts: Mapping[str, list[str]],
        encoder: Encoder | None,
        answers: Mapping[str, str | None] | None = None,
    ) -> list[contamination.Overlap]:
        if encoder is None or not parts:
            return contamination.overlaps(parts, questions, None, answers)
        count = sum(len(some) for some in parts.values())
        with progress.stage(f"{title} against the questions", count, "texts") as advance:
            return contamination.overlaps(parts, questions, encoder, answers, advance)

    by_entries = compared("knowledge", texts, encoder)
    by_rationales = compared(
        "rationales",
        {id_: [rationale.text] for id_, rationale in rationales.items()},
        encoder if _meanings_differ(asked.benchmark, recipe) else None,
        {id_: rationale.answer for id_, rationale in rationales.items()},
    )
    # An entry that states the fact which a question rests on is knowledge, not a leak.
    asked_for = {question.id: evaluate.statements(question) for question in questions}
    by_entries = [o for o in by_entries if not asked_for[o.question] & {*entries[o.source].facts}]
    found = [*by_entries, *by_rationales]
    everything, clean = contamination.without(attempts, found)
    return {
        "questions": len({overlap.question for overlap in found}),
        "with": everything.accuracy,
        "without": clean.accuracy,
        "found": [asdict(overlap) for overlap in found],
    }


def _meanings_differ(benchmark: str, recipe: Recipe) -> bool:
    """Whether a rationale of training can be told from test questions by its meaning.

    Generated questions have few templates: by their meaning all of a family are paraphrases, so
    where both are generated only words and numbers tell a copy.
    """
    names = (benchmark, recipe.data.benchmark, recipe.data.extra_benchmark)
    return not all(_generated(name) for name in names if name is not None)


def _generated(benchmark: str) -> bool:
    return benchmarks.definition(benchmark).generated is not None


def learned(recipe: Recipe, run: Run) -> list[Rationale]:
    """Return the rationales as a run's student was trained on them; some may have been left out."""
    kept = [
        replace(rationale, text=without_notes(rationale.text, recipe.student.calculator))
        for rationale in run.read("rationales", Rationale)
        if rationale.kept
    ]
    names = [path.stem for path in run.folder.glob("augmented*.jsonl")]
    if recipe.train.init == "stage1" or not names:
        return kept
    shown = {example.question for name in names for example in run.read(name, Example)}
    return [rationale for rationale in kept if rationale.question in shown]


def _settings(asked: Asked, recipe: Recipe) -> str:
    """What decides the questions and how they are answered, as the record's first file."""
    prompt = _prompt(asked, recipe)
    settings: dict[str, Any] = {
        "run": None if asked.run is None else str(asked.run),
        "model": recipe.student.model,
        "adapter": None if asked.adapter is None else str(asked.adapter),
        "base_url": None if asked.base_url is None else bare_url(asked.base_url),
        "benchmark": asked.benchmark,
        "split": asked.split,
        "tasks": list(asked.tasks),
        "limit": asked.limit,
        "num_fewshot": asked.fewshot,
        "seed": asked.seed,
        "calculator": recipe.student.calculator,
        "max_tokens": recipe.student.max_tokens,
        "dtype": recipe.student.dtype,
        "prompt": prompt.name,
        "prompt_sha": prompt.sha,
    }
    if recipe.knowledge.gate is not None:
        settings["gate"] = recipe.knowledge.gate
    if recipe.kb_budget is not None:
        settings["kb_budget"] = recipe.kb_budget
    if len(asked.kb_budgets) > 1:
        settings["kb_budgets"] = sorted(set(asked.kb_budgets))
    for name, section in (("generate", recipe.generate), ("verify", recipe.verify)):
        if section is not None:
            sha = prompts.load(section.prompt).sha
            settings[name] = {**section.model_dump(mode="json"), "prompt_sha": sha}
    if recipe.answer is not None:
        further = recipe.answer.prompts[1:]
        settings["further_prompts"] = {name: prompts.load(name).sha for name in further}
        settings["knowledge"] = recipe.answer.knowledge
    return json.dumps(settings, indent=2) + "\n"


def _folder(asked: Asked, recipe: Recipe) -> Path:
    if asked.output_dir is not None:
        return asked.output_dir
    digest = hashlib.sha256(_settings(asked, recipe).encode()).hexdigest()[:8]
    return (asked.run or Path("runs")) / "eval" / f"{asked.benchmark}-{digest}"


def _full(loaded: Sequence[Loaded], split: str) -> dict[str, int]:
    """How many questions the full benchmark has, by row of the report, where that is known."""
    counts: dict[str, int] = {}
    for some in loaded:
        name = some.definition.name
        if some.expected is not None:
            counts[name] = counts.get(name, 0) + some.expected
        for task in some.definition.tasks:
            expected = benchmarks.expected(some.definition, split, [task])
            if expected is not None:
                counts[f"{name}_{task}"] = expected
    return counts


def _advance(advance: Any, done: int, total: int) -> None:
    advance(done)
