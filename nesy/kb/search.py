"""The search that a question goes through: an index, and which entries a question may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nesy.kb.index import Found, Index
from nesy.types import Question

Searching = Callable[[Sequence[Question]], list[list[Found]]]
"""Finds the entries to show with each question, best first."""


class IndexSearch:
    """Search an index with the text of each question.

    With ``own=False`` a question does not see an entry that was made from it alone: in
    training that would show the student what the teacher wrote about this very question. An
    entry that other questions gave as well is general, and stays visible.

    A question of no benchmark, which a person asks, sees entries of every scope: nobody can
    say of what task it is, and whoever edits an entry with a scope wants to try it.
    """

    def __init__(self, index: Index, *, own: bool = True) -> None:
        self._index = index
        self._alone = (
            frozenset()
            if own
            else frozenset(e.questions[0] for e in index.entries if len(e.questions) == 1)
        )

    def __call__(self, questions: Sequence[Question]) -> list[list[Found]]:
        """Return the entries found for each question, best first."""
        return self._index.search(
            [question.text for question in questions],
            exclude=[frozenset({q.id}) & self._alone for q in questions],
            tasks=_tasks(questions),
        )

    def without(
        self, questions: Sequence[Question], entries: Sequence[frozenset[str]]
    ) -> list[list[Found]]:
        """Return what each question would be given if some entries, by id, were not there."""
        return self._index.search(
            [question.text for question in questions],
            exclude=[frozenset({q.id}) & self._alone for q in questions],
            tasks=_tasks(questions),
            without=entries,
        )

    def considered(self, questions: Sequence[Question], k: int) -> list[list[Found]]:
        """Return the ``k`` best entries of each question, shown or not."""
        return self._index.search(
            [question.text for question in questions],
            k=k,
            tasks=_tasks(questions),
        )


def _tasks(questions: Sequence[Question]) -> list[tuple[str, str] | None]:
    return [(q.benchmark, q.task) if q.benchmark else None for q in questions]
