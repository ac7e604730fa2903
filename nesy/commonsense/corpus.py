"""Machine to corpus: the teacher thinks of events and says what follows from them.

Everything that it wrote is recorded, what is no use with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nesy import prompts
from nesy.commonsense import triples
from nesy.commonsense.recipe import Corpus
from nesy.commonsense.triples import Split, Thought, Triple
from nesy.completions import CachedLM, Completions
from nesy.everyday import bare
from nesy.progress import Progress
from nesy.runs import Run
from nesy.types import LM, Sampling, Scorer

_BATCH = 256  # requests whose answers are recorded at once
_LINE = ("\n",)


def events(settings: Corpus, run: Run, teacher: LM, progress: Progress) -> list[str]:
    """Let the teacher continue lists of seed events; return the new events that are kept."""
    if run.done("events") is None:
        prompt = prompts.load("commonsense-events")
        asked = []
        for number in range(settings.events):
            shown = Random(f"{settings.seed}/{number}").sample(triples.seeds(), settings.shown)
            asked.append(prompt.render(events=shown))
        sampling = Sampling(
            temperature=1.0,
            top_p=settings.event_top_p,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
            stop=_LINE,
        )
        cached = CachedLM(teacher, Completions())
        made: list[Thought] = []
        seen = {bare(event) for event in triples.seeds()}
        with progress.stage("events", len(asked), "events") as advance:
            for first in range(0, len(asked), _BATCH):
                some = asked[first : first + _BATCH]
                written = [c.text for c in cached.generate(some, sampling)]
                known: Sequence[float | None] = [None] * len(some)
                if isinstance(teacher, Scorer):
                    known = teacher.logprobs(some, written)
                for place, text in enumerate(written):
                    event, reason = triples.cleaned_event(text)
                    if reason == "kept" and bare(event) in seen:
                        reason = "repeated"
                    seen.add(bare(event))
                    id_ = f"{settings.seed}/{first + place}"
                    made.append(Thought(id_, event, reason == "kept", reason, known[place]))
                advance(first + len(some))
        made = _without_unlikely(made, settings.drop)
        have = {thought.id for thought in run.read("events", Thought)}
        run.append("events", [thought for thought in made if thought.id not in have])
        run.finish("events", asked=len(made), kept=sum(t.kept for t in made))
    found = [thought.event for thought in run.read("events", Thought) if thought.kept]
    progress.say(f"{len(found):,} new events")
    return found


def infer(
    settings: Corpus, run: Run, teacher: LM, heads: Sequence[str], progress: Progress
) -> list[Triple]:
    """Let the teacher say what follows from the events; return what is of use."""
    if run.done("triples") is None:
        cached = CachedLM(teacher, Completions())
        known = {triple.id for triple in run.read("triples", Triple)}
        wanted = pairs(heads, settings.relations)
        with progress.stage("inferences", len(wanted) * settings.tails, "tails") as advance:
            for sample in range(settings.tails):
                for first in range(0, len(wanted), _BATCH):
                    some = wanted[first : first + _BATCH]
                    run.append("triples", _tails(settings, teacher, cached, some, sample, known))
                    advance(sample * len(wanted) + first + len(some))
        made = run.read("triples", Triple)
        run.finish("triples", made=len(made), kept=sum(t.kept for t in made))
    found = triples.kept(run.read("triples", Triple))
    progress.say(f"{len(found):,} unique triples of {len({t.head for t in found}):,} events")
    return found


def pairs(heads: Sequence[str], relations: Sequence[str]) -> list[tuple[str, str]]:
    """Every event with every relation that can be asked of it."""
    return [
        (head, relation)
        for head in heads
        for relation in relations
        if "PersonY" in head or not triples.concerns_other(relation)
    ]


def _tails(
    settings: Corpus,
    teacher: LM,
    cached: LM,
    asked: Sequence[tuple[str, str]],
    sample: int,
    known: set[str],
) -> list[Triple]:
    """One tail for each pair, as records; ``known`` holds the ids made so far."""
    given = [triples.people(head, f"{settings.seed}/{sample}") for head, _ in asked]
    shown = [
        triples.tail_prompt(head, relation, who)
        for (head, relation), who in zip(asked, given, strict=True)
    ]
    sampling = Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        seed=sample,
        stop=_LINE,
    )
    written = cached.generate(shown, sampling)
    scores: Sequence[float | None] = [None] * len(asked)
    if isinstance(teacher, Scorer):
        scores = teacher.logprobs(shown, [completion.text for completion in written])
    made = []
    rows = zip(asked, given, written, scores, strict=True)
    for (head, relation), who, completion, logprob in rows:
        tail, reason = triples.cleaned_tail(completion, who)
        made.append(
            record(
                head,
                relation,
                tail,
                reason,
                split=triples.split_of(head, settings.seed),
                maker=teacher.name,
                prompt=triples.prompt_sha(relation),
                sample=sample,
                logprob=logprob,
                known=known,
            )
        )
    return [triple for triple in made if triple is not None]


def record(
    head: str,
    relation: str,
    tail: str,
    reason: str,
    *,
    split: Split,
    maker: str,
    prompt: str,
    sample: int,
    logprob: float | None,
    known: set[str],
) -> Triple | None:
    """A triple as it is recorded; ``None`` for one whose id is ``known``, to which it is added."""
    id_ = triples.triple_id(head, relation, tail)
    if id_ in known:
        return None
    known.add(id_)
    if reason == "kept" and bare(tail) == bare(head):
        reason = "repeats the event"
    return Triple(
        id_,
        head,
        relation,
        tail,
        split,
        maker,
        prompt,
        sample,
        reason == "kept",
        reason,
        logprob,
    )


def _without_unlikely(made: Sequence[Thought], share: float) -> list[Thought]:
    """Mark the least likely kept events as dropped; none where the likelihood is not known."""
    ranked = sorted((t.logprob, t.id) for t in made if t.kept and t.logprob is not None)
    unlikely = {id_ for _, id_ in ranked[: int(share * len(ranked))]}
    return [
        Thought(t.id, t.event, False, "among the least likely", t.logprob)
        if t.id in unlikely
        else t
        for t in made
    ]
