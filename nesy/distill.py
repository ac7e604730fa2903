"""The distillation, top to bottom (NesyCD, arXiv 2409.13203).

1. general distillation: the teacher writes rationales; the correct ones train the student;
2. failure mining: that student answers the training questions by the path of evaluation;
3. symbolic distillation: the teacher reads each failure and writes knowledge, which becomes
   draft entries of the knowledge base;
4. augmented distillation: every training question retrieves knowledge, and the student is
   trained on the views AD (with it), AP (answer only) and DC (without it);
5. with ``rounds``: what this student fails on steers which new questions go through 1 to 4.

Another recipe trains on other views; without knowledge in any of them, 2 and 3 fall away. What
the same questions, teacher and student give all recipes alike, a run takes over from another.

Each stage appends its records as they come and is skipped once it has ended, so a distillation
that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from nesy import benchmarks, pretrained, prompts, rounds, rows, student, train, views
from nesy import recipe as recipes
from nesy.answer import answer, prepare
from nesy.asking import Request, Settings, Teacher
from nesy.critic import Critic, Pair, of_entry
from nesy.errors import InputError, TrainingError
from nesy.kb import extract, gate, store
from nesy.kb.compress import Compressor
from nesy.kb.entry import Entry
from nesy.kb.extract import Extraction
from nesy.kb.search import IndexSearch
from nesy.progress import Advance, Progress
from nesy.recipe import Recipe, Rounds, View
from nesy.runs import RECIPE, Run, messages_sha
from nesy.scoring import grade
from nesy.types import Attempt, Completion, Example, Question, Rationale, Sampling

_PHRASE = "So the answer is"
_REJECTED = "below the critic's threshold"
_BATCH = 128  # questions whose answers are stored at once
_WRONG_WORDS = 256  # of a wrong answer that the teacher is shown
_TITLES = {
    "mining": "failure mining",
    "untrained": "what the untrained student fails on",
    "admission": "failures with a new entry",
    "validation": "validation",
    "candidates": "new questions",
}


@dataclass(frozen=True, slots=True)
class Distilled:
    """What a distillation made: where, and how much of it."""

    run: Path
    adapter: Path
    pack: Path
    questions: int
    rationales: int
    failures: int
    entries: int
    merge: Mapping[str, int]
    reasons: Mapping[str, int]
    failed: Mapping[str, int]
    usd: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}


def distill(
    recipe: Recipe,
    folder: Path,
    kb: Path,
    progress: Progress,
    asking: Settings | None = None,
    like: Path | None = None,
) -> Distilled:
    """Run a distillation into ``folder``; its draft entries go to ``kb``.

    ``like`` is the folder of a finished run, from which is taken over what does not depend on
    how the two recipes differ: rationales, failures, knowledge.

    Raises:
        BudgetReached: the next request could pass the cap of ``asking``; all answers are kept.
        InputError: ``folder`` holds another run, or data are missing.
        ModelError: teacher or student can't be loaded or can't answer.
        TrainingError: there is nothing to learn from.
    """
    store.load(kb)  # a broken knowledge base is told before anything is spent
    with Run.create(folder, recipe.dump()) as run:
        critics = _critics(recipe, run)
        if like is not None and run.done("questions") is None:
            _take_over(recipe, run, like)
        asking = asking or Settings()
        teacher = Teacher(recipe.teacher.model, run, asking)

        questions = _questions(recipe, run, progress)
        first = questions
        if asking.max_usd is not None:
            first = _failures_first(recipe, run, questions, progress)
        rationales = _rationales(recipe, run, teacher, critics, first, progress)
        held_out = _held_out(recipe, questions)
        lessons = _lessons([q for q in questions if q not in held_out], rationales)
        _undo_what_rests_on_fewer(recipe, run, teacher, len(lessons), progress)
        general = _general(lessons)
        stage1: Path | None = None
        failures: list[Attempt] = []
        extractions: list[Extraction] = []
        if recipe.general:
            judge = _judge(recipe, held_out, None)
            epochs = recipe.train.general_epochs
            stage1 = _train(recipe, run, "stage1", general, None, epochs, progress, judge)
        if recipe.symbolic and stage1 is not None:
            failures = _failures(recipe, run, stage1, questions, progress)
            extractions = _knowledge(
                recipe, run, teacher, critics, stage1, questions, failures, kb, progress
            )
        adapter = folder / "adapter"
        if run.done("adapter") is None or not (adapter / train.REPORT).is_file():
            before = stage1 if recipe.train.init == "stage1" else None
            lessons = _denoised(recipe, lessons, rationales, progress)
            if recipe.rounds is not None:
                made = _Made(questions, lessons, failures, extractions)
                _in_rounds(
                    recipe,
                    run,
                    teacher,
                    critics,
                    kb,
                    made,
                    general,
                    stage1,
                    recipe.rounds,
                    progress,
                )
            else:
                augmented = _augmented(
                    recipe, run, kb, questions, lessons, failures, extractions, progress
                )
                shares = _epochs(recipe, general, augmented, len(augmented))
                for (name, examples), epochs in zip(augmented.items(), shares, strict=True):
                    # An adapter of an earlier phase is not yet to answer as the recipe does.
                    judge = _judge(recipe, held_out, kb) if name == "adapter" else None
                    before = _train(recipe, run, name, examples, before, epochs, progress, judge)

        counted = {
            "questions": len(questions),
            "rationales": sum(r.kept for r in rationales),
            "failures": len(failures),
            "entries": len({e.entry for e in extractions if e.kept}),
            **_figures(run, "rounds"),
        }
        done = Distilled(
            run=folder,
            adapter=adapter,
            pack=kb / f"{recipe.knowledge.pack}.yaml",
            questions=counted["questions"],
            rationales=counted["rationales"],
            failures=counted["failures"],
            entries=counted["entries"],
            merge=_figures(run, "entries"),
            reasons=dict(Counter(r.reason for r in rationales)),
            failed=teacher.reasons(),
            usd=teacher.spent(),
        )
        run.write_manifest(_manifest(recipe, run, done))
        return done


def common(recipe: Recipe) -> dict[str, Any]:
    """Return what decides rationales, failures and knowledge of a recipe."""
    plain = recipe.model_dump(mode="json")
    decisive = {name: plain[name] for name in ("data", "teacher", "student")}
    after = ("augmented_epochs", "init")
    decisive["train"] = {k: v for k, v in plain["train"].items() if k not in after}
    decisive["knowledge"] = {key: plain["knowledge"][key] for key in ("mine", "pack")}
    decisive["admission"] = bool(recipe.admission)
    decisive["critic"] = plain["critic"]
    decisive["rounds"] = plain["rounds"]
    return decisive


def decisive(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the student: all of a recipe but how it answers."""
    plain = recipe.model_dump(mode="json", exclude={"description", "name", "answer"})
    del plain["knowledge"]["gate"]
    return plain


