"""Find the entries that help with a question: dense, BM25, or both fused, and reranked.

The index is built in memory from the entries and never changed: an edited entry is a new
index, which takes over what is known of the others (``Index.updated``) or reads it from the
cache of embeddings, so that one changed entry costs one embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nesy.errors import InputError
from nesy.kb import bm25
from nesy.kb.bm25 import words_of
from nesy.kb.compress import Budget, Compressor
from nesy.kb.entry import Entry, Key
from nesy.kb.rerank import Reranker
from nesy.types import Encoder, Hit

if TYPE_CHECKING:
    import numpy as np

Mode = Literal["dense", "bm25", "hybrid"]
MIN_SCORE = 0.35
"""Default floor of the cosine between question and entry, for all-MiniLM-L6-v2.

On the embedded benchmarks (1,049 entries, 1,682 questions) it costs no right first hit and drops
a seventh of the wrong ones; on the 446 questions on the general packs it costs 3 % of the right
ones and drops a fifth of the wrong ones.
"""

# The k of reciprocal-rank fusion (Cormack, Clarke and Buettcher 2009). Theirs was 60, for lists of
# a thousand; here one or two entries are shown, and the first ranks should count for more.
_FUSION = 10
_BM25_IN_COSINES = 0.02  # a difference of 1 in BM25 is as much as this one of the cosine
_DEPTH = 100  # ranks of each retriever that take part in the fusion
_RERANKED = 20  # entries that a reranker reads with the question


@dataclass(frozen=True, slots=True)
class Found:
    """An entry found for a query, with the scores of both retrievers.

    ``hit.score`` is what ranked it: the reranker's score if there is one, else the fused
    score (hybrid), the cosine (dense) or BM25. A retriever that was not used gives 0.
    """

    hit: Hit
    entry: Entry
    dense: float
    bm25: float


class Index:
    """Exact search over entries.

    ``key`` is the part of an entry that is compared with the question, ``mode`` the
    retriever, ``k`` how many entries a search returns by default. With key ``all``, what an
    entry applies to counts twice: its vector is the mean of those of ``when`` and of the
    whole, and BM25 sees the words of both. ``min_score`` is a floor of the cosine in [-1, 1]
    whatever the mode; ``None`` puts no floor. BM25 scores have no scale of their own, so mode
    ``bm25`` takes no floor and needs no encoder. ``reranker`` puts the best 20 that pass the
    floor in its own order.
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
        reranker: Reranker | None = None,
        budget: Budget | None = None,
        before: Index | None = None,
    ) -> None:
        """Embed the entries; ``questions`` gives question texts by id, for ``key="question"``.

        They are found by all of their text, and returned as short as ``budget`` says.

        ``before`` is an index with the same settings, whose work on entries that are still
        the same is taken over.

        Raises:
            InputError: ``mode`` needs an encoder, or the encoder returned a wrong shape.
        """
        import numpy as np

        held = entries.values() if isinstance(entries, Mapping) else entries
        self.entries = tuple(sorted(held, key=lambda entry: entry.id))
        self.mode, self.k = mode, k
        self.min_score = None if mode == "bm25" else min_score
        self._key, self._questions = key, questions
        self._encoder, self._reranker = encoder, reranker
        self._budget = budget
        self._compressor = None if budget is None else Compressor(self.entries)
        self._rows = {entry.id: row for row, entry in enumerate(self.entries)}
        self._made_from: dict[str, list[int]] = {}
        for row, entry in enumerate(self.entries):
            for question in entry.questions:
                self._made_from.setdefault(question, []).append(row)
        self._scoped = [row for row, entry in enumerate(self.entries) if entry.scope]
        # Row of the old index -> row of this one, -1 where the entry is gone or its text another.
        moved = np.full(0 if before is None else len(before.entries), -1, np.int64)
        self._keys: list[str] = []
        for row, entry in enumerate(self.entries):
            old = None if before is None else before._rows.get(entry.id)
            if before is None or old is None or before.entries[old] is not entry:
                self._keys.append(entry.key(key, questions))
                if before is None or old is None or before._keys[old] != self._keys[row]:
                    continue
            else:
                self._keys.append(before._keys[old])
            moved[old] = row
        fresh = np.ones(len(self.entries), bool)
        fresh[moved[moved >= 0]] = False
        changed = np.flatnonzero(fresh).tolist()
        self._vectors: np.ndarray | None = None
        self._words: bm25.Words | None = None
        if self.entries and mode != "bm25":
            self._vectors = self._all_vectors(before, moved, changed)
        if self.entries and mode != "dense":
            known = None if before is None else before._words
            texts = {row: self._counted(row) for row in changed}
            self._words = (
                bm25.count(list(texts.values()))
                if known is None
                else bm25.recount(known, moved, texts, len(self.entries))
            )

    def updated(self, entries: Mapping[str, Entry] | Iterable[Entry]) -> Index:
        """Return the index of these entries with the same settings; one changed costs one."""
        return Index(
            entries,
            self._encoder,
            key=self._key,
            mode=self.mode,
            k=self.k,
            min_score=self.min_score,
            questions=self._questions,
            reranker=self._reranker,
            budget=self._budget,
            before=self,
        )

    def search(
        self,
        queries: Sequence[str],
        k: int | None = None,
        exclude: Sequence[frozenset[str]] | None = None,
        tasks: Sequence[tuple[str, str] | None] | None = None,
        without: Sequence[frozenset[str]] | None = None,
    ) -> list[list[Found]]:
        """Return the best entries of each query, best first; ties in the order of ids.

        ``exclude`` holds, per query, ids of questions; entries made from these alone are not
        returned. ``tasks`` holds the (benchmark, task) of each query, which entries with a scope
        must serve (``None`` applies no scope). ``without`` holds, per query, ids of
        entries that are left out as if they were not there.

        Raises:
            InputError: the encoder's vectors do not fit those of the index.
        """
        if not self.entries or not queries:
            return [[] for _ in queries]
        count = self.k if k is None else k
        vectors = None if self._vectors is None else self._embedded(queries)
        blocked = [
            self._blocked(
                exclude[i] if exclude is not None else frozenset(),
                tasks[i] if tasks is not None else None,
                without[i] if without is not None else frozenset(),
            )
            for i in range(len(queries))
        ]
        dense = self._dense_ranks(vectors, blocked)
        depth = count if self._reranker is None else max(count, _RERANKED)
        found = [
            self._fused(query, dense[i], None if vectors is None else vectors[i], blocked[i], depth)
            for i, query in enumerate(queries)
        ]
        if self._reranker is not None:
            found = self._reranked(queries, found, count)
        return [self._shortened(some) for some in found]

    def _shortened(self, found: list[Found]) -> list[Found]:
        """Cut what a question is shown to the budget; what then says nothing is left out."""
        if self._budget is None or self._compressor is None:
            return found
        shorter = self._compressor.within([one.entry for one in found], self._budget)
        pairs = zip(found, shorter, strict=True)
        return [replace(one, entry=entry) for one, entry in pairs if entry is not None]

    def _reranked(
        self, queries: Sequence[str], found: Sequence[Sequence[Found]], count: int
    ) -> list[list[Found]]:
        pairs = [
            (query, self._keys[self._rows[one.entry.id]])
            for query, some in zip(queries, found, strict=True)
            for one in some
        ]
        scores = iter(self._reranker.score(pairs) if self._reranker and pairs else ())
        ordered = []
        for some in found:
            scored = [(round(next(scores), 6), one) for one in some]
            scored.sort(key=lambda pair: -pair[0])  # stable: ties keep the retrievers' order
            ordered.append(
                [
                    Found(Hit(one.entry.id, score, rank), one.entry, one.dense, one.bm25)
                    for rank, (score, one) in enumerate(scored[:count], 1)
                ]
            )
        return ordered

    def _embedded(self, texts: Sequence[str]) -> np.ndarray:
        if self._encoder is None:
            raise InputError(f"retrieval mode {self.mode} needs an encoder; use bm25 without one")
        vectors = self._encoder.encode(texts)
        dimension = vectors.shape[1] if vectors.ndim == 2 else None
        held = None if self._vectors is None else self._vectors.shape[1]
        if dimension is None or len(vectors) != len(texts) or held not in (None, dimension):
            raise InputError(
                f"encoder {self._encoder.name} (revision {self._encoder.revision[:12]}) gave shape "
                f"{vectors.shape} for {len(texts)} texts, the index has dimension {held}; "
                "build the index again with the encoder that is used for the questions"
            )
        return vectors

    def _vectors_of(self, rows: Sequence[int]) -> np.ndarray:
        """Embed entries, shape (rows, dim)."""
        vectors = self._embedded([self._keys[row] for row in rows])
        if self._key == "all":
            vectors = (vectors + self._embedded([self.entries[row].when for row in rows])) / 2
        return vectors

    def _counted(self, row: int) -> str:
        """Return the text whose words BM25 counts for an entry."""
        key = self._keys[row]
        return f"{self.entries[row].when}\n{key}" if self._key == "all" else key

    def _all_vectors(
        self, before: Index | None, moved: np.ndarray, changed: Sequence[int]
    ) -> np.ndarray:
        """Return the vectors of all entries, shape (entries, dim), embedding the changed ones."""
        import numpy as np

        known = None if before is None else before._vectors
        if known is None or len(changed) == len(self.entries):
            return np.ascontiguousarray(self._vectors_of(changed))
        self._vectors = known  # what the new vectors must fit
        vectors = np.empty((len(self.entries), known.shape[1]), np.float32)
        came = np.zeros(len(self.entries), np.int64)  # a changed row is written over below
        came[moved[moved >= 0]] = np.flatnonzero(moved >= 0)
        # Straight into its place: at 100,000 entries a copy in between costs half a second.
        np.take(known, came, axis=0, out=vectors, mode="clip")
        if changed:
            vectors[changed] = self._vectors_of(changed)
        return vectors

    def _blocked(
        self, questions: frozenset[str], task: tuple[str, str] | None, without: frozenset[str]
    ) -> frozenset[int]:
        rows = {
            row
            for question in questions
            for row in self._made_from.get(question, ())
            if questions.issuperset(self.entries[row].questions)
        }
        rows |= {self._rows[id_] for id_ in without if id_ in self._rows}
        if task is not None:
            for row in self._scoped:
                scope = self.entries[row].scope
                if scope is not None and not scope.serves(*task):
                    rows.add(row)
        return frozenset(rows)

    def _dense_ranks(
        self, vectors: np.ndarray | None, blocked: Sequence[frozenset[int]]
    ) -> list[list[int]]:
        import faiss

        if self._vectors is None or vectors is None:
            return [[] for _ in blocked]
        depth = min(len(self.entries), 2 * _DEPTH + max(map(len, blocked)))
        scores, rows = faiss.knn(vectors, self._vectors, depth, faiss.METRIC_INNER_PRODUCT)
        ranks = []
        for i, out in enumerate(blocked):
            pairs = sorted(
                (-round(score, 6), row)
                for score, row in zip(scores[i].tolist(), rows[i].tolist(), strict=True)
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
        by_bm25, by_words = self._word_ranks(query, blocked)
        fused: dict[int, float] = {}
        for ranking in (dense, by_words):
            for rank, row in enumerate(ranking, 1):
                fused[row] = fused.get(row, 0.0) + 1.0 / (_FUSION + rank)
        rows = list(fused)
        cosine = dict.fromkeys(rows, 0.0)
        if vector is not None and self._vectors is not None:
            # Row by row, so that a score does not depend on which others are computed with it.
            cosine = {row: round(float(self._vectors[row] @ vector), 6) for row in rows}
        floor = self.min_score
        rows = [row for row in rows if floor is None or cosine[row] >= floor]
        ranked_by = {"hybrid": fused, "dense": cosine, "bm25": by_bm25}[self.mode]
        # Two entries that the retrievers put in opposite order tie: then by how much, not by rank.
        sure = {row: cosine[row] + _BM25_IN_COSINES * by_bm25.get(row, 0.0) for row in rows}
        rows.sort(key=lambda row: (-ranked_by[row], -sure[row], row))
        return [
            Found(
                Hit(self.entries[row].id, ranked_by[row], rank),
                self.entries[row],
                cosine[row],
                by_bm25.get(row, 0.0),
            )
            for rank, row in enumerate(rows[:count], 1)
        ]

    def _word_ranks(
        self, query: str, blocked: frozenset[int]
    ) -> tuple[dict[int, float], list[int]]:
        import numpy as np

        # Once each: what a question repeats, such as a name, is rarely what it is about.
        words = list(dict.fromkeys(words_of(query)))
        if self._words is None or not words:
            return {}, []
        scores = self._words.scores(words)
        near = np.flatnonzero(scores)
        depth = 2 * _DEPTH + len(blocked)
        if len(near) > depth:
            near = near[np.argpartition(-scores[near], depth - 1)[:depth]]
        found = {int(row): round(float(scores[row]), 5) for row in near}
        ranked = sorted((-score, row) for row, score in found.items() if row not in blocked)
        return found, [row for _, row in ranked[:_DEPTH]]
