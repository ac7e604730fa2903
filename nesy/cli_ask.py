"""``nesy ask``: one question through student and knowledge base, explained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nesy import recipe as recipes
from nesy import resources, student
from nesy.answer import answer, prepare
from nesy.errors import InputError
from nesy.kb.index import Found
from nesy.runs import RECIPE
from nesy.types import Attempt, Question, Sampling

_CONSIDERED = 5  # entries listed by --explain


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with how it came about; ``alone`` is the attempt without knowledge."""

    answer: str | None
    attempt: Attempt
    prompt: str
    considered: tuple[Found, ...]
    alone: Attempt | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "answer": self.answer,
            "steps": self.attempt.completion.text,
            "prompt": self.prompt,
            "entries": [
                {"id": f.entry.id, "score": f.hit.score, "cosine": f.dense, "bm25": f.bm25}
                for f in self.considered
            ],
            "shown": [asdict(hit) for hit in self.attempt.hits],
            "without_knowledge": None if self.alone is None else self.alone.answer,
        }

    def explained(self) -> str:
        """Return entries, prompt, steps and the answer without knowledge, as text."""
        shown = {hit.entry for hit in self.attempt.hits}
        lines = ["entries considered (* = shown to the student)"]
        for found in self.considered:
            mark = "*" if found.entry.id in shown else " "
            lines.append(
                f" {mark} {found.entry.id}  cosine {found.dense:.3f}  BM25 {found.bm25:.2f}"
            )
        if not self.considered:
            lines.append("   none")
        lines += [
            "prompt",
            _indented(self.prompt),
            "steps",
            _indented(self.attempt.completion.text),
        ]
        if self.alone is not None:
            lines.append(f"without knowledge: {self.alone.answer or 'no answer'}")
            lines.append(_indented(self.alone.completion.text))
        return "\n".join(lines)


def ask(text: str, run: Path, kb: Path, explain: bool) -> Answered:
    """Answer a question with a run's student and a knowledge base.

    Raises:
        InputError: the question is empty, or there is no such run or knowledge base.
        ModelError: the student can't be loaded.
    """
    if not text.strip():
        raise InputError("the question is empty")
    path = run / RECIPE
    if not path.is_file():
        raise InputError(f"{resources.shown(run)}: no run here, it has no {RECIPE}")
    recipe = recipes.parse(path.read_text("utf-8"), resources.shown(path))
    question = Question("ask", "", "ask", "test", text.strip(), "", "text")
    search = student.load_search(recipe, kb)
    lm = student.answering(recipe, student.load_student(recipe, run / "adapter"))
    gated = student.gated(recipe, search, lm) if recipe.answering.knowledge else None
    prompt = student.prompt(recipe)
    sampling = Sampling(max_tokens=recipe.student.max_tokens)
    checking = student.verifier(recipe, search.without, lm)
    attempt = answer([question], lm, prompt, sampling, gated, checking)[0]
    prepared = prepare([question], prompt, gated)[0]
    considered = tuple(search.considered([question], _CONSIDERED)[0]) if explain else ()
    alone = answer([question], lm, prompt, sampling)[0] if explain else None
    return Answered(attempt.answer, attempt, prepared.messages[-1].content, considered, alone)


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())
