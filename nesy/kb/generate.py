"""Knowledge for a question that retrieves none: the student writes it (GenRead, CooK).

What it writes is shown only if it passes three filters: brevity (as many words as are allowed,
whole lines), relevance (its cosine with the question), and factuality, for which stands how sure
the student is of what it writes: of what it never learned it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nesy.kb.entry import Entry
from nesy.kb.gate import sureness
from nesy.kb.index import Found
from nesy.kb.search import Searching
from nesy.prompts import Prompt
from nesy.runs import messages_sha
from nesy.types import LM, Completion, Encoder, Hit, Question, Sampling

ID = "generated"
"""Id of an entry that was written for one question, and is in no pack."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What generated knowledge must be: at most ``words`` words, at least so near and so sure.

    ``relevance`` is a cosine in [-1, 1], ``sure`` the confidence of ``kb.gate`` in [0, 1]; ``None``
    is no filter.
    """

    words: int
    relevance: float | None
    sure: float | None


class GeneratedSearch:
    """A search that has the student write knowledge for each question that it finds nothing for."""

    def __init__(
        self,
        search: Searching,
        lm: LM,
        prompt: Prompt,
        sampling: Sampling,
        filters: Filters,
        encoder: Encoder | None,
    ) -> None:
        self._search = search
        self._lm = lm
        self._prompt = prompt
        self._sampling = sampling
        self._filters = filters
        self._encoder = encoder
        self._known: dict[str, list[Found]] = {}

    def __call__(self, questions: Sequence[Question]) -> list[list[Found]]:
        """Return the entries found for each question, best first, or the one written for it."""
        found = self._search(questions)
        without = [q for q, some in zip(questions, found, strict=True) if not some]
        # A resumed evaluation asks twice: which answers still hold, and what to ask anew.
        rendered = {q.text: self._prompt.render(question=q.text) for q in without}
        keys = {text: messages_sha(messages) for text, messages in rendered.items()}
        new = [text for text in rendered if keys[text] not in self._known]
        asked = [rendered[text] for text in new]
        written = self._lm.generate(asked, self._sampling) if asked else []
        sure = [1.0] * len(new)
        if asked and self._filters.sure is not None:
            sure = sureness(self._lm, asked)
        for text, done, confidence in zip(new, written, sure, strict=True):
            self._known[keys[text]] = self._entry(text, done, confidence)
        return [
            some or self._known[keys[question.text]]
            for question, some in zip(questions, found, strict=True)
        ]

    def _entry(self, question: str, written: Completion, confidence: float) -> list[Found]:
        """The entry that was written, or none if a filter refuses it."""
        lines, left = [], self._filters.words
        for line in (part.strip().removeprefix("-").strip() for part in written.text.split("\n")):
            left -= len(line.split())
            if left < 0:
                break
            lines += [line] if line else []
        if not lines or (self._filters.sure is not None and confidence < self._filters.sure):
            return []
        near = self._near(question, "\n".join(lines))
        if self._filters.relevance is not None and near < self._filters.relevance:
            return []
        entry = Entry(id=ID, when="written for this question", facts=tuple(lines))
        return [Found(Hit(ID, near, 1), entry, near, 0.0)]

    def _near(self, question: str, knowledge: str) -> float:
        if self._encoder is None:
            return 1.0
        first, second = self._encoder.encode([question, knowledge])
        return float(first @ second)
