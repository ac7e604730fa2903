"""The embedded teacher's part in commonsense: it reads the prompts for events and for tails.

A prompt for events is a numbered list of sentences about PersonX whose last number is left
open. A prompt for a tail ends in a line with an event and the beginning of a sentence about
it (``prompts/commonsense-*.yaml``); names stand for the persons. A prompt for a thing has a
line ``Event:`` with a blank, and a numbered list of things whose last number is left open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from random import Random

from nesy import everyday
from nesy.types import Messages, Sampling

_OPEN = re.compile(r"\n\d+\. Event:\s*$")
_THING = re.compile(r"(?:^|\n)Event: (?P<event>[^\n.]*___[^\n.]*)\.[^\0]*\n\d+\. Thing:\s*$")
_LAST = re.compile(r"(?:^|\n)\d+\. Event: (?P<head>[^\n.]+)\. (?P<cue>[^\n]+)$")
_CUES = {
    "People say that {x} is": "xAttr",
    "Then {x} feels": "xReact",
    "As a result, {x}": "xEffect",
    "{x} does this to": "xIntent",
    "Next, {x} wants to": "xWant",
    "Before that, {x} needed to": "xNeed",
    "This does not happen if": "HinderedBy",
    "Then {y} feels": "oReact",
    "As a result, {y}": "oEffect",
    "Next, {y} wants to": "oWant",
    "Just before that,": "isAfter",
    "Just after that,": "isBefore",
    "In the course of this,": "HasSubEvent",
}
_FLAWED = 0.06  # share of events that are no use
_FLAWS = (
    "PersonX puts the",
    "The weather is fine today",
    "PersonX goes to the shop and then to the bank and then to the doctor and at last home",
    "PersonX %% buys @ bread",
)


def complete(messages: Messages, sampling: Sampling) -> str | None:
    """Continue a prompt for an event, a tail or a thing; ``None`` if it is none of them.

    The same prompt, seed and sampling give the same text.
    """
    told = _distribution(messages)
    if told is None:
        return None
    weights, names = told
    chosen = _draw(weights, sampling, messages)
    for person, name in names.items():
        chosen = chosen.replace(person, name)
    return f" {chosen}."


def logprob(messages: Messages, text: str) -> float:
    """Natural logarithm of the probability of a completion; ``-inf`` for what is never said."""
    told = _distribution(messages)
    if told is None:
        return -math.inf
    weights, names = told
    said = text.strip().removesuffix(".")
    for person, name in names.items():
        said = re.sub(rf"\b{name}\b", person, said)
    return math.log(weights[said]) if said in weights else -math.inf


def _distribution(messages: Messages) -> tuple[Mapping[str, float], Mapping[str, str]] | None:
    text = next((m.content for m in reversed(messages) if m.role == "user"), "").rstrip()
    if _OPEN.search(text):
        return _ideas(), {}
    blank = _THING.search(text)
    if blank is not None:
        things = everyday.things(blank["event"].replace("___", "<o>"))
        return (things, {}) if things else None
    last = _LAST.search(text)
    if last is None:
        return None
    for head, names in _readings(last["head"]):
        for cue, relation in _CUES.items():
            wanted = cue.format(x=names["PersonX"], y=names.get("PersonY", "\n"))
            if wanted == last["cue"]:
                weights = everyday.beliefs(head, relation)
                return (weights, names) if weights else None
    return None


@cache
def _ideas() -> Mapping[str, float]:
    weights = {t: w * (1 - _FLAWED) for t, w in everyday.event_weights().items()}
    return {**weights, **dict.fromkeys(_FLAWS, _FLAWED / len(_FLAWS))}


def _readings(sentence: str) -> list[tuple[str, dict[str, str]]]:
    """An event behind a sentence with names, and who is who."""
    found = []
    for pattern, heads in _patterns():
        match = pattern.fullmatch(sentence)
        if match is not None:
            names = {f"Person{key.upper()}": name for key, name in match.groupdict().items()}
            plain = sentence
            for person, name in names.items():
                plain = re.sub(rf"\b{name}\b", person, plain)
            if plain in heads:
                found.append((plain, names))
    return found


@cache
def _patterns() -> list[tuple[re.Pattern[str], frozenset[str]]]:
    made = []
    for situation in everyday.situations().values():
        for event in situation.events:
            things = (*situation.objects, *situation.rare)
            heads = frozenset(everyday.filled(event, thing) for thing in things)
            body = re.escape(event).replace("<o>", ".+").replace(r"\ a\ ", r"\ an?\ ")
            body = body.replace("PersonX", r"(?P<x>[A-Z]\w+)", 1).replace("PersonX", "(?P=x)")
            body = body.replace("PersonY", r"(?P<y>[A-Z]\w+)", 1).replace("PersonY", "(?P=y)")
            made.append((re.compile(body), heads))
    return made


def _draw(weights: Mapping[str, float], sampling: Sampling, messages: Messages) -> str:
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    if sampling.temperature == 0:
        return ranked[0][0]
    scaled = everyday.normalized({t: w ** (1 / sampling.temperature) for t, w in ranked})
    nucleus: dict[str, float] = {}
    before = 0.0
    for text, weight in scaled.items():
        if before >= sampling.top_p and nucleus:
            break
        nucleus[text] = weight
        before += weight
    told = "\n".join(message.content for message in messages)
    random = Random(f"{sampling.seed}\n{told}")
    return random.choices(list(nucleus), list(nucleus.values()))[0]
