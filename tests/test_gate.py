"""The confidence gate: what it measures, whom it lets through, and how its threshold is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
import small
import torch

from nesy import pretrained, prompts, recipe, student
from nesy.answer import answer
from nesy.completions import CachedLM, Completions
from nesy.errors import InputError, ModelError
from nesy.kb import gate, store
from nesy.kb.entry import Entry
from nesy.kb.gate import GatedSearch
from nesy.kb.index import Index
from nesy.kb.search import IndexSearch
from nesy.models.hf import HFModel
from nesy.types import Message, Messages, Question, Sampling

PROMPT = prompts.load("student")
SHORT = Sampling(max_tokens=3)
TEXTS = ("firkin of beer", "a firkin of gold", "the firkin")


def question(number: int, text: str) -> Question:
    return Question(f"b/train/{number}", "b", "t", "train", text, "1", "number")


class Sure:
    """Is as sure as the number in the question's text says."""

    name = "sure"
    fingerprint = "1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def confidences(self, prompts: Sequence[Messages], tokens: int) -> list[float]:
        assert tokens == 16
        self.asked += [messages[-1].content for messages in prompts]
        return [int(m[-1].content.split("firkin ")[1].split()[0]) / 10 for m in prompts]


def test_only_unsure_questions_retrieve_and_none_is_asked_twice() -> None:
    entry = Entry(id="e", when="firkins", facts=("A firkin is 9 gallons.",))
    search = IndexSearch(Index([entry], None, mode="bm25"))
    sure = Sure()
    gated = GatedSearch(search, sure, PROMPT, 0.5)  # type: ignore[arg-type]
    asked = [question(n, f"firkin {n} ?") for n in range(10)]
    assert [len(some) for some in gated(asked)] == [1] * 6 + [0] * 4
    assert [len(some) for some in gated(asked[4:8])] == [1, 1, 0, 0]
    assert len(sure.asked) == 10
    assert "Knowledge" not in sure.asked[0]
    assert "Question: firkin 0 ?" in sure.asked[0]
    assert gated([]) == []


def test_a_model_that_hides_its_probabilities_is_refused() -> None:
    class Hidden:
        name = "openai:x"

    with pytest.raises(ModelError, match="openai:x does not tell the probabilities"):
        GatedSearch(lambda questions: [], Hidden(), PROMPT, 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", small.ARCHITECTURES)
def test_confidence_is_the_mean_margin_of_the_first_greedy_tokens(
    architecture: str, tmp_path: Path
) -> None:
    model = HFModel(str(small.save(tmp_path / "m", architecture)), batch_size=2)
    asked: list[Messages] = [(Message("user", f"Question: {text}\nAnswer:"),) for text in TEXTS]
    told = model.confidences(asked, 5)
    for messages, value in zip(asked, told, strict=True):
        ids = pretrained.prompt_ids(model.tokenizer, messages)
        margins = []
        for _ in range(5):
            with torch.inference_mode():
                logits = model.model(input_ids=torch.tensor([ids])).logits[0, -1]
            best = torch.softmax(logits.float(), -1).topk(2)
            margins.append(float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
            if ids[-1] in pretrained.end_ids(model.model, model.tokenizer):
                break
        assert value == pytest.approx(sum(margins) / len(margins), abs=1e-5)
    assert len(set(told)) == len(told)
    assert model.confidences([*asked[1:], asked[0]], 5) == pytest.approx([*told[1:], told[0]])
    full: Messages = (Message("user", "apples " * 600),)
    assert model.confidences([full], 5) == [0.0]


def test_the_fitted_threshold_finds_where_knowledge_helps() -> None:
    rng = Random(4)
    confidence = [rng.random() for _ in range(600)]
    alone = [rng.random() < c for c in confidence]
    knowledge = [rng.random() < 0.6 for _ in confidence]
    made = gate.fit(confidence, alone, knowledge)
    assert made.threshold == pytest.approx(0.6, abs=0.12)
    assert made.checked > max(made.alone, made.knowledge) + 0.03
    assert made.fitted >= made.checked
    assert made.gain.difference == pytest.approx(made.checked - made.knowledge)
    assert made.gain.p < 0.05
    coverages = [point.coverage for point in made.curve]
    assert coverages == sorted(coverages, reverse=True)
    assert (made.curve[0].coverage, made.curve[-1].coverage) == (1.0, 0.0)
    assert made.curve[0].accuracy == pytest.approx(made.alone)
    assert made.curve[-1].accuracy == pytest.approx(made.knowledge)
    best = next(p for p in made.curve if p.threshold == made.threshold)
    kept = [a for a, c in zip(alone, confidence, strict=True) if c > made.threshold]
    assert best.risk == pytest.approx(1 - sum(kept) / len(kept))
    assert made.area < 1 - made.alone  # sure answers are more often right


def test_where_knowledge_always_helps_every_question_retrieves() -> None:
    made = gate.fit([0.1 * i for i in range(10)], [False] * 10, [True] * 10)
    assert (made.threshold, made.retrieving, made.checked) == (1.0, 1.0, 1.0)
    with pytest.raises(InputError, match="at least 5"):
        gate.fit([0.5] * 4, [True] * 4, [True] * 4)


def test_eval_through_the_gate_shows_knowledge_to_unsure_questions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NESY_HOME", str(tmp_path / "home"))
    model = HFModel(str(small.save(tmp_path / "m", "llama")))
    entry = Entry(id="e.a", when="how many", facts=("How many is a number.",))
    store.write_drafts(tmp_path / "kb", "e", [entry])
    made = recipe.load("embedded", ["knowledge.mode=bm25", "knowledge.min_score=null"])
    searched = student.load_search(made, tmp_path / "kb")
    asked = [question(n, f"How many? {'Ann has bags ' * n}") for n in range(8)]
    told = gate.confidences(model, PROMPT, asked)
    middle = sorted(told)[3]
    through = student.gated(recipe.changed(made, f"knowledge.gate={middle}"), searched, model)
    given = {a.question: bool(a.hits) for a in answer(asked, model, PROMPT, SHORT, through)}
    assert given == {q.id: c <= middle for q, c in zip(asked, told, strict=True)}
    stored = CachedLM(model, Completions())  # which answers for the model it wraps
    through = student.gated(recipe.changed(made, f"knowledge.gate={middle}"), searched, stored)
    assert sum(map(bool, through(asked))) == 4
    assert student.gated(made, searched, model) is searched
