"""What a run of symbolic knowledge distillation has to say: its corpus, measures, student."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nesy import critic, resources, train
from nesy.commonsense import distillation, recipe, student, triples
from nesy.commonsense.distillation import LEVELS, Level, Score, Stats
from nesy.commonsense.recipe import CommonsenseRecipe
from nesy.commonsense.triples import Thought, Triple
from nesy.critic import Critic
from nesy.errors import InputError
from nesy.runs import RECIPE, Run, from_json


@dataclass(frozen=True, slots=True)
class Answered:
    """A tail that the student wrote, its mean log-probability a token, and the critic's view."""

    tail: str
    logprob: float
    valid: float


@dataclass(frozen=True, slots=True)
class Corpus:
    """Counts of what the teacher wrote: reasons of events and tails, kept triples by part."""

    events: Mapping[str, int]
    tails: Mapping[str, int]
    relations: Mapping[str, int]
    splits: Mapping[str, int]


def ask(folder: Path, event: str, relation: str, level: str, beams: int) -> list[Answered]:
    """Complete an event, the likeliest tails first.

    Raises:
        InputError: the event is none, the run has no such relation or level, or has not trained
            its student or critic yet.
        ModelError: student or critic can't be loaded.
    """
    made = recipe_of(folder)
    head, reason = triples.cleaned_event(event)
    if reason != "kept":
        raise InputError(f"{event!r}: {reason}; write an event such as 'PersonX finds a key'")
    known = made.corpus.relations
    if relation not in known:
        hint = resources.near(relation, known)
        raise InputError(f"relation {relation}: the run knows {', '.join(known)}{hint}")
    judge = critic_of(folder, made)
    adapter = folder / f"student-{_level(level)}"
    if not (adapter / train.REPORT).is_file():
        raise InputError(f"{folder}: {adapter.name} is not trained yet{_next('train', folder)}")
    lm = student.load(made.student, adapter)
    found = student.beams(lm, head, relation, beams, made.student.max_tokens)
    shown = [distillation.pair_of(made, head, relation, beam.tail) for beam in found]
    scores = judge.score(shown)
    return [Answered(b.tail, b.logprob, s) for b, s in zip(found, scores, strict=True)]


def kept(folder: Path, level: str) -> list[Triple]:
    """The triples that a level of the filter keeps.

    Raises:
        InputError: there is no such level, or the corpus is not scored yet.
    """
    made, wanted = recipe_of(folder), _level(level)
    judge = critic_of(folder, made)
    run = Run.open(folder)
    corpus_ = triples.kept(run.read("triples", Triple))
    scores = {s.triple: s.valid for s in run.read(distillation.scores_name(judge), Score)}
    if any(triple.id not in scores for triple in corpus_):
        raise InputError(f"{folder}: not all is scored yet{_next('filter', folder)}")
    least = distillation.thresholds(made, run, corpus_, scores)
    return distillation.filtered(least, corpus_, scores)[wanted]


def critic_of(folder: Path, made: CommonsenseRecipe) -> Critic:
    """The critic of a run.

    Raises:
        InputError: it is not trained yet.
    """
    where = folder / "critic"
    if not (where / critic.REPORT).is_file():
        raise InputError(f"{folder}: its critic is not trained yet{_next('critic', folder)}")
    return Critic(where, made.critic.device)


def corpus(folder: Path) -> Corpus:
    """Count what the teacher wrote."""
    run = Run.open(folder)
    made = run.read("triples", Triple)
    good = triples.kept(made)
    return Corpus(
        events=_counted(t.reason for t in run.read("events", Thought)),
        tails=_counted(t.reason for t in made),
        relations=_counted(t.relation for t in good),
        splits=_counted(t.split for t in good),
    )


def report(folder: Path) -> Stats | None:
    """The measures of a run, or ``None`` if it has not ended."""
    path = folder / "report.json"
    return from_json(Stats, path.read_text("utf-8")) if path.is_file() else None


def recipe_of(folder: Path) -> CommonsenseRecipe:
    """The recipe that a run was made by.

    Raises:
        InputError: the folder holds no such run.
    """
    path = Run.open(folder).folder / RECIPE
    return recipe.parse(path.read_text("utf-8"), resources.shown(path))


def _next(stage: str, folder: Path) -> str:
    return f"; run `nesy commonsense {stage} --run {resources.shown(folder)}` first"


def _level(name: str) -> Level:
    for level in LEVELS:
        if level == name:
            return level
    raise InputError(f"--level {name}: use {', '.join(LEVELS)}{resources.near(name, LEVELS)}")


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
