"""Symbolic knowledge distillation, top to bottom (West et al., arXiv 2110.07178).

1. events: the teacher thinks of new events, shown some seeds;
2. infer: it says what follows from each, relation by relation: the corpus;
3. critic: a sample of it is labelled, and a critic learns to tell valid triples from others;
4. filter: the critic scores the whole corpus; a level keeps the best share of each event;
5. train: a small student is trained on what each level keeps;
6. stats: teacher and students, at each level, on events that no training saw.

Rounds of self-imitation follow: the student writes, the critic filters, a student is trained
again. Each stage appends its records and is skipped once it has ended.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from nesy import critic, everyday, models, train
from nesy.commonsense import corpus, labels, student, training, triples
from nesy.commonsense.labels import Label
from nesy.commonsense.measures import Gain, Judge, Measured, gain, measure
from nesy.commonsense.recipe import CommonsenseRecipe
from nesy.commonsense.training import Training
from nesy.commonsense.triples import Triple
from nesy.critic import Critic, Labelled, Pair
from nesy.errors import InputError, TrainingError
from nesy.progress import Advance, Progress
from nesy.runs import Run

Level = Literal["none", "low", "high"]
Stage = Literal["events", "infer", "critic", "filter", "train", "stats"]
LEVELS: tuple[Level, ...] = ("none", "low", "high")
STAGES: tuple[Stage, ...] = ("events", "infer", "critic", "filter", "train", "stats")
Thresholds = Mapping[Level, Mapping[str, float]]
"""By level of the filter and event: the score from which on a triple is kept."""


@dataclass(frozen=True, slots=True)
class Score:
    """A line of ``scores-*.jsonl``: the critic's probability that a triple is valid."""

    triple: str
    valid: float


@dataclass(frozen=True, slots=True)
class Round:
    """One round of self-imitation: what was written and kept, and the student's measures."""

    round: int
    written: int
    kept: int
    trained_on: int
    student: Measured
    gain: Gain


@dataclass(frozen=True, slots=True)
class Stats:
    """What ``report.json`` holds: measures by system and level, gains, and the rounds."""

    systems: Mapping[str, Measured]
    gains: tuple[Gain, ...]
    rounds: tuple[Round, ...]


def distill(
    recipe: CommonsenseRecipe,
    folder: Path,
    progress: Progress,
    until: Stage = "stats",
    rounds: int = 0,
) -> Stats | None:
    """Run the stages up to ``until`` into ``folder``; ``None`` before the last one.

    Raises:
        InputError: ``folder`` holds another run, or labels are missing.
        ModelError: teacher, critic or student can't be loaded or can't answer.
        TrainingError: there is nothing to learn from.
    """
    last = STAGES.index(until)
    with Run.create(folder, recipe.dump()) as run:
        teacher = models.load(recipe.corpus.teacher)
        heads = corpus.events(recipe.corpus, run, teacher, progress)
        if last < STAGES.index("infer"):
            return None
        made = corpus.infer(recipe.corpus, run, teacher, heads, progress)
        if last < STAGES.index("critic"):
            return None
        judge = train_critic(recipe, run, made, progress)
        if last < STAGES.index("filter"):
            return None
        scores = score(recipe, run, judge, made, progress)
        least = thresholds(recipe, run, made, scores)
        levels = filtered(least, made, scores)
        sizes = ", ".join(f"{level} {len(some):,}" for level, some in levels.items())
        progress.say(f"triples by level of the filter: {sizes}")
        if last < STAGES.index("train"):
            return None
        learned = {
            f"student-{level}": [triple for triple in some if triple.split == "train"]
            for level, some in levels.items()
        }
        train_students(recipe, run, learned, progress)
        if last < STAGES.index("stats"):
            return None
        systems = _systems(recipe, run, judge, least, levels, progress)
        turns = _rounds(recipe, run, judge, least, levels, systems, rounds, progress)
        found = Stats(
            {name: measure(some, judged_by(run)) for name, some in systems.items()},
            tuple(_gains(systems, judged_by(run))),
            tuple(turns),
        )
        run.write_json("report", asdict(found))
        run.write_manifest(
            {"recipe": recipe.sha, "triples": len(made), "critic": judge.fingerprint}
        )
        return found


