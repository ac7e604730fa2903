"""Put a student and its knowledge base together as a recipe says: distillation, evaluation, ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock

from nesy import benchmarks, models, pretrained, prompts
from nesy.answer import Verifier, Without
from nesy.completions import CachedLM
from nesy.kb import store
from nesy.kb.compress import Budget
from nesy.kb.encoder import load_encoder
from nesy.kb.entry import Entry
from nesy.kb.gate import GatedSearch
from nesy.kb.generate import Filters, GeneratedSearch
from nesy.kb.index import Found, Index
from nesy.kb.rerank import load_reranker
from nesy.kb.search import IndexSearch, Searching
from nesy.models.chained import Chained
from nesy.prompts import Prompt
from nesy.recipe import Generate, Recipe
from nesy.types import LM, Question, Sampling

PROMPT = "student"
"""What the student of the general distillation is asked, which fails and so makes knowledge."""


def load_student(
    recipe: Recipe,
    adapter: Path | None,
    *,
    batch_size: int | str = "auto",
    base_url: str | None = None,
    ray: str | None = None,
) -> LM:
    """Load the recipe's student, with an adapter or, with ``None``, as it was before.

    ``batch_size`` is the number of questions that local weights decode at a time; ``base_url``
    is for a model behind an endpoint, ``ray`` is the address of a cluster that shall hold local
    weights.

    Raises:
        ModelError: the model or the adapter is missing.
    """
    return models.load(
        recipe.student.model,
        adapter=adapter,
        device=recipe.student.device,
        dtype=recipe.student.dtype,
        calculator=recipe.student.calculator,
        batch_size=batch_size,
        base_url=base_url,
        ray=ray,
    )


def prompt(recipe: Recipe) -> Prompt:
    """Return what a question is put into, by the recipe; further passes are ``answering``'s.

    Raises:
        PromptError: no such prompt, or the file is wrong.
    """
    return prompts.load(recipe.answering.prompts[0])


def answering(recipe: Recipe, lm: LM) -> LM:
    """Return the model as the recipe has it answer: in one pass, or in several.

    Raises:
        PromptError: a prompt is missing or wrong.
    """
    further = [prompts.load(name) for name in recipe.answering.prompts[1:]]
    return Chained(lm, further) if further else lm


def load_index(recipe: Recipe, kb: Path) -> Index:
    """Index the entries of a knowledge base as the recipe says.

    Raises:
        EntryError: the knowledge base can't be read; every problem with its place.
    """
    return index(recipe, store.load(kb).entries)


def index(recipe: Recipe, entries: Mapping[str, Entry] | Iterable[Entry]) -> Index:
    """Index entries as the recipe says.

    Raises:
        ModelError: the knowledge has a budget, and the student's tokenizer is not at hand.
    """
    settings = recipe.knowledge
    questions = None
    if settings.key == "question":
        questions = {question.id: question.text for question in training_questions(recipe)}
    encoder = None if settings.mode == "bm25" else load_encoder(settings.encoder)
    return Index(
        entries,
        encoder,
        key=settings.key,
        mode=settings.mode,
        k=settings.k,
        min_score=settings.min_score,
        questions=questions,
        reranker=None if settings.rerank is None else load_reranker(settings.rerank),
        budget=None if recipe.kb_budget is None else _budget(recipe, recipe.kb_budget),
    )


def _budget(recipe: Recipe, tokens: int) -> Budget:
    """Count knowledge in the student's own tokens."""
    tokenizer = pretrained.load_tokenizer(pretrained.locate(recipe.student.model))
    return Budget(tokens, lambda text: len(tokenizer.encode(text, add_special_tokens=False)))


def training_questions(recipe: Recipe) -> list[Question]:
    """Return the training questions that a recipe draws its distillation from.

    Raises:
        BenchmarkError: their data are missing.
    """
    own, extra = drawn(recipe)
    return own + extra


def drawn(recipe: Recipe) -> tuple[list[Question], list[Question]]:
    """Return the training questions of the recipe's benchmark, and those of its extra one.

    Raises:
        BenchmarkError: their data are missing.
    """
    data = recipe.data
    own = benchmarks.load(
        data.benchmark,
        "train",
        limit=data.limit,
        tasks=data.tasks,
        seed=data.seed,
        per_family=data.per_family,
        per_fact=data.per_fact,
    )
    if data.extra_benchmark is None:
        return own, []
    return own, benchmarks.load(
        data.extra_benchmark, "train", seed=data.seed, per_family=data.extra_per_family
    )


def load_search(recipe: Recipe, kb: Path, own: bool = True) -> IndexSearch:
    """Make the search that questions go through; ``own`` as in ``IndexSearch``."""
    return IndexSearch(load_index(recipe, kb), own=own)


class LiveSearch:
    """A search that follows the packs of a folder: what is saved there serves the next question.

    A folder with a problem serves nothing until it is mended.
    """

    def __init__(self, recipe: Recipe, kb: Path) -> None:
        """Raises EntryError if the knowledge base can't be read."""
        self._kb = kb
        self._held = store.load(kb)
        self._index = index(recipe, self._held.entries)
        self._lock = Lock()

    def __call__(self, questions: Sequence[Question]) -> list[list[Found]]:
        """Return the entries found for each question, best first.

        Raises:
            EntryError: the knowledge base can't be read as it is now.
        """
        with self._lock:
            return self._now()(questions)

    def without(
        self, questions: Sequence[Question], entries: Sequence[frozenset[str]]
    ) -> list[list[Found]]:
        """Return what each question would be given if some entries, by id, were not there.

        Raises:
            EntryError: the knowledge base can't be read as it is now.
        """
        with self._lock:
            return self._now().without(questions, entries)

    def _now(self) -> IndexSearch:
        now = store.load(self._kb, known=self._held)
        if now.texts != self._held.texts:
            self._index = self._index.updated(now.entries)
        self._held = now
        return IndexSearch(self._index)


def gated(recipe: Recipe, search: Searching, lm: LM) -> Searching:
    """Put before a search what the recipe has there.

    With ``generate`` the student writes knowledge where none is found; with a gate only questions
    of which it is unsure retrieve at all.

    Raises:
        ModelError: the student can't say how sure it is.
    """
    if recipe.generate is not None:
        search = _generating(recipe, recipe.generate, search, lm)
    if recipe.knowledge.gate is None:
        return search
    while isinstance(lm, CachedLM | Chained):
        lm = lm.lm
    return GatedSearch(search, lm, prompt(recipe), recipe.knowledge.gate)


def _generating(recipe: Recipe, asked: Generate, search: Searching, lm: LM) -> Searching:
    lm = lm.lm if isinstance(lm, Chained) else lm
    near = recipe.knowledge.mode != "bm25" and asked.relevance is not None
    return GeneratedSearch(
        search,
        lm,
        prompts.load(asked.prompt),
        Sampling(max_tokens=asked.max_tokens),
        Filters(asked.words, asked.relevance if near else None, asked.sure),
        load_encoder(recipe.knowledge.encoder) if near else None,
    )


def verifier(recipe: Recipe, without: Without, lm: LM) -> Verifier | None:
    """Return what checks the answers, if the recipe says so; ``without`` is that of the search.

    Raises:
        PromptError: its prompt is missing or wrong.
    """
    asked = recipe.verify
    if asked is None:
        return None
    return Verifier(lm, prompt(recipe), prompts.load(asked.prompt), without, asked.tries)
