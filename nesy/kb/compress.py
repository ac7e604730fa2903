"""Knowledge in fewer words: of an entry's text the words that tell most are kept, in their order.

A word tells the more the fewer entries of the knowledge base hold it, and a number always tells
most. Within a budget of tokens the general lesson goes first, as a small student reads whole facts
better than more words out of context. LLMLingua-2 and SKIntern ask a trained model which words to
keep; this needs none, and an entry that is edited is shortened anew at once.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nesy.kb.entry import Entry

_TRIMMED = ".,;:!?'\"()"


@dataclass(frozen=True, slots=True)
class Budget:
    """How many tokens of knowledge a question is shown at most, and how they are counted."""

    tokens: int
    count: Callable[[str], int]


class Compressor:
    """Shortens entries by how rare their words are among ``entries``."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._held = Counter[str]()
        for entry in entries:
            self._held.update({_bare(word) for text in _texts(entry) for word in text.split()})

    def share(self, entry: Entry, share: float) -> Entry | None:
        """Return the entry with a share of its words, rounded up; ``None`` with none of them."""
        words = sum(len(text.split()) for text in _texts(entry))
        return self.words(entry, math.ceil(round(share * words, 9)))

    def words(self, entry: Entry, count: int) -> Entry | None:
        """Return the entry with at most ``count`` words of lesson and facts; ``None`` with none."""
        texts = [text.split() for text in _texts(entry)]
        places = [(row, column) for row, text in enumerate(texts) for column in range(len(text))]
        if count >= len(places):
            return entry
        # The lesson is general: of words that tell alike, those of the facts are kept.
        ranked = sorted(places, key=lambda place: (self._rank(texts[place[0]][place[1]]), place))
        kept = set(ranked[:count])
        shortened = [
            " ".join(word for column, word in enumerate(text) if (row, column) in kept)
            for row, text in enumerate(texts)
        ]
        facts = shortened[: len(entry.facts)]
        lesson = shortened[len(entry.facts) :]
        if not any(shortened):
            return None
        return entry.model_copy(
            update={
                "facts": tuple(fact for fact in facts if fact),
                "lesson": next((text for text in lesson if text), None),
            }
        )

    def within(self, entries: Sequence[Entry], budget: Budget) -> list[Entry | None]:
        """Return the entries, best first, in as many tokens as there are for all of them.

        What one leaves goes to the next; ``None`` is one of which nothing fits.
        """
        left = budget.tokens
        kept: list[Entry | None] = []
        for entry in entries:
            short = self._longest(entry, left, budget.count)
            left -= 0 if short is None else budget.count(_text(short))
            kept.append(short)
        return kept

    def _longest(self, entry: Entry, tokens: int, count: Callable[[str], int]) -> Entry | None:
        """The whole entry, else its facts without the lesson, else what fits of their words."""
        facts = entry.model_copy(update={"lesson": None}) if entry.facts else entry
        for whole in (entry, facts):
            if count(_text(whole)) <= tokens:
                return whole

        def needed(words: int) -> int:
            short = self.words(facts, words)
            return 0 if short is None else count(_text(short))

        total = sum(len(text.split()) for text in _texts(facts))
        return self.words(facts, bisect_right(range(total + 1), tokens, key=needed) - 1)

    def _rank(self, word: str) -> tuple[bool, int]:
        bare = _bare(word)
        return not any(sign.isdigit() for sign in bare), self._held[bare]


def _texts(entry: Entry) -> Sequence[str]:
    return (*entry.facts, *([entry.lesson] if entry.lesson else []))


def _text(entry: Entry) -> str:
    return "\n".join(_texts(entry))


def _bare(word: str) -> str:
    return word.strip(_TRIMMED).lower()
