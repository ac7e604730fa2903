"""Somebody was seen at places all day; when was the unseen visit (BIG-Bench Hard)."""

from __future__ import annotations

import re

from nesy.models.solver import Knowledge, Solution

_TIME = r"\d{1,2}(?::\d\d)?[ap]m"
_TODAY = re.compile(r"Today, (.+?) went to (.+)\. Between what times could .+ have gone\?")
_WOKE = re.compile(rf"(.+) woke up at ({_TIME})\.")
_SEEN = re.compile(rf"(.+?) saw (.+) from ({_TIME}) to ({_TIME})\.")
_CLOSED = re.compile(rf"(.+) (?:was|were) closed after ({_TIME})\.")
_ASKED = re.compile(r"Between what times could .+ have gone to .+\?")
_OPTION = re.compile(rf"(\([A-Z]\)) ({_TIME}) to ({_TIME})")
_KNOWLEDGE = Knowledge(
    when="a person was seen at places during the day and the time of an unseen visit is asked",
    lesson="List the seen intervals in order and look for the time that none of them covers.",
    facts=(
        "The visit can only be after waking up, before closing, and while nobody saw the person.",
        "Each interval starts where the one before it ends, except after the free time.",
    ),
)


def solve(question: str) -> Solution | None:
    """Find the one gap between waking up and closing; ``None`` for another wording."""
    lines = [line.strip() for line in question.strip().split("\n")]
    if len(lines) < 7 or lines[1] != "We know that:" or "Options:" not in lines:
        return None
    cut = lines.index("Options:")
    today, woke = _TODAY.fullmatch(lines[0]), _WOKE.fullmatch(lines[2])
    closed, asked = _CLOSED.fullmatch(lines[cut - 2]), _ASKED.fullmatch(lines[cut - 1])
    seen = [_SEEN.fullmatch(line) for line in lines[3 : cut - 2]]
    options = [_OPTION.fullmatch(line) for line in lines[cut + 1 :]]
    if today is None or woke is None or closed is None or asked is None:
        return None
    intervals = [(m[3], m[4], m[1]) for m in seen if m is not None]
    labels = {(m[2], m[3]): m[1] for m in options if m is not None}
    if len(intervals) != len(seen) or len(labels) != len(options):
        return None
    person, place = today[1], today[2]
    others = [m for m in seen if m is not None and not m[2].startswith(f"{person} ")]
    if others or woke[1] != person or closed[1].lower() != place.lower():
        return None
    intervals.sort(key=lambda interval: _minutes(interval[0]))
    gaps: list[tuple[str, str]] = []
    steps = [f"{woke[1]} woke up at {woke[2]}."]
    end = woke[2]
    for start, stop, witness in [*intervals, (closed[2], closed[2], "")]:
        if _minutes(start) < _minutes(end) or _minutes(stop) < _minutes(start):
            return None
        if start != end:
            gaps.append((end, start))
            if len(gaps) == 1 and not witness:
                steps.append(f"{closed[1]} closed after {closed[2]}.")
            if len(gaps) == 1:
                steps.append(f"{end} to {start}: free.")
        if not gaps and witness:
            steps.append(f"{start} to {stop}: seen by {witness}.")
        end = stop
    if len(gaps) != 1 or gaps[0] not in labels:
        return None
    answer = labels[gaps[0]]
    steps.append(f"That is {gaps[0][0]} to {gaps[0][1]} {answer}.")
    return Solution(" ".join(steps), answer, _KNOWLEDGE)


def _minutes(time: str) -> int:
    hour, _, minute = time[:-2].partition(":")
    return (int(hour) % 12 + 12 * time.endswith("pm")) * 60 + int(minute or 0)