def judged_by(run: Run) -> Judge:
    """What decides whether a triple is valid: the embedded world, else people's labels."""
    said = labels.decided(run.read("labels", Label))

    def judge(triple: Triple) -> bool | None:
        known = everyday.valid(triple.head, triple.relation, triple.tail)
        return said.get(triple.id) if known is None else known

    return judge


def train_critic(
    recipe: CommonsenseRecipe, run: Run, made: Sequence[Triple], progress: Progress
) -> Critic:
    """Label a sample, if nobody has, and train the critic on it."""
    chosen = labels.sample(recipe.labels, made)
    if recipe.labels.source == "world" and not any(
        one.labeller == labels.WORLD for one in run.read("labels", Label)
    ):
        run.append("labels", labels.of_the_world(chosen))
    said = _said(recipe, run)
    if not said:
        raise InputError(
            f"{run.folder}: no triple is labelled yet; run `nesy commonsense label --run "
            f"{run.folder}`, or set labels.source to world"
        )
    known = {triple.id: triple for triple in made}
    sets: dict[str, list[Labelled]] = {"train": [], "validation": [], "test": []}
    for id_, valid in sorted(said.items()):
        if id_ in known:
            triple = known[id_]
            sets[triple.split].append(Labelled(_pair(recipe, triple, 0), valid, triple.head))
    settings = critic_settings(recipe)
    folder = run.folder / "critic"
    total = len(sets["train"]) * settings.epochs
    with progress.stage("critic", total, "labels") as advance:
        report = critic.train(
            settings,
            sets["train"],
            sets["validation"],
            sets["test"],
            folder,
            sorted({*critic.RECALLS, recipe.filters.low, recipe.filters.high}),
            advance,
        )
    progress.say(f"  {_worded(report)}")
    run.finish("critic", labels=len(said), auc=report.test.auc)
    return Critic(folder, recipe.critic.device)


def _said(recipe: CommonsenseRecipe, run: Run) -> dict[str, bool]:
    """Validity by triple, as those say whom the recipe asks for labels."""
    by_world = recipe.labels.source == "world"
    told = run.read("labels", Label)
    return labels.decided([one for one in told if (one.labeller == labels.WORLD) == by_world])


def critic_settings(recipe: CommonsenseRecipe) -> critic.Settings:
    """How the recipe wants a critic trained."""
    return critic.Settings(
        model=recipe.critic.model,
        layers=recipe.critic.layers,
        learning_rate=recipe.critic.learning_rate,
        head_rate=recipe.critic.head_rate,
        head_epochs=recipe.critic.head_epochs,
        epochs=recipe.critic.epochs,
        patience=recipe.critic.patience,
        batch_size=recipe.critic.batch_size,
        max_length=recipe.critic.max_length,
        seed=recipe.critic.seed,
        device=recipe.critic.device,
    )


def scores_name(judge: Critic) -> str:
    """Name of the records of a critic's scores; another critic has others."""
    return f"scores-{judge.fingerprint[:8]}"


def score(
    recipe: CommonsenseRecipe,
    run: Run,
    judge: Critic,
    made: Sequence[Triple],
    progress: Progress,
) -> dict[str, float]:
    """The critic's probability for each triple, averaged over the draws of names."""
    name = scores_name(judge)
    known = {one.triple: one.valid for one in run.read(name, Score)}
    waiting = [triple for triple in made if triple.id not in known]
    draws = max(1, recipe.critic.draws)
    sums = [0.0] * len(waiting)
    with progress.stage("scores", len(waiting) * draws, "triples") as advance:
        for number in range(draws):
            shown = [_pair(recipe, triple, number) for triple in waiting]
            found = judge.score(shown, partial(_told, advance, number * len(waiting)))
            sums = [total + value / draws for total, value in zip(sums, found, strict=True)]
    fresh = {triple.id: value for triple, value in zip(waiting, sums, strict=True)}
    run.append(name, [Score(id_, value) for id_, value in fresh.items()])
    return {**known, **fresh}


