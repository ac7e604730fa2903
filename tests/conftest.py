"""Fixtures that several test files share."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from nesy import workers


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started."""
    made = []
    start = workers.started

    def noted(*given: Any) -> Any:
        line, process = start(*given)
        made.append(process)
        return line, process

    monkeypatch.setattr(workers, "started", noted)
    return made
