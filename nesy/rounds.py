"""Rounds (PGKD, Di Palo 2024): what the student fails on steers what it is taught next.

After each training the student answers validation questions, which it is never trained on. The
next questions are of the tasks that it fails, as many of each as its share of the failures; of
these it answers twice as many as are wanted, and those that it answers wrongly are kept, first
those that it was surest of (hard negatives).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence

from nesy.types import Attempt, Question


def candidates(pool: Sequence[Question], failures: Sequence[Attempt], count: int) -> list[Question]:
    """Draw questions of the tasks that failed, in proportion to the failures.

    They are fewer than ``count`` where the pool holds no more of a task.
    """
    share = Counter(failure.task for failure in failures)
    left = {task: math.ceil(count * failed / len(failures)) for task, failed in share.most_common()}
    drawn = []
    for question in sorted(pool, key=lambda q: hashlib.sha256(q.id.encode()).digest()):
        if left.get(question.task, 0) > 0:
            left[question.task] -= 1
            drawn.append(question)
    return drawn[:count]


def hardest(
    failures: Sequence[Attempt], confidence: Mapping[str, float], count: int
) -> list[Attempt]:
    """Return the failures that the student was surest of, by question id."""
    return sorted(failures, key=lambda failure: -confidence[failure.question])[:count]


def best(accuracies: Sequence[float]) -> int:
    """Return the number of the first round with the highest accuracy."""
    return max(range(len(accuracies)), key=lambda number: accuracies[number])
