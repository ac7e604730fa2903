"""Find the entries that help with a question: dense, BM25, or both fused.

The index is built in memory from the entries and never changed: an edited entry is a new
index, which costs one embedding because all others are cached.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nesy.errors import InputError
from nesy.kb.entry import Entry, Key
from nesy.types import Encoder, Hit

if TYPE_CHECKING:
    import numpy as np

Mode = Literal["dense", "bm25", "hybrid"]
MIN_SCORE = 0.35
"""Default floor of the cosine between question and entry, for all-MiniLM-L6-v2.

On the embedded benchmarks (780 entries, 2,070 questions) it keeps every right first hit of
the knowledge families and 95 % of those of the others, and drops half of the wrong ones.
"""

_FUSION = 60  # Cormack, Clarke and Buettcher 2009: the k of reciprocal-rank fusion
_DEPTH = 100  # ranks of each retriever that take part in the fusion
_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    [
        *("a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "from", "had"),
        *("has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its"),
        *("not", "of", "on", "or", "she", "so", "than", "that", "the", "their", "them", "then"),
        *("there", "they", "this", "to", "was", "were", "what", "when", "which", "who", "will"),
        *("with", "you", "your", "s", "t"),  # the last two are left of "Tom's" and "don't"
    ]
)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry found for a query, with the scores of both retrievers.

    ``hit.score`` is what ranked it: the fused score (hybrid), the cosine (dense) or BM25.
    A retriever that was not used gives 0.
    """

    hit: Hit
    entry: Entry
    dense: float
    bm25: float


