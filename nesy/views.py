"""What a training example looks like: a recipe is a list of views, each an input and a target.

A view turns a lesson (question, rationale, answer, knowledge entries) into messages and the
target that the student shall write. Cross entropy is on the target only, times the weight.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nesy import prompts
from nesy.prompts import Prompt
from nesy.recipe import View
from nesy.types import Example, Messages, Rationale

_HASHED = 1 << 64


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a view is made from: a training question with a kept rationale.

    ``question`` is the id, ``text`` what the student reads, ``rationale`` excludes the answer
    phrase. ``entries`` are what the question retrieves and ``by_rationale`` what the rationale
    does, each entry with ``lesson`` and ``facts``, best first; empty when nothing was found.
    """

    question: str
    text: str
    rationale: str
    answer: str
    entries: tuple[Any, ...] = ()
    by_rationale: tuple[Any, ...] = ()


def examples(
    lessons: Iterable[Lesson],
    views: Mapping[str, View],
    *,
    seed: int = 0,
    special: Collection[str] = (),
) -> list[Example]:
    """Render every lesson in its views, lesson by lesson; each example has the weight 1.

    The questions that are ``special`` are in no view without knowledge, and have a share of their
    own in the others. Whether a lesson belongs to a view's share depends on seed, question id and
    view alone.

    Raises:
        PromptError: a prompt file is missing, has no target, or uses an unknown variable.
    """
    chains = {name: [prompts.load(one) for one in view.prompts] for name, view in views.items()}
    made: list[Example] = []
    for lesson in lessons:
        for name, view in views.items():
            shown = {
                "none": (),
                "question": lesson.entries,
                "rationale": lesson.by_rationale,
            }[view.knowledge]
            if view.required and not shown:
                continue
            if view.knowledge == "none" and lesson.question in special:
                continue
            share = view.share
            if view.special is not None and lesson.question in special:
                share = view.special
            if draw(f"{seed}/{lesson.question}/{name}") >= share:
                continue
            messages, target = _rendered(chains[name], lesson, shown)
            made.append(Example(messages, target, 1.0, name, lesson.question))
    return made


def reads(
    question: str, views: Mapping[str, View], *, seed: int = 0, special: Collection[str] = ()
) -> bool:
    """Whether a view may show a question with knowledge, so that it is worth a search."""
    own = question in special
    return any(
        draw(f"{seed}/{question}/{name}") < max(view.share, (own and view.special) or 0.0)
        for name, view in views.items()
        if view.knowledge != "none"
    )


def balanced(
    examples: Sequence[Example], tokens: Sequence[int], views: Mapping[str, View]
) -> list[Example]:
    """Weigh the examples so that the mean loss of each view counts with the view's weight.

    ``tokens`` are the trained tokens of each example. Views without weights are left alone:
    there every trained token counts alike.
    """
    held = Counter[str]()
    for example, count in zip(examples, tokens, strict=True):
        held[example.view] += count
    total = sum(held.values())
    weights = {
        name: view.weight * total / held[name]
        for name, view in views.items()
        if view.weight is not None and held[name]
    }
    return [replace(one, weight=weights.get(one.view, one.weight)) for one in examples]


def contrasts(
    lessons: Iterable[Lesson],
    wrong: Mapping[str, str],
    views: Mapping[str, View],
    weight: float,
    *,
    seed: int = 0,
) -> list[Example]:
    """Return what a student wrote wrongly as examples of negative weight.

    ``wrong`` holds its text by question. It is put where the question's knowledge is shown and a
    rationale is the target, beside the right one; its weight is -``weight`` times the part of all
    words of the two that both have.
    """
    shown = {name: v for name, v in views.items() if v.knowledge != "none"}
    made = []
    for lesson in lessons:
        for example in examples([lesson], shown, seed=seed) if lesson.question in wrong else ():
            written = wrong[lesson.question]
            near = _overlap(written, example.target)
            if lesson.rationale in example.target and near > 0:
                target = f" {written.strip()}"
                made.append(replace(example, target=target, weight=-weight * near, view="contrast"))
    return made


def verdicts(
    lessons: Sequence[Lesson],
    wrong: Mapping[str, str],
    views: Mapping[str, View],
    prompt: str,
    *,
    seed: int = 0,
) -> list[Example]:
    """Return what a verifier must refuse, for the views that end in ``prompt``.

    A question is shown what another one retrieves, and what a student wrote wrongly (``wrong``, by
    question) beside its own knowledge; the right answer is the view's own example.
    """
    shown = [lesson for lesson in lessons if lesson.entries]
    made = []
    for name, view in views.items():
        if view.prompts[-1] != prompt:
            continue
        first, last = prompts.load(view.prompts[0]), prompts.load(prompt)
        for place, lesson in enumerate(shown):
            if draw(f"{seed}/{lesson.question}/{name}") >= view.share:
                continue
            right = first.render_target(rationale=lesson.rationale, answer=lesson.answer)
            further = 1 + int(draw(lesson.question) * (len(shown) - 1))
            other = shown[(place + further) % len(shown)]
            written = wrong.get(lesson.question)
            cases = []
            if other.entries != lesson.entries:
                cases.append((other.entries, written or right, "wrong knowledge"))
            if written is not None:
                cases.append((lesson.entries, written, "not followed"))
            for entries, text, verdict in cases:
                messages = first.render(question=lesson.text, entries=entries)
                messages = prompts.following(messages, text, last)
                target = last.render_target(verdict=verdict)
                made.append(Example(messages, target, 1.0, name, lesson.question))
    return made


def agreed(
    lessons: Sequence[Lesson], rationales: Iterable[Rationale], share: float
) -> list[Lesson]:
    """Return the lessons of questions for which the teacher's samples agree (self-consistency).

    A rationale that was kept has the right answer. Where less than ``share`` of all samples of
    its question have it too, it may be right by chance, and is left out.
    """
    asked, right = Counter[str](), Counter[str]()
    for one in rationales:
        asked[one.question] += 1
        right[one.question] += one.kept or one.reason == "no steps"
    return [one for one in lessons if right[one.question] >= share * asked[one.question]]


def _overlap(first: str, second: str) -> float:
    """The part of the words of two texts that both have, in [0, 1] (Jaccard)."""
    a, b = set(first.split()), set(second.split())
    return len(a & b) / len(a | b)


def _rendered(
    chain: Sequence[Prompt], lesson: Lesson, entries: Sequence[Any]
) -> tuple[Messages, str]:
    """The prompts one after the other, with what the student shall write in between."""
    messages = chain[0].render(question=lesson.text, entries=entries)
    targets = [
        one.render_target(
            rationale=lesson.rationale, answer=lesson.answer, entries=entries, verdict="right"
        )
        for one in chain
    ]
    for written, prompt in zip(targets, chain[1:], strict=False):
        messages = prompts.following(messages, written, prompt)
    return messages, targets[-1]


def draw(text: str) -> float:
    """Return a number of [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / _HASHED
