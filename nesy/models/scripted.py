"""Models that say what a file says: canned completions, and stored transcripts of a teacher."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from nesy.errors import InputError, ModelError
from nesy.models.asked import asked
from nesy.types import Completion, Message, Messages, Sampling

_RUN_ON = "\nQ:"
_NONE = "There is no transcript for this question."


class ScriptedLM:
    """Answers from a JSONL file, for tests and dry runs.

    A row is ``{"completion": …}`` or ``{"prompt": …, "completion": …}``. A prompt is answered
    by the first row whose ``prompt`` occurs in its text, else by the next unused row without
    one.
    """

    def __init__(self, path: str | Path) -> None:
        """Read the file.

        Raises:
            InputError: a line is not such a row; the message says file:line.
        """
        self._path = Path(path)
        rows = _rows(self._path, ("completion",))
        self._keyed: list[tuple[str, str]] = [
            (r["prompt"], r["completion"]) for r in rows if "prompt" in r
        ]
        self._waiting: list[str] = [r["completion"] for r in rows if "prompt" not in r]

    @property
    def name(self) -> str:
        """``scripted:`` and the path."""
        return f"scripted:{self._path}"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file."""
        return hashlib.sha256(self._path.read_bytes()).hexdigest()

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Answer each prompt by its row.

        Raises:
            ModelError: no row is left for a prompt.
        """
        return [_completion(self._said(messages), messages, sampling) for messages in prompts]

    def _said(self, messages: Messages) -> str:
        text = "\n\n".join(m.content for m in messages)
        for key, completion in self._keyed:
            if key in text:
                return completion
        if not self._waiting:
            raise ModelError(f"{self._path}: no row left for the prompt that ends {text[-80:]!r}")
        return self._waiting.pop(0)


class TranscriptLM:
    """A teacher's stored rationales: JSONL rows with ``question`` and ``response``.

    Lines of a provider's batch are read too: its input, which holds the questions, and its
    output, one after the other in one file. An output line without an answer is left out.

    A prompt for a rationale is answered by the row with exactly its question, cut where the
    text runs on into a next question; any other by a sentence that says there is none.
    """

    def __init__(self, path: str | Path) -> None:
        """Read the file.

        Raises:
            InputError: a line is not such a row; the message says file:line.
        """
        self._path = Path(path)
        self._said: dict[str, str] = {}
        for question, said in _transcripts(self._path):
            # The first transcript of a question stands for it.
            self._said.setdefault(question.strip(), said.split(_RUN_ON)[0])

    @property
    def name(self) -> str:
        """``transcripts:`` and the path."""
        return f"transcripts:{self._path}"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file."""
        return hashlib.sha256(self._path.read_bytes()).hexdigest()

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Answer each prompt by the transcript of its question."""
        found: list[Completion] = []
        for messages in prompts:
            wanted = asked(messages)
            said = None
            if wanted.wish == "rationale" and wanted.question is not None:
                said = self._said.get(wanted.question)
            found.append(_completion(_NONE if said is None else said.strip(), messages, sampling))
        return found


def _completion(text: str, messages: Messages, sampling: Sampling) -> Completion:
    for stop in sampling.stop:
        text = text.split(stop)[0] if stop else text
    prompt_tokens = sum(len(m.content.split()) for m in messages)
    return Completion(text, "stop", prompt_tokens, len(text.split()))


def _transcripts(path: Path) -> list[tuple[str, str]]:
    """Return (question, text) of each row that holds an answer."""
    questions: dict[str, str] = {}
    answers: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for row in _rows(path, ("question", "response")):
        if "custom_id" not in row:
            found.append((row["question"], row["response"]))
            continue
        try:
            if "body" in row:
                turns = [Message(m["role"], str(m["content"])) for m in row["body"]["messages"]]
                question = asked(tuple(turns)).question
                questions[row["custom_id"]] = turns[-1].content if question is None else question
            elif (text := _answer_of(row)) is not None:
                answers[row["custom_id"]] = text
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: {row['custom_id']} is no line of a batch ({error!r} is missing or wrong)"
            ) from error
    unknown = next((id_ for id_ in answers if id_ not in questions), None)
    if unknown is not None:
        raise InputError(
            f"{path}: no question for the answer {unknown}; put the lines of the batch's input "
            "before those of its output"
        )
    return found + [(questions[id_], text) for id_, text in answers.items()]


def _answer_of(row: dict[str, Any]) -> str | None:
    """The text of a batch's output line, or ``None`` if it ended otherwise than of itself."""
    reply = row.get("response") or {}
    choices = (reply.get("body") or {}).get("choices") or []
    if reply.get("status_code") != 200 or not choices or choices[0]["finish_reason"] != "stop":
        return None
    text: str | None = choices[0]["message"]["content"]
    return text


def _rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from error
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{number}: not JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: a row is a JSON object")
        for key in () if "custom_id" in row else needed:  # a provider's own layout
            if not isinstance(row.get(key), str):
                raise InputError(f"{path}:{number}: the row needs {key!r} as text")
        if not isinstance(row.get("prompt", ""), str):
            raise InputError(f"{path}:{number}: 'prompt' is text")
        rows.append(row)
    return rows