class Index:
    """Exact search over entries.

    ``key`` is the part of an entry that is compared with the question, ``mode`` the
    retriever, ``k`` how many entries a search returns by default. ``min_score`` is a floor
    of the cosine in [-1, 1] whatever the mode; ``None`` puts no floor. BM25 scores have no
    scale of their own, so mode ``bm25`` takes no floor and needs no encoder.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry] | Iterable[Entry],
        encoder: Encoder | None,
        *,
        key: Key = "all",
        mode: Mode = "hybrid",
        k: int = 1,
        min_score: float | None = MIN_SCORE,
        questions: Mapping[str, str] | None = None,
    ) -> None:
        """Embed the entries; ``questions`` gives question texts by id, for ``key="question"``.

        Raises:
            InputError: ``mode`` needs an encoder, or the encoder returned a wrong shape.
        """
        held = entries.values() if isinstance(entries, Mapping) else entries
        self.entries = tuple(sorted(held, key=lambda entry: entry.id))
        self.mode, self.k = mode, k
        self.min_score = None if mode == "bm25" else min_score
        self._encoder = encoder
        self._made_from: dict[str, list[int]] = {}
        for row, entry in enumerate(self.entries):
            for question in entry.questions:
                self._made_from.setdefault(question, []).append(row)
        self._scoped = [row for row, entry in enumerate(self.entries) if entry.scope]
        keys = [entry.key(key, questions) for entry in self.entries]
        self._dense = self._dense_index(keys) if keys and mode != "bm25" else None
        self._words = _words_index(keys) if keys and mode != "dense" else None

    def search(
        self,
        queries: Sequence[str],
        k: int | None = None,
        exclude: Sequence[frozenset[str]] | None = None,
        tasks: Sequence[tuple[str, str]] | None = None,
    ) -> list[list[Found]]:
        """Return the best entries of each query, best first; ties in the order of ids.

        ``exclude`` holds, per query, ids of questions; entries made from these alone are not
        returned. ``tasks`` holds the (benchmark, task) of each query, which entries with a scope
        must serve (no scope is applied without it).

        Raises:
            InputError: the encoder's vectors do not fit those of the index.
        """
        if not self.entries or not queries:
            return [[] for _ in queries]
        count = self.k if k is None else k
        vectors = None if self._dense is None else self._embedded(queries)
        blocked = [
            self._blocked(
                exclude[i] if exclude is not None else frozenset(),
                tasks[i] if tasks is not None else None,
            )
            for i in range(len(queries))
        ]
        dense = self._dense_ranks(vectors, blocked)
        return [
            self._fused(query, dense[i], None if vectors is None else vectors[i], blocked[i], count)
            for i, query in enumerate(queries)
        ]

    def _embedded(self, texts: Sequence[str]) -> np.ndarray:
        if self._encoder is None:
            raise InputError(f"retrieval mode {self.mode} needs an encoder; use bm25 without one")
        vectors = self._encoder.encode(texts)
        dimension = vectors.shape[1] if vectors.ndim == 2 else None
        held = None if self._dense is None else self._dense.d
        if dimension is None or len(vectors) != len(texts) or held not in (None, dimension):
            raise InputError(
                f"encoder {self._encoder.name} (revision {self._encoder.revision[:12]}) gave shape "
                f"{vectors.shape} for {len(texts)} texts, the index has dimension {held}; "
                "build the index again with the encoder that is used for the questions"
            )
        return vectors

    def _dense_index(self, keys: Sequence[str]) -> Any:
        import faiss

        self._dense = None
        self._vectors = self._embedded(keys)
        index = faiss.IndexFlatIP(self._vectors.shape[1])
        index.add(self._vectors)
        return index

    def _blocked(self, questions: frozenset[str], task: tuple[str, str] | None) -> frozenset[int]:
        rows = {
            row
            for question in questions
            for row in self._made_from.get(question, ())
            if questions.issuperset(self.entries[row].questions)
        }
        if task is not None:
            for row in self._scoped:
                scope = self.entries[row].scope
                if scope is not None and not scope.serves(*task):
                    rows.add(row)
        return frozenset(rows)

    def _dense_ranks(
        self, vectors: np.ndarray | None, blocked: Sequence[frozenset[int]]
    ) -> list[list[int]]:
        if self._dense is None:
            return [[] for _ in blocked]
        depth = min(len(self.entries), 2 * _DEPTH + max(map(len, blocked)))
        scores, rows = self._dense.search(vectors, depth)
        ranks = []
        for i, out in enumerate(blocked):
            pairs = sorted(
                (-round(float(score), 6), int(row))
                for score, row in zip(scores[i], rows[i], strict=True)
                if row not in out
            )
            ranks.append([row for _, row in pairs[:_DEPTH]])
        return ranks

    def _fused(
        self,
        query: str,
        dense: list[int],
        vector: np.ndarray | None,
        blocked: frozenset[int],
        count: int,
    ) -> list[Found]:
        bm25, by_words = self._word_ranks(query, blocked)
        fused: dict[int, float] = {}
        for ranking in (dense, by_words):
            for rank, row in enumerate(ranking, 1):
                fused[row] = fused.get(row, 0.0) + 1.0 / (_FUSION + rank)
        cosine = {
            row: 0.0 if vector is None else round(float(self._vectors[row] @ vector), 6)
            for row in fused
        }
        floor = self.min_score
        rows = [row for row in fused if floor is None or cosine[row] >= floor]
        ranked_by = {"hybrid": fused, "dense": cosine, "bm25": bm25}[self.mode]
        rows.sort(key=lambda row: (-ranked_by[row], -cosine[row], row))
        return [
            Found(
                Hit(self.entries[row].id, ranked_by[row], rank),
                self.entries[row],
                cosine[row],
                bm25.get(row, 0.0),
            )
            for rank, row in enumerate(rows[:count], 1)
        ]

    def _word_ranks(
        self, query: str, blocked: frozenset[int]
    ) -> tuple[dict[int, float], list[int]]:
        import numpy as np

        words = words_of(query)
        if self._words is None or not words:
            return {}, []
        scores = self._words.get_scores(words)
        depth = min(len(scores), 2 * _DEPTH + len(blocked))
        near = np.argpartition(-scores, depth - 1)[:depth]
        found = {int(row): round(float(scores[row]), 5) for row in near if scores[row] > 0}
        ranked = sorted((-score, row) for row, score in found.items() if row not in blocked)
        return found, [row for _, row in ranked[:_DEPTH]]


def words_of(text: str) -> list[str]:
    """Split text into the words that BM25 counts: lower case, plural s dropped, no stop words.

    Bare numbers are left out: those of a question are its own and match entries by chance.
    """
    words = _WORD.findall(text.lower())
    return [_singular(word) for word in words if word not in _STOP and not word.isdigit()]


def _singular(word: str) -> str:
    """Strip a plural ending (the S-stemmer of Harman 1991)."""
    if len(word) > 4 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss", "is")):
        return word[:-1]
    return word


def _words_index(keys: Sequence[str]) -> Any:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it reports each index built
    index = bm25s.BM25(backend="numpy")
    index.index([words_of(key) or [""] for key in keys], show_progress=False)
    return index