def thresholds(
    recipe: CommonsenseRecipe, run: Run, made: Sequence[Triple], scores: Mapping[str, float]
) -> Thresholds:
    """The score from which on a level keeps an event's triples: the same share of each event's.

    The share is the smallest that keeps the level's recall of the valid triples of validation
    events. One threshold for all events would leave those out of which the critic is less sure,
    so that a student of the strict level would know nothing of their kind.

    Raises:
        TrainingError: no triple of a validation event is labelled valid.
    """
    ranked: dict[str, list[float]] = {}
    for triple in made:
        ranked.setdefault(triple.head, []).append(scores[triple.id])
    for some in ranked.values():
        some.sort(reverse=True)
    said = _said(recipe, run)
    valid = [t for t in made if t.split == "validation" and said.get(t.id)]
    if not valid:
        raise TrainingError("filter: no triple of a validation event is labelled valid; label more")
    # The share of its event that has to be kept for a triple to be kept.
    standing = sorted(
        sum(score >= scores[t.id] for score in ranked[t.head]) / len(ranked[t.head]) for t in valid
    )
    recalls: dict[Level, float] = {"low": recipe.filters.low, "high": recipe.filters.high}
    least: dict[Level, dict[str, float]] = {}
    for level, recall in recalls.items():
        share = standing[math.ceil(recall * len(standing)) - 1]
        least[level] = {
            head: min(
                (score for place, score in enumerate(some, 1) if place / len(some) <= share),
                default=math.inf,
            )
            for head, some in ranked.items()
        }
    return least


def filtered(
    least: Thresholds, made: Sequence[Triple], scores: Mapping[str, float]
) -> dict[Level, list[Triple]]:
    """What each level keeps of triples about events whose thresholds are known."""
    kept = {
        level: [t for t in made if scores[t.id] >= by_event[t.head]]
        for level, by_event in least.items()
    }
    return {"none": list(made), **kept}


def train_students(
    recipe: CommonsenseRecipe, run: Run, learned: Mapping[str, Sequence[Triple]], progress: Progress
) -> list[Path]:
    """Train a student on each of ``learned`` into ``<run>/<name>``."""
    wanted = []
    total = 0
    for name, some in learned.items():
        if not some:
            raise TrainingError(f"{name}: the filter kept no triple of a training event")
        settings = student.train_settings(recipe.student, len(some))
        examples = student.examples(some)
        checked = train.preflight(recipe.student.model, examples, settings)
        total += round(checked.tokens * settings.epochs)
        wanted.append(Training(recipe.student.model, examples, settings, run.folder / name))
    with progress.stage(f"training {', '.join(learned)}", total, "tokens") as advance:
        reports = training.together(wanted, advance)
    for name, report in zip(learned, reports, strict=True):
        count = report.preflight.examples
        losses = f"loss {report.first_loss:.3f} to {report.last_loss:.3f}"
        progress.say(f"  {name}: {count:,} triples, {losses}")
        run.finish(name, triples=count, tokens=report.tokens, last_loss=report.last_loss)
    return [one.out_dir for one in wanted]


def write_triples(
    recipe: CommonsenseRecipe,
    run: Run,
    name: str,
    adapter: Path,
    heads: Sequence[str],
    progress: Progress,
    *,
    first_sample: int = 0,
    known: set[str] | None = None,
) -> list[Triple]:
    """Let a student write about events into ``<name>.jsonl``; return what is of use."""
    if run.done(f"{name}-written") is None:
        asked = corpus.pairs(heads, recipe.corpus.relations)
        lm = student.load(recipe.student, adapter)
        with progress.stage(f"writing {name}", len(asked) * recipe.corpus.tails, "tails") as go:
            made = student.write(
                recipe, lm, asked, first_sample=first_sample, known=known, on_progress=go
            )
        have = {triple.id for triple in run.read(name, Triple)}
        run.append(name, [triple for triple in made if triple.id not in have])
        reasons = Counter(triple.reason for triple in made)
        run.finish(f"{name}-written", **reasons)
    return triples.kept(run.read(name, Triple))


