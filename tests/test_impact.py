"""The impact of an edit equals answering everything again, and asks only what is touched."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import small

from nesy import prompts
from nesy.errors import InputError
from nesy.evaluate import evaluate
from nesy.impact import impact
from nesy.kb.entry import Entry
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch
from nesy.models.hf import HFModel
from nesy.types import Completion, Messages, Question, Sampling

WORDS = ["firkin", "dozen", "hand", "horse", "beer", "gold", "tin", "water", "acre", "mile"]
PROMPT = prompts.load("student")


class Hashing:
    """Answers 0, 1 or 2 by the hash of all that it is shown."""

    name = "hashing"
    fingerprint = "1"

    def __init__(self) -> None:
        self.asked = 0

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        self.asked += len(prompts)
        texts = ["\n".join(m.content for m in messages) for messages in prompts]
        digits = [hashlib.sha256(text.encode()).digest()[0] % 3 for text in texts]
        return [Completion(f"So the answer is {digit}.", "stop", 1, 1) for digit in digits]


def entry(number: int, rng: random.Random) -> Entry:
    return Entry(
        id=f"e{number:02}", when=" ".join(rng.choices(WORDS, k=2)), facts=(rng.choice(WORDS),)
    )


def question(number: int, rng: random.Random) -> Question:
    text = " ".join(rng.choices(WORDS, k=4))
    return Question(f"b/test/{number}", "b", "t", "test", f"{text} {number}", "1", "number")


def search(entries: dict[int, Entry]) -> IndexSearch:
    return IndexSearch(Index(entries.values(), None, mode="bm25", k=2))


def edited(entries: dict[int, Entry], rng: random.Random) -> dict[int, Entry]:
    """Change, add and remove one to three entries."""
    now = dict(entries)
    for number in rng.sample(range(24), rng.choice([1, 1, 2, 3])):
        if number in now and rng.random() < 0.3:
            del now[number]
        else:
            now[number] = entry(number, rng)
    return now


@pytest.mark.parametrize("seed", range(40))
def test_impact_equals_answering_everything_again(seed: int) -> None:
    rng = random.Random(seed)
    entries = {number: entry(number, rng) for number in range(20)}
    questions = [question(number, rng) for number in range(60)]
    before = evaluate(questions, Hashing(), PROMPT, Sampling(), search(entries))
    now = edited(entries, rng)
    lm = Hashing()
    made = impact(questions, before, lm, PROMPT, Sampling(), search(now))
    again = evaluate(questions, Hashing(), PROMPT, Sampling(), search(now))
    assert list(made.attempts) == again
    assert lm.asked == len(made.affected) < len(questions)
    pairs = list(zip(before, again, strict=True))
    assert made.gained == sum(a.outcome != "correct" and b.outcome == "correct" for a, b in pairs)
    assert made.lost == sum(a.outcome == "correct" and b.outcome != "correct" for a, b in pairs)
    differ = {b.question for a, b in pairs if a.prompt_sha != b.prompt_sha}
    assert {old.question for old, _ in made.affected} == differ


def test_impact_of_a_real_model_equals_answering_everything_again(tmp_path: Path) -> None:
    lm = HFModel(str(small.save(tmp_path / "m", "lfm2")), batch_size=4)
    rng = random.Random(1)
    entries = {number: entry(number, rng) for number in range(12)}
    questions = [question(number, rng) for number in range(24)]
    sampling = Sampling(max_tokens=12)
    before = evaluate(questions, lm, PROMPT, sampling, search(entries))
    now = edited(entries, rng)
    made = impact(questions, before, lm, PROMPT, sampling, search(now))
    assert 0 < len(made.affected) < len(questions)
    assert list(made.attempts) == evaluate(questions, lm, PROMPT, sampling, search(now))


def test_nothing_is_asked_where_nothing_changed_and_a_mix_up_is_refused() -> None:
    rng = random.Random(1)
    entries = {number: entry(number, rng) for number in range(5)}
    questions = [question(number, rng) for number in range(8)]
    before = evaluate(questions, Hashing(), PROMPT, Sampling(), search(entries))
    lm = Hashing()
    same = impact(questions, before, lm, PROMPT, Sampling(), search(entries))
    assert (lm.asked, same.affected, list(same.attempts)) == (0, (), before)
    with pytest.raises(InputError, match="b/test/7 stands where b/test/0 should"):
        impact(questions, before[::-1], lm, PROMPT, Sampling(), search(entries))
