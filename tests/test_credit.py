"""Credit tells planted good entries from poisoned ones, and says how many answers that took."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import pytest

from nesy import credit as credits
from nesy import prompts
from nesy.credit import Report, corrected, credit, interval, plan
from nesy.evaluate import evaluate
from nesy.kb.entry import Entry
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch
from nesy.stats import mcnemar
from nesy.types import Attempt, Completion, Hit, Messages, Question, Sampling

PROMPT = prompts.load("student")
KINDS = ("good", "poisoned", "idle")
RIGHT = {"good": 0.75, "poisoned": 0.02, "idle": 0.4, "none": 0.4}
SUBJECTS = [f"subject{number}" for number in range(60)]
ENTRIES = {
    f"e.{subject}": Entry(
        id=f"e.{subject}", when=f"{subject} is asked for", facts=(f"{KINDS[i % 3]} knowledge",)
    )
    for i, subject in enumerate(SUBJECTS)
}
QUESTIONS = [
    Question(f"b/test/{subject}/{n}", "b", "t", "test", f"What of {subject} {n}?", "1", "number")
    for subject in SUBJECTS
    for n in range(24)
]
SEARCH = IndexSearch(Index(ENTRIES, None, mode="bm25"))


def share(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


class Student:
    """Is right as often as the entry that it is shown makes it.

    Whether it is depends on how hard the question is, and in three cases of ten on chance.
    """

    name = "student"
    fingerprint = "1"

    def __init__(self) -> None:
        self.asked = 0

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        self.asked += len(prompts)
        made = []
        for messages in prompts:
            text = messages[-1].content
            kind = next((kind for kind in KINDS if f"{kind} knowledge" in text), "none")
            hard = share(text.partition("Question: ")[2])
            draw = share(text) if share(f"chance {text}") < 0.3 else hard
            answer = 1 if draw < RIGHT[kind] else 2 + int(draw * 1000) % 2
            made.append(Completion(f"So the answer is {answer}.", "stop", 1, 1))
        return made


def measured(answers: int | None, seed: int = 0) -> tuple[Report, int]:
    attempts = evaluate(QUESTIONS, Student(), PROMPT, Sampling(), SEARCH)
    lm = Student()
    asking = (lm, PROMPT, Sampling(), SEARCH.without)
    report = credit(QUESTIONS, attempts, ENTRIES, *asking, answers=answers, seed=seed)
    return report, lm.asked


def kind(entry: str) -> str:
    return KINDS[SUBJECTS.index(entry.removeprefix("e.")) % 3]


def area(report: Report) -> float:
    """Share of (good, poisoned) pairs that the effect puts in the right order; ties count half."""
    effects = {k: [one.effect for one in report.entries if kind(one.entry) == k] for k in KINDS}
    pairs = [(g, p) for g in effects["good"] for p in effects["poisoned"]]
    return sum((g > p) + 0.5 * (g == p) for g, p in pairs) / len(pairs)


def test_credit_tells_good_from_poisoned_entries(capsys: pytest.CaptureFixture[str]) -> None:
    full, all_asked = measured(None)
    assert all_asked == full.answers == full.full == len(QUESTIONS)
    areas = []
    for answers in (240, 480):
        for seed in range(3):
            report, asked = measured(answers, seed)
            assert asked == report.answers == answers
            assert {one.asked for one in report.entries} == {answers // len(ENTRIES)}
            areas.append(area(report))
    with capsys.disabled():
        print(
            f"\nAUC good against poisoned: {min(areas[:3]):.3f} with 240 extra answers, "
            f"{min(areas[3:]):.3f} with 480, {area(full):.3f} with all {full.full}"
        )
    assert min(areas[3:]) >= 0.95
    assert area(full) >= 0.99


def test_verdicts_are_right_and_idle_entries_get_none() -> None:
    report, _ = measured(None)
    told = {k: [one.verdict for one in report.entries if kind(one.entry) == k] for k in KINDS}
    assert "harmed" not in told["good"]
    assert "helped" not in told["poisoned"]
    assert told["good"].count("helped") >= 5
    assert told["poisoned"].count("harmed") >= 5
    assert told["idle"].count("no evidence") >= 19  # one wrong verdict in twenty is accepted
    first = report.entries[0]
    assert (first.shown, first.asked) == (24, 24)
    assert first.effect == (first.helped - first.harmed) / 24
    assert first.interval[0] < first.effect < first.interval[1] < 0
    assert first.used >= first.helped + first.harmed


def test_entries_of_one_question_are_left_out_one_at_a_time() -> None:
    index = Index(ENTRIES, None, mode="bm25", k=2)
    search = IndexSearch(index)
    asked = [Question("b/1", "b", "t", "test", "What of subject1 and subject2?", "1", "number")]
    attempts = evaluate(asked, Student(), PROMPT, Sampling(), search)
    assert [hit.entry for hit in attempts[0].hits] == ["e.subject1", "e.subject2"]
    seen: list[tuple[frozenset[str], list[str]]] = []

    def without(questions: Sequence[Question], left: Sequence[frozenset[str]]) -> list[list]:
        found = search.without(questions, left)
        seen.extend(
            (out, [one.entry.id for one in some]) for out, some in zip(left, found, strict=True)
        )
        return found

    report = credit(asked, attempts, ENTRIES, Student(), PROMPT, Sampling(), without)
    assert seen[0][0] == {"e.subject1"} and "e.subject1" not in seen[0][1]
    assert seen[1][0] == {"e.subject2"} and "e.subject2" not in seen[1][1]
    assert report.full == 2
    assert sum(not one.shown for one in report.entries) == len(ENTRIES) - 2


def test_a_plan_spreads_the_answers_evenly() -> None:
    done = Completion("", "stop", 1, 1)

    def shown(number: int, entry: str) -> tuple[Attempt, str]:
        hit = (Hit(entry, 1.0, 1),)
        return Attempt(str(number), "t", hit, "", done, None, None, "wrong", "wrong"), entry

    full = [shown(n, "often") for n in range(50)] + [shown(99, "once"), shown(98, "twice")]
    full.append(shown(97, "twice"))
    assert plan(full, None, 0) == plan(full, 53, 0) == full
    entries = [entry for _, entry in plan(full, 8, 0)]
    assert (entries.count("once"), entries.count("twice"), entries.count("often")) == (1, 2, 5)
    assert len({a.question for a, _ in plan(full, 8, 0)}) == 8
    assert plan(full, 8, 0) == plan(full, 8, 0) != plan(full, 8, 1)


def test_interval_holds_its_level() -> None:
    rng = random.Random(0)
    for asked, helped, harmed in ((10, 0.3, 0.1), (20, 0.05, 0.3), (50, 0.1, 0.1)):
        inside = 0
        for _ in range(1500):
            draws = [rng.random() for _ in range(asked)]
            plus = sum(draw < helped for draw in draws)
            minus = sum(draw > 1 - harmed for draw in draws)
            low, high = interval(asked, plus, minus)
            inside += low <= helped - harmed <= high
        assert inside / 1500 > 0.935
    assert interval(0, 0, 0) == (-1.0, 1.0)
    assert interval(5, 5, 0)[1] == 1.0


def test_correction_counts_only_tests_that_can_come_out() -> None:
    idle = {f"idle{n}": (1.0, 1) for n in range(500)}
    tests = {"strong": (2 * 0.5**12, 12), "weak": (0.04, 9), **idle}
    q = corrected(tests)
    assert q["strong"] == pytest.approx(2 * 2 * 0.5**12)
    assert q["weak"] == pytest.approx(0.04)
    assert {q[name] for name in idle} == {1.0}
    rng = random.Random(0)
    wrong = 0
    for _ in range(200):  # no entry has an effect: at most one report in twenty may claim one
        null = {}
        for n in range(40):
            differ = rng.randrange(12)
            plus = sum(rng.random() < 0.5 for _ in range(differ))
            null[str(n)] = (mcnemar(plus, differ - plus), differ)
        wrong += min(corrected(null).values()) <= credits.LEVEL
    assert wrong / 200 <= 0.08
    assert corrected({}) == {}