def _take_over(recipe: Recipe, run: Run, like: Path) -> None:
    """Copy the stages of another run that this one would repeat as they are.

    Raises:
        InputError: there is no run.
    """
    other = Run.open(like)
    theirs = recipes.parse((like / RECIPE).read_text("utf-8"), str(like / RECIPE))
    if common(theirs) != common(recipe) or other.done("critic") != run.done("critic"):
        return
    files = ["rationales.jsonl", "failed.jsonl"]
    stages = ["rationales"]
    if recipe.general and theirs.general:
        shutil.copytree(like / "stage1", run.folder / "stage1", dirs_exist_ok=True)
        files.append("preflight-stage1.json")
        stages.append("stage1")
    if recipe.symbolic and theirs.symbolic:
        files += ["mining.jsonl", "knowledge.jsonl", "admission.jsonl"]
        stages += ["mining", "entries"]
    if decisive(theirs) == decisive(recipe):
        for phase in _folders(recipe):
            if (like / phase).is_dir():  # rounds may end early
                shutil.copytree(like / phase, run.folder / phase, dirs_exist_ok=True)
            files.append(f"preflight-{phase}.json")
        files += [f"{name}.jsonl" for name in _records(recipe)]
        stages += _stages(recipe)
    for name in files:
        if (like / name).is_file():
            shutil.copyfile(like / name, run.folder / name)
    for stage in stages:
        if other.done(stage) is not None:
            run.finish(stage, **other.done(stage) or {})


def _critics(recipe: Recipe, run: Run) -> dict[str, Critic]:
    """Load the critics of a recipe, by what they judge.

    Raises:
        InputError: the run was begun with other ones, or a critic has no such threshold.
        ModelError: there is no critic in a folder.
    """
    asked = recipe.critic
    named = {"rationales": asked and asked.rationales, "entries": asked and asked.entries}
    found = {
        kind: Critic(Path(folder), recipe.student.device)
        for kind, folder in named.items()
        if folder
    }
    if asked is not None:
        for one in found.values():
            one.threshold(asked.recall)
        known = {kind: one.fingerprint for kind, one in found.items()}
        if run.done("critic") not in (None, known):
            raise InputError(
                f"{run.folder}: a critic has changed since this run was begun; choose another "
                "--output-dir"
            )
        run.finish("critic", **known)
    return found


def _rejected(
    recipe: Recipe, critics: Mapping[str, Critic], kind: str, pairs: Sequence[Pair]
) -> list[bool]:
    """Whether the critic of a kind holds each to be invalid; none where there is no critic."""
    judge = critics.get(kind)
    if judge is None or recipe.critic is None:
        return [False] * len(pairs)
    least = judge.threshold(recipe.critic.recall)
    return [score < least for score in judge.score(pairs)]


def _questions(recipe: Recipe, run: Run, progress: Progress) -> list[Question]:
    """The training questions of a run."""
    questions, figures = training_questions(recipe)
    run.finish("questions", **figures)
    progress.say(
        f"{len(questions):,} training questions of {recipe.data.benchmark} ({_listed(figures)})"
    )
    return questions


