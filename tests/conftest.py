"""Fixtures that several test files share."""

from __future__ import annotations

from typing import Any

import pytest

from nesy import workers
from nesy.workers import Worker


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The processes that were started."""
    made = []
    start = workers.started

    def noted(*given: Any, **more: Any) -> Worker:
        made.append(start(*given, **more))
        return made[-1]

    monkeypatch.setattr(workers, "started", noted)
    return made