def _systems(
    recipe: CommonsenseRecipe,
    run: Run,
    judge: Critic,
    least: Thresholds,
    levels: Mapping[Level, Sequence[Triple]],
    progress: Progress,
) -> dict[str, list[Triple]]:
    """Triples about the test events, of the teacher and of the students, at every level.

    The teacher's are filtered; a student's are as it wrote them, and filtered beside that.
    """
    systems = {
        f"teacher {level}": [triple for triple in some if triple.split == "test"]
        for level, some in levels.items()
    }
    heads = _heads(levels["none"], "test")
    for level in LEVELS:
        systems[f"student {level}"] = write_triples(
            recipe, run, f"written-{level}", run.folder / f"student-{level}", heads, progress
        )
    for level in LEVELS[1:]:
        written = systems[f"student {level}"]
        scores = score(recipe, run, judge, written, progress)
        systems[f"student {level}, filtered"] = filtered(least, written, scores)[level]
    return systems


def _rounds(
    recipe: CommonsenseRecipe,
    run: Run,
    judge: Critic,
    least: Thresholds,
    levels: Mapping[Level, Sequence[Triple]],
    systems: Mapping[str, Sequence[Triple]],
    wanted: int,
    progress: Progress,
) -> list[Round]:
    """Self-imitation (I2D2): write about training events, filter, train on all that was kept.

    Rounds that an earlier call has done are told again.
    """
    pool = [triple for triple in levels["high"] if triple.split == "train"]
    heads, unseen = _heads(levels["none"], "train"), _heads(levels["none"], "test")
    adapter = run.folder / "student-high"
    found = []
    number = 1
    while number <= wanted or run.done(f"round-{number}") is not None:
        new = write_triples(
            recipe,
            run,
            f"written-round-{number}",
            adapter,
            heads,
            progress,
            first_sample=number * recipe.corpus.tails,
            known={triple.id for triple in pool},
        )
        scores = score(recipe, run, judge, new, progress)
        better = filtered(least, new, scores)["high"]
        pool += better
        (adapter,) = train_students(recipe, run, {f"round-{number}": pool}, progress)
        tested = write_triples(recipe, run, f"tested-round-{number}", adapter, unseen, progress)
        told = {"student high": systems["student high"], f"round {number}": tested}
        found.append(
            Round(
                number,
                len(new),
                len(better),
                len(pool),
                measure(tested, judged_by(run)),
                gain("student high", f"round {number}", told, judged_by(run)),
            )
        )
        number += 1
    return found


def _gains(systems: Mapping[str, Sequence[Triple]], judge: Judge) -> list[Gain]:
    """The paper's claim, and what the filter does to teacher and student."""
    compared = (
        ("teacher none", "student high"),
        ("teacher none", "student low"),
        ("teacher none", "student none"),
        ("teacher none", "student low, filtered"),
        ("teacher none", "student high, filtered"),
        ("student none", "student low"),
        ("student low", "student high"),
        ("teacher none", "teacher low"),
        ("teacher low", "teacher high"),
    )
    return [gain(first, second, systems, judge) for first, second in compared]


def _told(advance: Advance, before: int, count: int) -> None:
    advance(before + count)


def _heads(made: Sequence[Triple], split: str) -> list[str]:
    return list(dict.fromkeys(triple.head for triple in made if triple.split == split))


def pair_of(
    recipe: CommonsenseRecipe, head: str, relation: str, tail: str, number: int = 0
) -> Pair:
    """What the critic reads of a triple, under the names of draw ``number``."""
    draw = f"critic/{recipe.critic.seed}/{number}/{relation}/{tail}"
    given = triples.people(head, draw) if recipe.critic.draws else triples.unnamed_people(head)
    said = triples.sentence(head, relation, tail, given)
    return Pair(f"{triples.named(head, given)}.", said)


def _pair(recipe: CommonsenseRecipe, triple: Triple, number: int) -> Pair:
    return pair_of(recipe, triple.head, triple.relation, triple.tail, number)


def _worded(report: critic.Report) -> str:
    kept = "; ".join(
        f"threshold for recall {recall}: keeps {at.kept:.0%} at precision {at.precision:.1%}, "
        f"recall {at.recall:.1%}"
        for recall, at in report.at.items()
    )
    return (
        f"test of {report.test.pairs} labels: AUC {report.test.auc:.3f}, "
        f"calibration error {report.test.error:.3f}; {kept}"
    )