def training_questions(recipe: Recipe) -> tuple[list[Question], dict[str, int]]:
    """Return the training questions, and how many there are of which kind.

    None is also a test question of the same benchmark.

    Raises:
        InputError: the benchmark is unknown, or its data are missing.
    """
    data = recipe.data
    own, extra = student.drawn(recipe)
    loaded = own + extra
    tests: set[str] = set()
    if "test" in benchmarks.definition(data.benchmark).splits:
        tests = {_bare(q.text) for q in benchmarks.load(data.benchmark, "test", tasks=data.tasks)}
    kept = [q for q in loaded if _bare(q.text) not in tests]
    unique = list({_bare(q.text): q for q in reversed(kept)}.values())[::-1]
    figures = {
        "questions": len(unique),
        "of_the_benchmark": len(own),
        "extra": len(extra),
        "equal_to_a_test_question": len(loaded) - len(kept),
        "repeated": len(kept) - len(unique),
    }
    return unique, figures


def _failures_first(
    recipe: Recipe, run: Run, questions: Sequence[Question], progress: Progress
) -> list[Question]:
    """Put what the untrained student fails on first, for money that may not reach for all."""
    attempts = _answered(recipe, run, None, "untrained", questions, progress)
    correct = {a.question for a in attempts if a.outcome == "correct"}
    return sorted(questions, key=lambda question: question.id in correct)


def _rationales(
    recipe: Recipe,
    run: Run,
    teacher: Teacher,
    critics: Mapping[str, Critic],
    questions: Sequence[Question],
    progress: Progress,
    stage: str = "rationales",
) -> list[Rationale]:
    """Let the teacher solve the training questions; keep what ends in the target."""
    prompt = prompts.load(recipe.teacher.rationale_prompt)
    by_id = {question.id: question for question in questions}
    known = {(r.question, r.sample) for r in run.read("rationales", Rationale)}
    samples = range(recipe.teacher.samples)
    waiting = len({(q.id, sample) for q in questions for sample in samples} - known)
    with progress.stage("rationales", waiting, "questions") as advance:
        begun = 0
        for sample in samples:
            requests = [
                Request(q.id, sample, prompt.render(question=q.text))
                for q in questions
                if (q.id, sample) not in known
            ]
            sampling = Sampling(
                temperature=recipe.teacher.temperature,
                max_tokens=recipe.teacher.max_tokens,
                seed=sample,
            )
            shown = partial(_advance_from, advance, begun)
            begun += len(requests)
            answers = teacher.ask("rationales", requests, sampling, shown)
            for some in _batches(answers):
                made = [_rationale(by_id[asked.question], sample, c) for asked, c in some]
                pairs = [Pair(by_id[asked.question].text, c.text.strip()) for asked, c in some]
                rejected = _rejected(recipe, critics, "rationales", pairs)
                made = [
                    replace(one, kept=False, reason=_REJECTED) if one.kept and bad else one
                    for one, bad in zip(made, rejected, strict=True)
                ]
                run.append("rationales", made)
    rationales = [r for r in run.read("rationales", Rationale) if r.question in by_id]
    reasons = Counter(r.reason for r in rationales)
    failed = Counter(f"failed: {one.reason}" for one in teacher.failed("rationales").values())
    progress.say(f"  {_listed(reasons + failed)}")
    run.finish(stage, **reasons)
    return rationales


def _advance_from(advance: Advance, begun: int, done: int, note: str = "") -> None:
    advance(begun + done, note)


def _batches(answers: Iterable[tuple[Request, Completion]]) -> Iterator[list[Any]]:
    """Cut a stream into lists, so that records are synced to the disk in groups."""
    source = iter(answers)
    while some := list(islice(source, _BATCH)):
        yield some


def _undo_what_rests_on_fewer(
    recipe: Recipe, run: Run, teacher: Teacher, lessons: int, progress: Progress
) -> None:
    """Make a student anew that was trained before failed requests were answered."""
    phases = _folders(recipe)
    trained_on = (run.done("stage1") or {}).get("examples", lessons)
    if teacher.retried or trained_on != lessons:
        progress.say("requests that had failed are answered: the student is trained anew")
        run.undo(
            ("stage1", "mining", "entries", *_stages(recipe)),
            folders=("stage1", *phases),
            records=("mining", "knowledge", "admission", *_records(recipe)),
        )


def _rationale(question: Question, sample: int, completion: Completion) -> Rationale:
    graded = grade(completion, question)
    steps, phrase, _ = completion.text.rpartition(_PHRASE)
    reason = "kept"
    if graded.outcome == "truncated":
        reason = "truncated"
    elif not phrase or graded.answer is None:
        reason = "no answer phrase"
    elif graded.outcome != "correct":
        reason = "wrong answer"
    elif not steps.strip():
        reason = "no steps"
    text = steps.strip() if phrase else completion.text.strip()
    return Rationale(question.id, sample, text, graded.answer, reason == "kept", reason)


def _lessons(questions: Sequence[Question], rationales: Sequence[Rationale]) -> list[views.Lesson]:
    """Pair each kept rationale with its question; the same steps twice count once.

    Their order is that of samples and questions, whenever a rationale was answered.
    """
    by_id = {question.id: question for question in questions}
    place = {question.id: number for number, question in enumerate(questions)}
    asked = (r for r in rationales if r.question in by_id)
    ordered = sorted(asked, key=lambda r: (r.sample, place[r.question]))
    kept = {(r.question, r.text): r for r in ordered if r.kept}
    return [
        views.Lesson(q.id, q.text, r.text, q.target)
        for r in kept.values()
        for q in (by_id[r.question],)
    ]


