"""The report card of an edit: does the answer follow it, and do other answers stay?

Four things are asked (the measures of KnowEdit), all through the real retriever and never with
the sentence that was edited: reliability (questions on the fact), generality (the same in
other words), portability (questions that need the fact and a further step) and locality
(neighbours and unrelated questions, whose answers must stay as they were).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args

from nesy import facts, resources, stats
from nesy.answer import Search, answer
from nesy.benchmarks import synth
from nesy.errors import InputError
from nesy.facts import Fact
from nesy.kb.entry import Entry
from nesy.prompts import Prompt
from nesy.types import LM, Attempt, Question, Sampling

Aspect = Literal["reliability", "generality", "portability", "locality"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
PROBES_PROMPT = "teacher-probes"

_PROBE = "probe"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PLANS: Mapping[str, Aspect] = {
    **dict.fromkeys(("plus", "minus"), "reliability"),
    **dict.fromkeys(("times", "both", "more", "share"), "generality"),
    **dict.fromkeys(("times plus", "plus times"), "portability"),
}
_DRAWN = 60  # items drawn of a family on one fact
_BEYOND = 1_000  # turns of a family after which no item stands in a split of a benchmark
_SECTIONS: Mapping[str, Aspect] = {
    "direct": "reliability",
    "reworded": "generality",
    "derived": "portability",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """A question of the report card, with its target after the edit."""

    aspect: Aspect
    question: Question


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of the report card.

    ``passed`` counts right answers (locality: answers that stayed the same), ``before`` those
    that were right before the edit, ``shown`` the questions that were shown the edited entry;
    ``interval`` is Wilson's at 95 %. ``failed`` are the ids of the others.
    """

    aspect: Aspect
    questions: int
    passed: int
    interval: tuple[float, float]
    before: int
    shown: int
    failed: tuple[str, ...]


def card(
    probes: Sequence[Probe],
    entry: str,
    lm: LM,
    prompt: Prompt,
    sampling: Sampling,
    before: Search,
    after: Search,
) -> list[Mark]:
    """Answer the probes through the search before and after the edit of ``entry``, and mark.

    Raises:
        ModelError: the model could not answer.
    """
    questions = [probe.question for probe in probes]
    pairs = list(
        zip(
            answer(questions, lm, prompt, sampling, before),
            answer(questions, lm, prompt, sampling, after),
            strict=True,
        )
    )
    return [
        _mark(
            aspect,
            entry,
            [p for probe, p in zip(probes, pairs, strict=True) if probe.aspect == aspect],
        )
        for aspect in ASPECTS
    ]


def _mark(aspect: Aspect, entry: str, pairs: Sequence[tuple[Attempt, Attempt]]) -> Mark:
    def passes(old: Attempt, new: Attempt) -> bool:
        if aspect != "locality":
            return new.outcome == "correct"
        return (old.answer, old.outcome) == (new.answer, new.outcome)

    passed = [passes(old, new) for old, new in pairs]
    return Mark(
        aspect=aspect,
        questions=len(pairs),
        passed=sum(passed),
        interval=stats.wilson(sum(passed), len(pairs)),
        before=sum(old.outcome == "correct" for old, _ in pairs),
        shown=sum(any(hit.entry == entry for hit in new.hits) for _, new in pairs),
        failed=tuple(new.question for (_, new), ok in zip(pairs, passed, strict=True) if not ok),
    )


def embedded(old: Entry, new: Entry, count: int) -> list[Probe]:
    """Make questions on the facts of an entry that stand in an embedded table.

    The target follows the new statement. Word problems are sorted by what must be computed
    (one step with the converted amount is reliability, other ways of asking it generality, a
    further step portability), choice questions by wording (the shortest is reliability).
    """
    if len(old.facts) != len(new.facts):
        return []
    made: list[Probe] = []
    for before, after in zip(old.facts, new.facts, strict=True):
        for family, fact in _stated(before):
            made += _of_family(family, fact, after, count)
    return made


def _stated(statement: str) -> Iterator[tuple[synth.Family, Fact]]:
    for family in synth.families().values():
        for fact in facts.table(family.table) if family.table is not None else ():
            if fact.statement == statement:
                yield family, fact


def _of_family(family: synth.Family, fact: Fact, statement: str, count: int) -> list[Probe]:
    split: synth.Split = "test-new-facts" if fact.held_out else "test"
    known = synth.pool(str(family.table), split)
    place = known.index(fact)
    drawn: dict[str, Question] = {}
    for turn in range(_BEYOND, _BEYOND + _DRAWN):
        made = synth.item(family, split, place + len(known) * turn)
        target = made.target
        if statement != fact.statement:
            target = _target(family, made, fact.statement, statement)
        if target:
            id_ = f"{_PROBE}/{fact.id}/{turn - _BEYOND}"
            drawn[made.text] = Question(
                *(id_, family.benchmark, family.name, split, made.text, target, made.kind),
                *(made.choices, made.facts, made.params),
            )
    stems = {text.partition("\n")[0] for text in drawn}
    shortest = min(stems, key=lambda stem: (len(stem), stem), default="")
    taken: dict[Aspect, list[Probe]] = {aspect: [] for aspect in ASPECTS}
    for text, question in drawn.items():
        plan = str(question.params.get("plan"))
        direct = text.partition("\n")[0] == shortest
        aspect = _PLANS.get(plan, "reliability" if direct else "generality")
        if len(taken[aspect]) < count:
            taken[aspect].append(Probe(aspect, question))
    return [probe for some in taken.values() for probe in some]


