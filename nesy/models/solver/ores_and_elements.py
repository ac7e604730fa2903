"""Questions about the element that a mineral is an ore of."""

from __future__ import annotations

from nesy.models.solver import recalling

solve = recalling(
    stems=(
        r"The mineral (?P<it>\w+) is an ore of which element\?",
        r"A mine near a .+ digs out the mineral (?P<it>\w+)\. Which .+\?",
        r"\w+ adds a sample of the mineral (?P<it>\w+) to a rock collection\. Which .+\?",
        r"A geologist finds a large body of the mineral (?P<it>\w+) below a .+\. Which .+\?",
        r"A factory buys the mineral (?P<it>\w+) as an ore\. Which .+\?",
    ),
    table="minerals",
    field="element",
    when=lambda fact: f"a question asks what the mineral {fact.subject} is an ore of",
    lesson="Recall which element is won from the named ore, then choose that option.",
)