def _denoised(
    recipe: Recipe,
    lessons: list[views.Lesson],
    rationales: Sequence[Rationale],
    progress: Progress,
) -> list[views.Lesson]:
    """Leave out what the teacher's own samples contradict, if the recipe says so."""
    if recipe.contrast is None or recipe.contrast.agreement is None:
        return lessons
    kept = views.agreed(lessons, rationales, recipe.contrast.agreement)
    progress.say(f"self-consistency: {len(kept):,} of {len(lessons):,} rationales are learned")
    if not kept:
        raise TrainingError(
            f"contrast.agreement={recipe.contrast.agreement:g} leaves no rationale; lower it"
        )
    return kept


def _general(lessons: Sequence[views.Lesson]) -> list[Example]:
    made = views.examples(lessons, {"std-cot": View()})
    if not made:
        raise TrainingError("no rationale was kept, so there is nothing to train the student on")
    return made


def _phases(recipe: Recipe) -> list[str]:
    """The names of the trainings after the general one; the last makes the adapter."""
    return [*(f"phase{number}" for number in range(1, len(recipe.shrink or (1.0,)))), "adapter"]


def _folders(recipe: Recipe) -> list[str]:
    """The names of all trainings after the general one; the adapter is one of the rounds."""
    count = -1 if recipe.rounds is None else recipe.rounds.count
    return [*(f"round{number}" for number in range(count + 1)), *_phases(recipe)]


def _stages(recipe: Recipe) -> list[str]:
    """The stages after the knowledge has been made."""
    rounds = [name for name in _folders(recipe) if name.startswith("round")]
    kinds = ("retrieval", "rationales", "entries")
    made = [f"{kind}-{name}" for name in rounds for kind in kinds]
    return ["retrieval", *made, "rounds", *_folders(recipe)]


def _records(recipe: Recipe) -> list[str]:
    """The names of what these trainings read, and of what was answered between them."""
    made = [_examples_of(name) for name in _folders(recipe)]
    names = [name for name in _folders(recipe) if name.startswith("round")]
    return made + [f"{what}-{name}" for name in names for what in ("validation", "candidates")]


def _examples_of(phase: str) -> str:
    """The name of the records that hold the examples of a training."""
    return "augmented" if phase == "adapter" else f"augmented-{phase}"


def _epochs(
    recipe: Recipe,
    general: Sequence[Example],
    augmented: Mapping[str, Sequence[Example]],
    trainings: int,
) -> list[float]:
    """How often some of the trainings after the general one read their examples.

    All ``trainings`` together meet the budget, and each has the same part of it.
    """
    if recipe.budget is None:
        return [recipe.train.augmented_epochs] * len(augmented)
    base, longest = recipe.student.model, recipe.train.max_length
    tokenizer = pretrained.load_tokenizer(pretrained.locate(base))
    tokens = [
        rows.inspect(tokenizer, rows.tokenize(tokenizer, some), longest).tokens
        for some in (general, *augmented.values())
    ]
    before = recipe.train.general_epochs if recipe.train.init == "stage1" else 0
    left = tokens[0] * (recipe.budget - before)
    if left <= 0:
        raise TrainingError(
            f"budget: {recipe.budget:g} readings of the rationales are spent by the general "
            "distillation; give more, or set train.init to base"
        )
    return [left / trainings / count for count in tokens[1:]]


def _train(
    recipe: Recipe,
    run: Run,
    name: str,
    examples: Sequence[Example],
    init: Path | None,
    epochs: float,
    progress: Progress,
    judge: train.Judge | None,
) -> Path:
    """Train an adapter into ``<run>/<name>``."""
    settings = train.Settings(
        rank=recipe.train.rank,
        alpha=recipe.train.alpha,
        dropout=recipe.train.dropout,
        embeddings=recipe.train.embeddings,
        lr=recipe.train.learning_rate,
        epochs=epochs,
        warmup=recipe.train.warmup,
        max_length=recipe.train.max_length,
        batch_size=recipe.train.batch_size,
        batch_tokens=recipe.train.batch_tokens,
        gradient_checkpointing=recipe.train.gradient_checkpointing,
        seed=recipe.train.seed,
        device=recipe.student.device,
        dtype=recipe.train.dtype,
        quantization=recipe.train.quantization,
        evaluations=0 if judge is None else recipe.train.evaluations,
        patience=recipe.train.patience,
        white_box=_white_box(recipe) if name != "stage1" else None,
    )
    folder = run.folder / name
    if name != "stage1":
        examples = _balanced(recipe, examples)
    checked = train.preflight(recipe.student.model, examples, settings)
    run.write_json(f"preflight-{name}", asdict(checked))
    progress.say(
        f"{name}: {checked.examples:,} examples, {checked.tokens:,} tokens of which "
        f"{checked.target_tokens:,} are trained, {checked.truncated:.1%} truncated, "
        f"{checked.untrained:.1%} without a trained token"
    )
    total = round(checked.tokens * epochs)
    with progress.stage(f"training {name}", total, "tokens") as advance:
        report = train.train(
            recipe.student.model,
            examples,
            settings,
            folder,
            lambda p: advance(p.tokens, f"loss {p.loss:.3f}"),
            init,
            judge,
        )
    if report.accuracy is not None:
        progress.say(
            f"  {report.accuracy:.1%} of the held-out questions are answered after step "
            f"{report.best_step}, more than before and after; that adapter is kept"
        )
    progress.say(
        f"  loss {report.first_loss:.3f} to {report.last_loss:.3f} in {report.steps} steps"
    )
    run.finish(name, examples=checked.examples, tokens=report.tokens, last_loss=report.last_loss)
    return folder


