"""The embedded teacher behind the ``LM`` protocol: it reads prompts and answers by parsing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from nesy import everyday as world
from nesy.models import everyday, solver
from nesy.models.asked import asked
from nesy.types import Completion, Messages, Sampling

_UNSOLVED = "I cannot solve this problem."
_UNKNOWN = "I do not know what was missing."
_PACKAGE = Path(__file__).parent


class SolverLM:
    """Solves the wordings of ``models/solver/`` and continues the prompts of commonsense.

    For anything else it says that it cannot.
    """

    name = "solver"

    @property
    def fingerprint(self) -> str:
        """Hash of the parsers' sources and of the fact tables."""
        return _fingerprint()

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Answer each prompt; tokens are words.

        ``sampling`` matters for a question only by its limit; events and tails are sampled.
        """
        return [_completion(messages, sampling) for messages in prompts]

    def logprobs(self, prompts: Sequence[Messages], texts: Sequence[str]) -> list[float]:
        """Natural logarithm of the probability of events and tails; ``-inf`` for any other text."""
        return [everyday.logprob(p, text) for p, text in zip(prompts, texts, strict=True)]


def _completion(messages: Messages, sampling: Sampling) -> Completion:
    continued = everyday.complete(messages, sampling)
    words = (_answer(messages) if continued is None else continued).split(" ")
    prompt_tokens = sum(len(m.content.split()) for m in messages)
    if len(words) <= sampling.max_tokens:
        return Completion(" ".join(words), "stop", prompt_tokens, len(words))
    cut = words[: sampling.max_tokens]
    return Completion(" ".join(cut), "length", prompt_tokens, len(cut))


def _answer(messages: Messages) -> str:
    wanted = asked(messages)
    solution = None if wanted.question is None else solver.solve(wanted.question)
    if wanted.wish == "knowledge":
        return _UNKNOWN if solution is None else _sections(solution.knowledge)
    if solution is None:
        return _UNSOLVED
    phrase = f"So the answer is {solution.answer}."
    return phrase if wanted.wish == "answer" else f"{solution.rationale} {phrase}"


def _sections(knowledge: solver.Knowledge) -> str:
    if knowledge.example is None:
        example = "none"
    elif knowledge.check is None:
        example = knowledge.example
    else:
        example = f"{knowledge.example} | {knowledge.check}"
    facts = "\n".join(f"- {fact}" for fact in knowledge.facts)
    return (
        f"Applies When: {knowledge.when}\n"
        f"Learning Summary: {knowledge.lesson}\n"
        f"Supplementary Knowledge:\n{facts}\n"
        f"Example: {example}"
    )


def sources() -> list[Path]:
    """The files that decide what the embedded teacher answers."""
    facts = _PACKAGE.parent / "facts"
    return [
        *sorted((_PACKAGE / "solver").glob("*.py")),
        *sorted([*facts.glob("*.py"), *facts.glob("*.yaml")]),
        *(world.SOURCE, Path(world.__file__), _PACKAGE / "everyday.py"),
        _PACKAGE / "amounts.py",
        _PACKAGE / "asked.py",
        Path(__file__),
    ]


@cache
def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.name}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
