"""A curve as an SVG image that stands alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]

_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 20, 400, 300  # of the plot, in the image's units


def curve(
    points: Sequence[Point], x: str, y: str, *, level: float, marks: Mapping[str, Point]
) -> str:
    """Draw points with x in [0, 1] as a line, ``level`` as a dashed one, ``marks`` as named dots.

    ``x`` and ``y`` say what the axes are; the vertical one spans the tenths around what is drawn.
    """
    heights = [height for _, height in (*points, *marks.values(), (0.0, level))]
    low, high = math.floor(10 * min(heights)) / 10, math.ceil(10 * max(heights)) / 10
    span = max(0.1, high - low)

    def place(at: Point) -> tuple[float, float]:
        return _LEFT + _WIDTH * at[0], _TOP + _HEIGHT * (high - at[1]) / span

    right, bottom = _LEFT + _WIDTH, _TOP + _HEIGHT
    line = " ".join("{:.1f},{:.1f}".format(*place(point)) for point in points)
    dots = "".join(
        f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="#c0392b"/>'
        f'<text x="{across + 6:.1f}" y="{down - 6:.1f}">{escape(name)}</text>'
        for name, (across, down) in ((name, place(point)) for name, point in marks.items())
    )
    ticks = "".join(
        f'<text x="{_LEFT + _WIDTH * n / 10:.0f}" y="{bottom + 18}" text-anchor="middle">'
        f"{n / 10}</text>"
        for n in range(0, 11, 2)
    ) + "".join(
        f'<text x="{_LEFT - 8}" y="{_TOP + 4 + _HEIGHT * n / 4:.0f}" text-anchor="end">'
        f"{high - span * n / 4:.2f}</text>"
        for n in range(5)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 370" font-family="sans-serif"'
        ' font-size="11"><rect width="480" height="370" fill="white"/>'
        f'<path d="M{_LEFT},{_TOP} V{bottom} H{right}" fill="none" stroke="#444"/>'
        f'<path d="M{_LEFT},{place((0, level))[1]:.1f} H{right}" stroke="#999"'
        ' stroke-dasharray="4"/>'
        f'<polyline points="{line}" fill="none" stroke="#2255aa" stroke-width="2"/>{dots}{ticks}'
        f'<text x="{_LEFT + _WIDTH / 2:.0f}" y="358" text-anchor="middle">{escape(x)}</text>'
        f'<text x="{_LEFT}" y="12">{escape(y)}</text></svg>\n'
    )
