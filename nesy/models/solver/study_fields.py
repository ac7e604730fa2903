"""Questions about what a field of study is about."""

from __future__ import annotations

from nesy.models.solver import recalling

solve = recalling(
    stems=(
        r"What does (?P<it>\w+) study\?",
        r"\w+ takes a course in (?P<it>\w+) at a .+\. What .+\?",
        r"A .+ opens a department of (?P<it>\w+)\. What .+\?",
        r"A book about (?P<it>\w+) arrives at a .+\. Which .+\?",
        r"Which of these is the subject of (?P<it>\w+)\?",
        r"\w+ wants to become an expert in (?P<it>\w+)\. What .+\?",
    ),
    table="sciences",
    field="studies",
    when=lambda fact: f"a question asks what {fact.subject} studies",
    lesson="Recall what the named field studies, then choose the option that says it.",
)
