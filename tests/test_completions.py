"""An answered request is never asked again, and what it cost is known."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from nesy.completions import CachedLM, Charged, Completions
from nesy.errors import InputError, ModelError
from nesy.spend import Price
from nesy.types import Completion, Failure, Message, Messages, Sampling


class Counting:
    """Answers with the prompt's own text, counts what it was asked, fails on demand."""

    def __init__(self, fingerprint: str = "w1", fail_at: int | None = None) -> None:
        self.name = "counting"
        self.fingerprint = fingerprint
        self.asked: list[str] = []
        self._fail_at = fail_at

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        if self._fail_at is not None and len(self.asked) >= self._fail_at:
            raise ModelError("stopped")
        made = []
        for prompt in prompts:
            self.asked.append(prompt[-1].content)
            made.append(Completion(f"{prompt[-1].content} #{len(self.asked)}", "stop", 1, 1))
        return made


def prompts(*texts: str) -> list[Messages]:
    return [(Message("user", text),) for text in texts]


def test_cache_asks_once(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    lm = Counting()
    cached = CachedLM(lm, store, chunk=2)
    first = cached.generate(prompts("a", "b", "a", "c"), Sampling())
    assert lm.asked == ["a", "b", "c"]
    assert first[0] == first[2]
    assert (cached.asked, cached.reused) == (3, 0)
    again = CachedLM(Counting(), Completions(tmp_path / "c.sqlite"))
    assert again.generate(prompts("c", "a"), Sampling()) == [first[3], first[0]]
    assert (again.asked, again.reused) == (0, 2)


def test_cache_key_holds_what_decides_the_completion(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    CachedLM(Counting("w1"), store).generate(prompts("a"), Sampling())
    for lm, sampling, text in [
        (Counting("w2"), Sampling(), "a"),
        (Counting("w1"), Sampling(seed=1), "a"),
        (Counting("w1"), Sampling(stop=("Q:",)), "a"),
        (Counting("w1"), Sampling(), "a "),
    ]:
        CachedLM(lm, store).generate(prompts(text), sampling)
        assert len(lm.asked) == 1
    system = Counting("w1")
    CachedLM(system, store).generate([(Message("system", "a"),)], Sampling())
    assert len(system.asked) == 1


def test_samples_of_one_prompt_stay_apart(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    sampled = Sampling(temperature=0.8)
    first = CachedLM(Counting(), store).generate(prompts("a", "a"), sampled)
    assert first[0] != first[1]
    lm = Counting()
    assert CachedLM(lm, store).generate(prompts("a", "a", "a"), sampled)[:2] == first
    assert len(lm.asked) == 1


def test_answered_chunks_survive_a_failure(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    with pytest.raises(ModelError, match="stopped"):
        CachedLM(Counting(fail_at=4), store, chunk=2).generate(prompts(*"abcdef"), Sampling())
    lm = Counting()
    CachedLM(lm, store, chunk=2).generate(prompts(*"abcdef"), Sampling())
    assert lm.asked == ["e", "f"]


def test_wrong_number_of_completions_is_an_error(tmp_path: Path) -> None:
    class Short(Counting):
        def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
            return super().generate(prompts, sampling)[1:]

    cached = CachedLM(Short(), Completions(tmp_path / "c.sqlite"))
    with pytest.raises(ModelError, match="1 completions for 2 prompts"):
        cached.generate(prompts("a", "b"), Sampling())


def _fill(path: Path, first: int) -> None:
    lm = CachedLM(Counting(), Completions(path), chunk=1)
    lm.generate(prompts(*(str(i) for i in range(first, first + 40))), Sampling())


def test_processes_share_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_fill, args=(path, 20 * i)) for i in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    lm = Counting()
    CachedLM(lm, Completions(path)).generate(prompts(*(str(i) for i in range(60))), Sampling())
    assert lm.asked == []


def test_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path))
    assert Completions().path == tmp_path / "completions.sqlite"


class Failing(Counting):
    """Answers but for one prompt, for which it is charged twice and gives no answer."""

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        raise NotImplementedError("a cache asks for outcomes")

    def outcomes(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | Failure]]:
        for index in reversed(range(len(prompts))):
            if prompts[index][-1].content == "bad":
                lost = Failure("empty answer", "", 1, 7, 1)
                yield index, replace(lost, final=False)
                yield index, replace(lost, tries=2)
            else:
                yield index, self.generate([prompts[index]], sampling)[0]


def test_a_complete_answer_holds_under_another_limit(tmp_path: Path) -> None:
    class Long(Counting):
        def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
            made = super().generate(prompts, sampling)
            length = min(10, sampling.max_tokens)
            finish = "length" if length < 10 else "stop"
            return [replace(c, finish=finish, completion_tokens=length) for c in made]

    store = Completions(tmp_path / "c.sqlite")
    asked = []
    for limit in (5, 20, 20, 10, 4, 5, 200):
        lm = Long()
        (found,) = CachedLM(lm, store).generate(prompts("a"), Sampling(max_tokens=limit))
        assert found.finish == ("stop" if limit >= 10 else "length")
        assert found.completion_tokens == min(10, limit)
        asked.append(len(lm.asked))
    assert asked == [1, 1, 0, 0, 1, 0, 0]


def test_failures_are_handed_out_and_asked_again(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    lm = Failing()
    cached = CachedLM(lm, store, run="r", price=Price(1_000_000, 2_000_000))
    cached.stage = "rationales"
    found = dict(cached.outcomes(prompts("a", "bad", "b", "bad"), Sampling()))
    assert isinstance(found[0], Completion) and isinstance(found[2], Completion)
    assert found[1] == found[3] == Failure("empty answer", "", 2, 7, 1)
    assert lm.asked == ["b", "a"]
    assert store.charged("r") == [Charged("rationales", 4, 2, 16, 4, 24.0)]
    with pytest.raises(ModelError, match="counting: prompt 1: empty answer, tried 2 times"):
        cached.generate(prompts("a", "bad"), Sampling())
    assert lm.asked == ["b", "a"]
    assert store.charged("other") == []
    assert store.lengths("counting", "rationales") == [1, 1, 1, 1, 1, 1]


def test_an_unknown_price_is_no_sum(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    CachedLM(Counting(), store, run="r").generate(prompts("a"), Sampling())
    (charged,) = store.charged("r")
    assert (charged.answers, charged.usd) == (1, None)


def test_nothing_is_reused_that_was_not_asked_for(tmp_path: Path) -> None:
    store = Completions(tmp_path / "c.sqlite")
    lm = Counting()
    for _ in range(2):
        CachedLM(lm, store, reuse=False).generate(prompts("a"), Sampling())
    assert lm.asked == ["a", "a"]
    CachedLM(lm, store).generate(prompts("a"), Sampling())
    assert len(lm.asked) == 2


def test_a_full_disk_keeps_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    store = Completions(path)
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    lm = Counting()
    texts = [f"{i} {'x' * 2000}" for i in range(100)]
    with pytest.raises(InputError, match=r"c\.sqlite: database or disk is full; what was stored"):
        CachedLM(lm, store, run="r").generate(prompts(*texts), Sampling())
    store.close()
    again = Counting()
    opened = Completions(path)
    CachedLM(again, opened, run="r").generate(prompts(*texts), Sampling())
    stored = len(texts) - len(again.asked)
    assert 10 < stored < 50
    assert opened.charged("r")[0].answers == 100


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_text("no database " * 100, "utf-8")
    with pytest.raises(InputError, match=r"c\.sqlite: file is not a database"):
        Completions(path)