def _white_box(recipe: Recipe) -> train.WhiteBox | None:
    """The teacher whose probabilities the student follows, if the recipe says so."""
    box = recipe.whitebox
    if box is None:
        return None
    return train.WhiteBox(recipe.teacher.model, box.loss, box.weight, box.temperature)


def _balanced(recipe: Recipe, examples: Sequence[Example]) -> Sequence[Example]:
    """Give the examples the weights of the recipe's views, if it has any."""
    if all(view.weight is None for view in recipe.views.values()):
        return examples
    tokenizer = pretrained.load_tokenizer(pretrained.locate(recipe.student.model))
    tokens = rows.tokenize(tokenizer, examples)
    return views.balanced(examples, rows.trained(tokens, recipe.train.max_length), recipe.views)


def _held_out(recipe: Recipe, questions: Sequence[Question]) -> list[Question]:
    """Questions that the student is not trained on, chosen by their hash; none by default."""
    if recipe.train.held_out is None:
        return []
    if recipe.train.held_out >= len(questions):
        raise TrainingError(
            f"train.held_out={recipe.train.held_out} leaves none of {len(questions)} training "
            "questions to train on"
        )
    shuffled = sorted(questions, key=lambda q: hashlib.sha256(q.id.encode()).digest())
    return shuffled[: recipe.train.held_out]


def _judge(recipe: Recipe, held_out: Sequence[Question], kb: Path | None) -> train.Judge | None:
    """Measure an adapter on held-out questions, by the path of evaluation.

    Without ``kb`` it answers as the student of the general distillation, with it as the recipe's.
    """
    if not held_out:
        return None
    sampling = Sampling(max_tokens=recipe.student.max_tokens)
    prompt = prompts.load(student.PROMPT) if kb is None else student.prompt(recipe)
    search = None
    if kb is not None and recipe.answering.knowledge:
        search = student.load_search(recipe, kb, own=False)

    def judge(adapter: Path) -> float:
        lm = student.load_student(recipe, adapter)
        lm = lm if kb is None else student.answering(recipe, lm)
        attempts = answer(held_out, lm, prompt, sampling, search)
        return sum(attempt.outcome == "correct" for attempt in attempts) / len(held_out)

    return judge


def _failures(
    recipe: Recipe, run: Run, adapter: Path, questions: Sequence[Question], progress: Progress
) -> list[Attempt]:
    """Let the student answer training questions; whatever is not correct is a failure."""
    asked = _of_each_task(questions, recipe.knowledge.mine)
    attempts = _answered(recipe, run, adapter, "mining", asked, progress)
    outcomes = Counter(str(attempt.outcome) for attempt in attempts)
    progress.say(f"  {_listed(outcomes)}")
    run.finish("mining", **outcomes)
    return [attempt for attempt in attempts if attempt.outcome != "correct"]


def _of_each_task(questions: Sequence[Question], count: int | None) -> list[Question]:
    """The first questions of each task."""
    seen = Counter[str]()
    chosen = []
    for question in questions:
        seen[question.task] += 1
        if count is None or seen[question.task] <= count:
            chosen.append(question)
    return chosen


def _answered(
    recipe: Recipe,
    run: Run,
    adapter: Path | None,
    name: str,
    questions: Sequence[Question],
    progress: Progress,
    search: IndexSearch | None = None,
    distilled: bool = False,
) -> list[Attempt]:
    """Let a student answer training questions into ``<name>.jsonl``.

    It is asked as that of the general distillation, or when ``distilled`` as the recipe asks it.
    """
    known = {attempt.question for attempt in run.read(name, Attempt)}
    waiting = [question for question in questions if question.id not in known]
    waiting.sort(key=lambda question: -len(question.text))
    if waiting:
        lm = student.load_student(recipe, adapter)
        lm = student.answering(recipe, lm) if distilled else lm
        prompt = student.prompt(recipe) if distilled else prompts.load(student.PROMPT)
        sampling = Sampling(max_tokens=recipe.student.max_tokens)
        with progress.stage(_TITLES[name.partition("-")[0]], len(waiting), "questions") as advance:
            for first in range(0, len(waiting), _BATCH):
                some = waiting[first : first + _BATCH]
                run.append(name, answer(some, lm, prompt, sampling, search))
                advance(first + len(some))
    asked = {question.id for question in questions}
    return [a for a in run.read(name, Attempt) if a.question in asked]


