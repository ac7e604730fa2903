"""Rules with a variable reach the long tail (LINK): fill in, verify by the critic, keep the rare.

A rule says that a conclusion follows from an event whatever ``<o>`` is. The teacher names
things; what comes of them is a triple like any other, and the critic has to agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nesy import models, prompts, resources
from nesy.commonsense import distillation, triples
from nesy.commonsense.asking import critic_of
from nesy.commonsense.corpus import record
from nesy.commonsense.measures import Measured, measure
from nesy.commonsense.recipe import CommonsenseRecipe
from nesy.commonsense.triples import Triple
from nesy.completions import CachedLM, Completions
from nesy.errors import InputError
from nesy.everyday import filled
from nesy.runs import Run
from nesy.types import LM, Sampling, Scorer

SHIPPED = Path(__file__).with_name("rules.yaml")
_BLANK = "___"


class Rule(BaseModel):
    """A conclusion that follows from an event; ``things`` are examples of what ``<o>`` may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    event: str
    relation: str
    tail: str
    things: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_its_variable(self) -> Rule:
        if "<o>" not in self.event:
            raise ValueError("the event needs the variable <o>")
        return self


@dataclass(frozen=True, slots=True)
class Applied:
    """What rules gave: all that they gave, what the critic kept, and the rarest of that."""

    filled: Measured
    verified: Measured
    rare: Measured


def read(path: Path) -> list[Rule]:
    """Read a file of rules.

    Raises:
        InputError: it holds no list of rules, or one of them is malformed.
    """
    document = resources.read_yaml(path)
    rows = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{resources.shown(path)}:1: it needs a list `rules`")
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(Rule.model_validate(row))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(str(step) for step in problem["loc"])
            raise InputError(
                f"{resources.shown(path)}: rule {number}: {place} {problem['msg']}".rstrip()
            ) from error
    return found


def apply(
    recipe: CommonsenseRecipe, run: Run, rules: Sequence[Rule], samples: int, rare: float
) -> Applied:
    """Fill the rules into ``rules.jsonl``: ``samples`` things each; the share ``rare`` stays.

    The rarest are those whose thing the teacher is least likely to name; without a teacher
    that can tell, all that the critic keeps stay.

    Raises:
        InputError: the critic of the run is not trained yet.
        ModelError: the teacher can't answer.
    """
    judge = critic_of(run.folder, recipe)
    teacher = models.load(recipe.corpus.teacher)
    made = [triple for rule in rules for triple in _filled(recipe, teacher, rule, samples)]
    shown = [distillation.pair_of(recipe, t.head, t.relation, t.tail) for t in made]
    least = judge.threshold(recipe.filters.high)
    scores = judge.score(shown)
    verified = [t for t, score in zip(made, scores, strict=True) if score >= least]
    ranked = sorted(verified, key=lambda t: (0.0 if t.logprob is None else t.logprob, t.id))
    known = all(triple.logprob is not None for triple in verified)
    chosen = ranked[: round(rare * len(ranked))] if known else ranked
    good, final = {t.id for t in verified}, {t.id for t in chosen}
    have = {triple.id for triple in run.read("rules", Triple)}
    run.append("rules", [_judged(t, good, final) for t in made if t.id not in have])
    world = distillation.judged_by(run)
    return Applied(measure(made, world), measure(verified, world), measure(chosen, world))


def _filled(recipe: CommonsenseRecipe, teacher: LM, rule: Rule, samples: int) -> list[Triple]:
    """One triple for each thing that the teacher named, and for the examples none."""
    prompt = prompts.load("commonsense-thing")
    given = triples.unnamed_people(rule.event)
    event = rule.event.replace("<o>", _BLANK)
    said = triples.sentence(event, rule.relation, rule.tail.replace("<o>", _BLANK), given)
    shown = []
    for number in range(samples):
        things = list(rule.things)
        Random(f"{recipe.corpus.seed}/{rule.id}/{number}").shuffle(things)
        shown.append(prompt.render(event=event, sentence=said, things=things))
    known = {triples.triple_id(*_instance(rule, thing)) for thing in rule.things}
    made = []
    for number, messages in enumerate(shown):
        sampling = Sampling(
            temperature=1.0, max_tokens=recipe.corpus.max_tokens, seed=number, stop=("\n",)
        )
        (done,) = CachedLM(teacher, Completions()).generate([messages], sampling)
        thing, reason = triples.cleaned_tail(done, {})
        if reason != "kept":
            continue
        head, relation, tail = _instance(rule, thing)
        logprob = None
        if isinstance(teacher, Scorer):
            (logprob,) = teacher.logprobs([messages], [done.text])
        triple = record(
            head,
            relation,
            tail,
            reason,
            split=triples.split_of(head, recipe.corpus.seed),
            maker=f"rule:{rule.id}+{teacher.name}",
            prompt=prompt.sha,
            sample=number,
            logprob=logprob,
            known=known,
        )
        made += [] if triple is None else [triple]
    return made


def _instance(rule: Rule, thing: str) -> tuple[str, str, str]:
    return filled(rule.event, thing), rule.relation, filled(rule.tail, thing)


def _judged(triple: Triple, good: set[str], final: set[str]) -> Triple:
    if triple.id in final:
        return triple
    reason = "not among the rarest" if triple.id in good else "below the critic's threshold"
    return replace(triple, kept=False, reason=reason)
