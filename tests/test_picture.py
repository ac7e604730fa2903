"""A curve as an SVG image."""

from __future__ import annotations

from xml.etree import ElementTree

from nesy import picture


def test_what_is_drawn_stands_inside_the_axes_and_names_are_escaped() -> None:
    points = [(n / 10, 1 - n / 20) for n in range(11)]
    text = picture.curve(points, "x & y", "a < b", level=0.43, marks={"<here>": (0.5, 0.75)})
    root = ElementTree.fromstring(text)
    line = next(root.iter("{http://www.w3.org/2000/svg}polyline")).attrib["points"]
    places = [tuple(map(float, pair.split(","))) for pair in line.split()]
    assert places[0] == (60, 20)  # the highest, at the left
    assert all(60 <= across <= 460 and 20 <= down <= 320 for across, down in places)
    assert [down for _, down in places] == sorted(down for _, down in places)
    written = [part.text for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"x & y", "a < b", "<here>", "1.00", "0.40"} <= set(written)
