"""Questions about the group that an animal belongs to."""

from __future__ import annotations

from nesy.models.solver import recalling

solve = recalling(
    stems=(
        r"To which group of animals does the (?P<it>.+) belong\?",
        r"\w+ reads about the .+ in a .+\. Which kind of animal is the (?P<it>.+)\?",
        r"A .+ has a display about the (?P<it>.+)\. Under .+\?",
        r"A class sorts pictures .+ does the (?P<it>.+) go\?",
        r"How is the (?P<it>.+) classified\?",
        r"\w+ wants to find the (?P<it>.+) in a field guide\. Which .+\?",
    ),
    table="animals",
    field="group",
    when=lambda fact: f"a question asks which group the {fact.subject} belongs to",
    lesson="Recall the group that the named animal belongs to, whatever it looks like.",
)
