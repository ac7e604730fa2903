"""The world of everyday events, and what the embedded teacher says about it."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from nesy import everyday, models, prompts
from nesy.commonsense import triples
from nesy.types import Message, Messages, Sampling, Scorer

SAMPLED = Sampling(temperature=1.0, top_p=0.9, max_tokens=24, stop=("\n",))


def asked(head: str, relation: str) -> Messages:
    return triples.tail_prompt(head, relation, triples.people(head, "test"))


def test_every_situation_is_whole_and_differs_from_the_one_it_is_mistaken_for() -> None:
    known = everyday.situations()
    assert len(known) >= 20
    for situation in known.values():
        other = known[situation.mistaken_for]
        assert other.mistaken_for == situation.id
        assert set(triples.MAIN) <= set(situation.tails)
        about_other = any("PersonY" in event for event in situation.events)
        assert about_other == ("oReact" in situation.tails)
        for relation in triples.MAIN:
            own = set(situation.tails[relation])
            assert len(own) >= 3
            assert own - set(other.tails[relation]), (situation.id, relation)
    assert len(everyday.events()) == sum(
        len(s.events) * len((*s.objects, *s.rare)) for s in known.values()
    )


@pytest.mark.parametrize(
    ("head", "relation", "tail", "valid"),
    [
        ("PersonX lends the drill to PersonY", "xWant", "get the drill back", True),
        ("PersonX lends the drill to PersonY", "xWant", "To get the drill back.", True),
        ("PersonX lends the drill to PersonY", "xWant", "get the tent back", False),
        ("PersonX lends the drill to PersonY", "xNeed", "get the drill back", False),
        ("PersonX borrows the drill from PersonY", "xWant", "get the drill back", False),
        ("PersonX repairs the clock", "oReact", "grateful", False),
        ("PersonX fixes the clock for PersonY", "oReact", "grateful", True),
        ("PersonX brings an old dog home", "xEffect", "has to feed the old dog", True),
        ("PersonX brings a chinchilla home", "xEffect", "has to feed the chinchilla", True),
        ("PersonX cooks the tram", "xWant", "eat the tram", False),
        ("PersonX flies to the moon", "xReact", "happy", None),
    ],
)
def test_validity_is_known(head: str, relation: str, tail: str, valid: bool | None) -> None:
    assert everyday.valid(head, relation, tail) is valid


def test_beliefs_are_probabilities_of_which_some_are_false() -> None:
    for head in list(everyday.events())[::40]:
        for relation in everyday.RELATIONS:
            beliefs = everyday.beliefs(head, relation)
            if not beliefs:
                assert relation.startswith("o") and "PersonY" not in head
                continue
            assert math.isclose(sum(beliefs.values()), 1.0)
            true = sum(p for tail, p in beliefs.items() if everyday.valid(head, relation, tail))
            assert 0.6 < true < 0.95
            assert everyday.valid(head, relation, max(beliefs, key=beliefs.__getitem__))


def test_the_teacher_reads_every_shipped_prompt_of_a_relation() -> None:
    teacher = models.load("solver")
    right: Counter[bool | None] = Counter()
    for relation in everyday.RELATIONS:
        heads = [h for h, e in everyday.events().items() if e.has_other][::9]
        shown = [asked(head, relation) for head in heads]
        for head, done in zip(heads, teacher.generate(shown, SAMPLED), strict=True):
            tail, reason = triples.cleaned_tail(done, triples.people(head, "test"))
            assert reason == "kept", (head, relation, done.text)
            assert tail in everyday.beliefs(head, relation)
            right[everyday.valid(head, relation, tail)] += 1
    assert right[None] == 0
    assert 0.65 < right[True] / right.total() < 0.92


def test_the_teacher_samples_by_seed_and_tells_how_likely_a_tail_is() -> None:
    teacher = models.load("solver")
    assert isinstance(teacher, Scorer)
    head = "PersonX burns the stew"
    prompt = asked(head, "xWant")
    said = [
        teacher.generate([prompt], Sampling(temperature=1.0, seed=seed))[0].text
        for seed in range(60)
    ]
    assert len(set(said)) > 3
    assert said[7] == teacher.generate([prompt], Sampling(temperature=1.0, seed=7))[0].text
    greedy = teacher.generate([prompt], Sampling())[0].text
    assert greedy == " open the windows."
    beliefs = everyday.beliefs(head, "xWant")
    likely, never = teacher.logprobs([prompt, prompt], [greedy, " dance."])
    assert math.isclose(math.exp(likely), beliefs["open the windows"])
    assert never == -math.inf


def test_what_the_teacher_cannot_continue_is_no_tail() -> None:
    teacher = models.load("solver")
    given = triples.people("PersonX flies to the moon", "test")
    prompt = triples.tail_prompt("PersonX flies to the moon", "xWant", given)
    (done,) = teacher.generate([prompt], SAMPLED)
    assert triples.cleaned_tail(done, given)[1] == "refused"


def test_events_are_of_the_world_or_of_no_use() -> None:
    teacher = models.load("solver")
    prompt = prompts.load("commonsense-events")
    shown = [
        prompt.render(events=[*triples.seeds()[i : i + 9], f"PersonX sees number {i}"])
        for i in range(100)
    ]
    reasons: Counter[str] = Counter()
    for done in teacher.generate(shown, SAMPLED):
        event, reason = triples.cleaned_event(done.text)
        reasons[reason] += 1
        assert (event in everyday.events()) == (reason == "kept")
    assert reasons["kept"] > 80


def test_a_question_that_looks_like_an_event_is_still_answered() -> None:
    teacher = models.load("solver")
    text = "Solve it.\n\nQuestion: not ( True ) and ( True ) is"
    (done,) = teacher.generate([(Message("user", text),)], Sampling())
    assert done.text.endswith("So the answer is False.")