def _knowledge(
    recipe: Recipe,
    run: Run,
    teacher: Teacher,
    critics: Mapping[str, Critic],
    adapter: Path,
    questions: Sequence[Question],
    failures: Sequence[Attempt],
    kb: Path,
    progress: Progress,
    stage: str = "entries",
) -> list[Extraction]:
    """Let the teacher write knowledge for each failure, and merge it into the knowledge base."""
    if run.done(stage) is not None and not teacher.retries("knowledge"):
        return run.read("knowledge", Extraction)
    by_id = {question.id: question for question in questions}
    requests = knowledge_requests(recipe, by_id, failures)
    sampling = Sampling(
        temperature=recipe.teacher.temperature,
        max_tokens=recipe.teacher.knowledge_max_tokens,
        schema=prompts.load(recipe.teacher.knowledge_prompt).schema,
    )
    with progress.stage("knowledge", len(failures), "failures") as advance:
        answers = teacher.ask("knowledge", requests, sampling, advance)
        written = [(by_id[asked.question], completion) for asked, completion in answers]
    failed = Counter(one.reason for one in teacher.failed("knowledge").values())
    if failed:
        progress.say(f"  failed: {_listed(failed)}")
    drafts, refused = [], {}
    for question, completion in written:
        try:
            if completion.finish == "length":
                raise extract.Refused("truncated")
            drafts.append(
                extract.parse(completion.text, question.id, question.text, question.target)
            )
        except extract.Refused as reason:
            refused[question.id] = str(reason)
    entries, into = extract.entries(drafts, recipe.knowledge.pack, recipe.teacher.model)
    rejected = _rejected(recipe, critics, "entries", [of_entry(entry) for entry in entries])
    bad = {entry.id for entry, said in zip(entries, rejected, strict=True) if said}
    entries = [entry for entry in entries if entry.id not in bad]
    refused |= {question: _REJECTED for question, id_ in into.items() if id_ in bad}
    into = {question: id_ for question, id_ in into.items() if id_ not in bad}
    if recipe.admission:
        asked = [by_id[failed.question] for failed in failures]
        useless = _useless(recipe, run, adapter, entries, asked, progress)
        entries = [entry for entry in entries if entry.id not in useless]
        refused |= {q: f"not admitted: {useless[id_]}" for q, id_ in into.items() if id_ in useless}
        into = {q: id_ for q, id_ in into.items() if id_ not in useless}
    # Records are written once, when the whole is known: the calls themselves are in the cache.
    extractions = [
        Extraction(q.id, c.text, q.id not in refused, refused.get(q.id, "kept"), into.get(q.id))
        for q, c in written
    ]
    have = {e.question for e in run.read("knowledge", Extraction)}
    run.append("knowledge", [e for e in extractions if e.question not in have])
    summary = store.write_drafts(kb, recipe.knowledge.pack, entries)
    figures = {
        "added": len(summary.added),
        "updated": len(summary.updated),
        "kept": len(summary.kept),
        "unchanged": len(summary.unchanged),
        "deleted": len(summary.deleted),
        "conflicts": len(summary.conflicts),
    }
    reasons = Counter(reason.partition(":")[0] for reason in refused.values())
    progress.say(
        f"  {len(drafts):,} of {len(failures):,} failures gave {len(entries):,} entries"
        + (f"; refused: {_listed(reasons)}" if reasons else "")
    )
    progress.say(f"  {summary.path}: {_listed(figures)}")
    for conflict in summary.conflicts:
        progress.say(f"  conflict, your version stays until you settle it: {conflict}")
    run.finish(stage, **figures)
    return extractions


def _useless(
    recipe: Recipe,
    run: Run,
    adapter: Path,
    entries: Sequence[Entry],
    failures: Sequence[Question],
    progress: Progress,
) -> dict[str, str]:
    """Return the entries that helped with none of the failures they were tried on, and why.

    Each failure is answered again with the entry that it retrieves of those that were not made
    from it alone. An entry that none retrieves is not tried, and speaks for itself.
    """
    search = IndexSearch(student.index(recipe, entries), own=False)
    found = search(failures)
    tried = [question for question, some in zip(failures, found, strict=True) if some]
    # What was tried before holds as long as the same would be asked again.
    prompt = prompts.load(student.PROMPT)
    asked = {one.question.id: messages_sha(one.messages) for one in prepare(tried, prompt, search)}
    kept = [a for a in run.read("admission", Attempt) if asked.get(a.question) == a.prompt_sha]
    (run.folder / "admission.jsonl").unlink(missing_ok=True)
    run.append("admission", kept)
    attempts = _answered(recipe, run, adapter, "admission", tried, progress, search)
    right, shown = Counter[str](), Counter[str]()
    for attempt in attempts:
        for hit in attempt.hits:
            shown[hit.entry] += 1
            right[hit.entry] += attempt.outcome == "correct"
    useless = {id_: f"none of {count} failures" for id_, count in shown.items() if not right[id_]}
    progress.say(
        f"  admission: {len(shown) - len(useless):,} entries help with a failure that they were "
        f"not made from, {len(useless):,} do not, {len(entries) - len(shown):,} not tried"
    )
    run.finish("admission", helped=len(shown) - len(useless), useless=len(useless))
    return useless


