"""BM25 over the words of entries, kept as counts so that an edit costs one entry.

Libraries bake every score into the index when it is built, which a changed entry would build
anew (5 s at 100,000 entries). Here the index holds how often each word stands in each entry,
and a score is computed when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_K1 = 1.5  # how soon a repeated word stops counting
_B = 0.75  # how far long entries are marked down
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
class Words:
    """How often each word stands in each of ``len(lengths)`` texts.

    ``terms``, ``rows`` and ``counts`` have one element a (word, text) pair, sorted by word;
    ``starts[term]`` is where a word's pairs begin. ``vocabulary`` gives a word's number.
    """

    vocabulary: Mapping[str, int]
    terms: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def scores(self, words: Sequence[str]) -> np.ndarray:
        """Return the score of each text for a query's words, shape (texts,), float32.

        Lucene's form of BM25 (Kamphuis et al. 2020); a word that the query repeats counts twice.
        """
        import numpy as np

        total = len(self.lengths)
        found = np.zeros(total, np.float32)
        average = max(float(self.lengths.mean()), 1e-9) if total else 1.0
        for word in words:
            term = self.vocabulary.get(word)
            if term is None:
                continue
            part = slice(int(self.starts[term]), int(self.starts[term + 1]))
            rows, counts = self.rows[part], self.counts[part]
            rarity = np.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
            length = _K1 * (1 - _B + _B * self.lengths[rows] / average)
            found[rows] += (rarity * counts / (counts + length)).astype(np.float32)
        return found


def count(texts: Sequence[str]) -> Words:
    """Count the words of texts."""
    import numpy as np

    nothing = np.zeros(0, np.int32)
    empty = Words({}, nothing, nothing, nothing.astype(np.float32), np.zeros(1, np.int64), nothing)
    return recount(empty, nothing, dict(enumerate(texts)), len(texts))


def recount(before: Words, moved: np.ndarray, changed: Mapping[int, str], total: int) -> Words:
    """Return the counts of ``total`` texts most of which were counted before.

    ``moved[row]`` is the new row of an old one, -1 if it is gone; ``changed`` holds the texts
    of all other new rows.
    """
    import numpy as np

    vocabulary = dict(before.vocabulary)
    kept = moved[before.rows] >= 0 if len(moved) else np.zeros(0, bool)
    lengths = np.zeros(total, np.int32)
    lengths[moved[moved >= 0]] = before.lengths[moved >= 0]
    flat: list[int] = []
    for row, text in changed.items():
        words = words_of(text)
        lengths[row] = len(words)
        flat += [vocabulary.setdefault(word, len(vocabulary)) for word in words]
    own_rows = np.array(list(changed), np.int64)
    pairs = np.array(flat, np.int64) * max(total, 1) + np.repeat(own_rows, lengths[own_rows])
    pairs, counts = np.unique(pairs, return_counts=True)
    terms = np.concatenate([before.terms[kept], pairs // max(total, 1)]).astype(np.int32)
    rows = np.concatenate([moved[before.rows[kept]], pairs % max(total, 1)]).astype(np.int32)
    all_counts = np.concatenate([before.counts[kept], counts]).astype(np.float32)
    order = np.argsort(terms, kind="stable")
    starts = np.zeros(len(vocabulary) + 1, np.int64)
    np.cumsum(np.bincount(terms, minlength=len(vocabulary)), out=starts[1:])
    return Words(vocabulary, terms[order], rows[order], all_counts[order], starts, lengths)


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