def _target(family: synth.Family, made: synth.Item, old: str, new: str) -> str:
    """Derive an item's target with the value of the new statement; empty if it has none."""
    value: Any = made.params["value"]
    if isinstance(value, int):
        places = [found[0] for found in _NUMBER.finditer(old)]
        numbers = _NUMBER.findall(new)
        if places.count(str(value)) != 1 or len(numbers) != len(places):
            return ""
        value = int(float(numbers[places.index(str(value))]))
    else:
        named = [c for c in made.choices if _holds(new, c) and not _holds(old, c)]
        if len(named) != 1:
            return ""
        value = named[0]
    try:
        return family.derive({**made.params, "value": value})
    except (ValueError, ArithmeticError):  # the new answer is none of the options
        return ""


def _holds(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


def others(
    questions: Sequence[Question],
    considered: Sequence[Sequence[str]],
    shown: Sequence[Sequence[str]],
    entry: str,
    facts_of_entry: Sequence[str],
    count: int,
    seed: int = 0,
) -> list[Probe]:
    """Choose the questions of the locality: half neighbours, half unrelated, as far as they go.

    ``considered`` holds, for each question, the ids of the entries that come near it, ``shown``
    those that it is shown. A neighbour has the entry among the first but is shown another one;
    a question that is shown the entry, or rests on its facts, is neither.
    """
    near: list[Probe] = []
    far: list[Probe] = []
    for i in Random(seed).sample(range(len(questions)), len(questions)):
        if not set(questions[i].facts) & set(facts_of_entry) and entry not in shown[i]:
            (near if entry in considered[i] else far).append(Probe("locality", questions[i]))
    half = max(count // 2, count - len(far))
    chosen = near[:half]
    return [*chosen, *far[: count - len(chosen)]]


def fact_ids(entry: Entry) -> list[str]:
    """Return the ids of the table facts that an entry states."""
    return sorted({fact.id for statement in entry.facts for _, fact in _stated(statement)})


def read(path: Path, entry: Entry) -> list[Probe]:
    """Read questions that a person wrote: JSONL rows of aspect, question, answer, and options.

    Raises:
        InputError: a line is no such row, or holds the entry's own sentence; each is named.
    """
    probes: list[Probe] = []
    problems: list[str] = []
    for number, line in enumerate(resources.read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            probes.append(_row(json.loads(line), f"{path.stem}/{number}", entry))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(f"{resources.shown(path)}:{number}: {what}")
    if problems:
        raise InputError("\n".join(problems))
    return probes


def _row(row: Mapping[str, Any], id_: str, entry: Entry) -> Probe:
    aspect, text, target = row["aspect"], str(row["question"]), str(row["answer"])
    if aspect not in ASPECTS:
        known = ", ".join(ASPECTS)
        raise ValueError(f"aspect {aspect}: use {known}{resources.near(str(aspect), ASPECTS)}")
    copied = _copied(text, entry)
    if copied is not None:
        raise ValueError(f"the question holds the entry's own sentence {copied!r}")
    return Probe(aspect, _question(id_, text, target, tuple(row.get("choices", ()))))


def _question(id_: str, text: str, target: str, choices: tuple[str, ...] = ()) -> Question:
    if choices:
        if target in choices:
            target = synth.letter(choices.index(target))
        return Question(
            id_, "", _PROBE, "test", f"{text}\n{synth.options(choices)}", target,
            "choice", choices,
        )  # fmt: skip
    number = re.fullmatch(r"-?[\d,]+(\.\d+)?", target) is not None
    kind: Literal["number", "text"] = "number" if number else "text"
    return Question(id_, "", _PROBE, "test", text, target, kind)


def _copied(text: str, entry: Entry) -> str | None:
    """Return the sentence of the entry that a question holds, if any."""
    said = " ".join(text.lower().split())
    sentences = [*entry.facts, *([entry.lesson] if entry.lesson else [])]
    return next((s for s in sentences if " ".join(s.lower().split()).rstrip(".") in said), None)


def written(entry: Entry, lm: LM, prompt: Prompt, sampling: Sampling, count: int) -> list[Probe]:
    """Let a teacher write questions on an entry; lines that are none or copy it are dropped.

    Raises:
        InputError: no line of what the teacher wrote is a question with an answer.
        ModelError: the teacher could not answer.
    """
    said = lm.generate([prompt.render(knowledge=entry.key("all"), count=count)], sampling)[0].text
    aspect: Aspect | None = None
    probes: list[Probe] = []
    for number, line in enumerate(said.splitlines(), 1):
        heading = line.strip(" *#").partition(":")[0].lower()
        if heading in _SECTIONS:
            aspect = _SECTIONS[heading]
            continue
        text, bar, target = line.strip().removeprefix("- ").rpartition(" | ")
        text, target = text.strip(), target.strip().rstrip(".")
        if not (aspect and bar and text and target):
            continue
        if _copied(text, entry) is None and not _holds(text, target):
            id_ = f"{_PROBE}/{entry.id}/{number}"
            probes.append(Probe(aspect, _question(id_, text, target)))
    if not probes:
        raise InputError(f"{lm.name} wrote no question on entry {entry.id}: {said[:200]!r}")
    return probes