def knowledge_requests(
    recipe: Recipe, questions: Mapping[str, Question], failures: Sequence[Attempt]
) -> list[Request]:
    """Return what the teacher is asked about each failure."""
    prompt = prompts.load(recipe.teacher.knowledge_prompt)
    return [
        Request(
            failed.question,
            0,
            prompt.render(
                question=questions[failed.question].text,
                wrong=_shortened(failed.completion.text),
                target=questions[failed.question].target if recipe.teacher.target_visible else None,
            ),
        )
        for failed in failures
    ]


def _augmented(
    recipe: Recipe,
    run: Run,
    kb: Path,
    questions: Sequence[Question],
    lessons: Sequence[views.Lesson],
    failures: Sequence[Attempt],
    extractions: Sequence[Extraction],
    progress: Progress,
    name: str | None = None,
) -> dict[str, list[Example]]:
    """Render the training questions in the views, by training, each with what it retrieves.

    ``name`` is that of the one training, where it is not the recipe that says them.

    The examples are recorded: knowledge that is edited later does not change what a training
    that was interrupted goes on with.
    """
    phases = _phases(recipe) if name is None else [name]
    stage = "retrieval" if name is None else f"retrieval-{name}"
    if run.done(stage) is not None:
        return {phase: run.read(_examples_of(phase), Example) for phase in phases}
    found: dict[str, Any] = {}
    if recipe.symbolic:
        lessons, found = _shown(recipe, kb, questions, lessons, progress)
    special = _special(recipe, extractions)
    made = {}
    for phase, share in zip(phases, recipe.shrink or (1.0,), strict=True):
        shown = lessons if share == 1 else _shrunk(kb, lessons, share)
        made[phase] = views.examples(shown, recipe.views, seed=recipe.train.seed, special=special)
        if recipe.contrast is not None:
            wrong = {a.question: a.completion.text for a in failures if a.outcome == "wrong"}
            made[phase] += views.contrasts(
                shown, wrong, recipe.views, recipe.contrast.weight, seed=recipe.train.seed
            )
        if recipe.verify is not None:
            wrong = {a.question: a.completion.text for a in failures if a.outcome == "wrong"}
            made[phase] += views.verdicts(
                shown, wrong, recipe.views, recipe.verify.prompt, seed=recipe.train.seed
            )
        (run.folder / f"{_examples_of(phase)}.jsonl").unlink(missing_ok=True)
        run.append(_examples_of(phase), made[phase])
    run.finish(stage, questions=len(found), with_knowledge=sum(map(bool, found.values())))
    return made


@dataclass(frozen=True, slots=True)
class _Made:
    """What the student is trained on, and what it was made from."""

    questions: list[Question]
    lessons: list[views.Lesson]
    failures: list[Attempt]
    extractions: list[Extraction]


def _in_rounds(
    recipe: Recipe,
    run: Run,
    teacher: Teacher,
    critics: Mapping[str, Critic],
    kb: Path,
    made: _Made,
    general: Sequence[Example],
    stage1: Path | None,
    asked: Rounds,
    progress: Progress,
) -> None:
    """Train on what there is, then on what the student's failures call for; keep the best."""
    left = {question.id: question for question in _unused(recipe, made.questions)}
    validation = benchmarks.sample(list(left.values()), asked.validation, recipe.data.seed)
    if len(validation) == len(left):
        raise TrainingError(
            f"rounds: {len(left)} questions of {recipe.data.benchmark} are not trained on, too few "
            f"for {asked.validation} to validate on and new ones; lower data.limit"
        )
    for question in validation:
        del left[question.id]
    adapter = stage1 if recipe.train.init == "stage1" else None
    lessons, accuracies = made.lessons, list[float]()
    for number in range(asked.count + 1):
        name = f"round{number}"
        examples = _augmented(
            recipe,
            run,
            kb,
            made.questions,
            lessons,
            made.failures,
            made.extractions,
            progress,
            name,
        )
        (epochs,) = _epochs(recipe, general, examples, asked.count + 1)
        adapter = _train(recipe, run, name, examples[name], adapter, epochs, progress, None)
        search = None
        if recipe.answering.knowledge:
            search = student.load_search(recipe, kb, own=False)
        answering = partial(
            _answered, recipe, run, adapter, progress=progress, search=search, distilled=True
        )
        attempts = answering(f"validation-{name}", validation)
        failed = [attempt for attempt in attempts if attempt.outcome != "correct"]
        accuracies.append(1 - len(failed) / len(attempts))
        progress.say(f"  {accuracies[-1]:.1%} of the validation questions are answered")
        best = rounds.best(accuracies)
        if not failed or number - best >= asked.patience or number == asked.count:
            break
        tried = rounds.candidates(list(left.values()), failed, 2 * asked.questions)
        wrong = [a for a in answering(f"candidates-{name}", tried) if a.outcome != "correct"]
        if not wrong:
            break
        new = [left[a.question] for a in wrong]
        sure = dict(zip((q.id for q in new), _confidences(recipe, adapter, new), strict=True))
        hard = rounds.hardest(wrong, sure, asked.questions)
        new = [left[attempt.question] for attempt in hard]
        for question in tried:
            del left[question.id]
        stage = f"rationales-{name}"
        written = _rationales(recipe, run, teacher, critics, new, progress, stage)
        lessons = _denoised(recipe, _lessons(new, written), written, progress)
        if not lessons:
            break
        # As many of what was learned before keep it from being forgotten.
        old = Random(number).sample(made.lessons, min(len(lessons), len(made.lessons)))
        made = _Made(
            [*made.questions, *new], [*made.lessons, *lessons], [*made.failures, *hard], []
        )
        lessons = [*lessons, *old]
        if recipe.symbolic and stage1 is not None:
            stage = f"entries-{name}"
            questions, failures = made.questions, made.failures
            found = _knowledge(
                recipe, run, teacher, critics, stage1, questions, failures, kb, progress, stage
            )
            made = replace(made, extractions=found)
    chosen = run.folder / f"round{best}"
    progress.say(f"round {best} is kept, with {accuracies[best]:.1%}")
    shutil.copytree(chosen, run.folder / "adapter", dirs_exist_ok=True)
    run.finish(
        "rounds",
        questions=len(made.questions),
        rationales=len(made.lessons),
        failures=len(made.failures),
        entries=len({e.entry for e in made.extractions if e.kept}),
    )
    run.finish("adapter", accuracies=accuracies, **run.done(f"round{best}") or {})


def _unused(recipe: Recipe, questions: Sequence[Question]) -> list[Question]:
    """Training questions that are not trained on; of a generated benchmark as many as are."""
    data = recipe.data
    wider = ["data.limit=null"]
    generated = benchmarks.definition(data.benchmark).generated
    if generated is not None:
        wider.append(f"data.per_family={2 * (data.per_family or generated['train'])}")
        if data.per_fact is not None:
            wider.append(f"data.per_fact={2 * data.per_fact}")
    found, _ = training_questions(recipes.changed(recipe, *wider))
    used = {_bare(question.text) for question in questions}
    return [question for question in found if _bare(question.text) not in used]


def _confidences(recipe: Recipe, adapter: Path, questions: Sequence[Question]) -> list[float]:
    lm = student.load_student(recipe, adapter)
    return gate.confidences(lm, student.prompt(recipe), questions)


def _shown(
    recipe: Recipe,
    kb: Path,
    questions: Sequence[Question],
    lessons: Sequence[views.Lesson],
    progress: Progress,
) -> tuple[list[views.Lesson], dict[str, Any]]:
    """Give the lessons what they retrieve; also return what each question retrieves."""
    search = student.load_search(recipe, kb, own=False)
    asked = {lesson.question for lesson in lessons}
    retrieving = [question for question in questions if question.id in asked]
    found = dict(zip((q.id for q in retrieving), search(retrieving), strict=True))
    shown = sum(bool(some) for some in found.values())
    progress.say(f"retrieval: {shown:,} of {len(found):,} training questions are given knowledge")
    by_rationale: Sequence[Sequence[Any]] = [()] * len(lessons)
    if any(view.knowledge == "rationale" for view in recipe.views.values()):
        by_id = {question.id: question for question in retrieving}
        by_rationale = search([replace(by_id[o.question], text=o.rationale) for o in lessons])
    return [
        replace(
            lesson,
            entries=tuple(one.entry for one in found[lesson.question]),
            by_rationale=tuple(one.entry for one in some),
        )
        for lesson, some in zip(lessons, by_rationale, strict=True)
    ], found


def _special(recipe: Recipe, extractions: Sequence[Extraction]) -> frozenset[str]:
    """The questions whose failure gave an entry that few others share."""
    if recipe.knowledge.special is None:
        return frozenset()
    made_from = Counter(one.entry for one in extractions if one.entry is not None)
    return frozenset(
        one.question
        for one in extractions
        if one.entry is not None and made_from[one.entry] <= recipe.knowledge.special
    )


def _shrunk(kb: Path, lessons: Sequence[views.Lesson], share: float) -> list[views.Lesson]:
    """Show the lessons a share of the words of their knowledge."""
    compressor = Compressor(store.load(kb).entries.values())

    def short(entries: Sequence[Any]) -> tuple[Any, ...]:
        kept = (compressor.share(entry, share) for entry in entries)
        return tuple(entry for entry in kept if entry is not None)

    return [
        replace(one, entries=short(one.entries), by_rationale=short(one.by_rationale))
        for one in lessons
    ]


def _shortened(text: str) -> str:
    """A wrong answer as the teacher is shown it: repeated sentences once, 256 words at most."""
    sentences: dict[str, None] = dict.fromkeys(text.strip().split(". "))
    return " ".join(". ".join(sentences).split()[:_WRONG_WORDS])


def _figures(run: Run, stage: str) -> dict[str, int]:
    return dict(run.done(stage) or {})


def _manifest(recipe: Recipe, run: Run, done: Distilled) -> dict[str, Any]:
    return {
        "recipe": hashlib.sha256(recipe.dump().encode()).hexdigest(),
        "questions": done.questions,
        "rationales": done.rationales,
        "failures": done.failures,
        "entries": done.entries,
    }


def _listed(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{str(k).replace('_', ' ')} {v:,}" for k, v in figures.items() if v) or "none"


def _bare(text: str) -> str:
    return " ".join(text.split()).lower()
