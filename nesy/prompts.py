"""Prompt templates: load one by name, render it strictly.

Every sentence that a model is shown stands in a file of ``prompts/``; the same file is
used at training and at inference, and its hash goes into every record that rests on it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, cast

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nesy import resources
from nesy.errors import PromptError
from nesy.types import Message, Messages

_ROLES = ("system", "user", "assistant")
_KEYS = ("description", "messages", "target", "stop", "schema")
_JINJA = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template: the messages a model is shown and, for training, the target it shall write.

    A completion ends before any of ``stop``; ``schema`` is the form of the completion as a JSON
    Schema, for ``Sampling``. ``sha`` is the sha256 of the file, so an edited prompt never meets
    old completions.
    """

    name: str
    sha: str
    messages: tuple[tuple[str, jinja2.Template], ...]
    target: jinja2.Template | None
    stop: tuple[str, ...] = ()
    schema: str | None = None

    def render(self, **variables: Any) -> Messages:
        """Fill in the messages.

        Raises:
            PromptError: a variable that the template uses was not given.
        """
        return tuple(
            Message(cast(Any, role), self._fill(template, variables))
            for role, template in self.messages
        )

    def render_target(self, **variables: Any) -> str:
        """Fill in what the model shall write.

        Raises:
            PromptError: the prompt has no target, or a variable was not given.
        """
        if self.target is None:
            raise PromptError(f"prompt {self.name}: it has no target to train on")
        return self._fill(self.target, variables)

    def _fill(self, template: jinja2.Template, variables: dict[str, Any]) -> str:
        try:
            return template.render(**variables)
        except jinja2.UndefinedError as error:
            given = ", ".join(sorted(variables)) or "nothing"
            what = f"prompt {self.name}: {error.message}; it was given {given}"
            raise PromptError(what) from error
        except jinja2.exceptions.SecurityError as error:
            raise PromptError(f"prompt {self.name}: {error}") from error


def load(name: str) -> Prompt:
    """Load ``prompts/<name>.yaml`` (working directory first, then the built-in ones).

    Raises:
        PromptError: no such prompt, or the file is not a prompt; the message names file and line.
    """
    path = resources.find("prompts", name)
    document = resources.read_yaml(path)
    where = resources.shown(path)
    if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
        raise PromptError(f"{where}:1: a prompt is a mapping with a list `messages`")
    for key in document:
        if key not in _KEYS:
            raise PromptError(f"{where}: unknown key {key!r}; a prompt has {', '.join(_KEYS)}")
    messages: list[tuple[str, jinja2.Template]] = []
    for number, entry in enumerate(document["messages"], 1):
        if not isinstance(entry, dict) or set(entry) != {"role", "content"}:
            raise PromptError(f"{where}: message {number} needs exactly `role` and `content`")
        if entry["role"] not in _ROLES:
            raise PromptError(f"{where}: message {number}: role is one of {', '.join(_ROLES)}")
        messages.append((entry["role"], _compile(where, entry["content"])))
    target, stop = document.get("target"), document.get("stop", [])
    if not isinstance(stop, list) or not all(isinstance(text, str) and text for text in stop):
        raise PromptError(f"{where}: `stop` is a list of texts before which a completion ends")
    schema = document.get("schema")
    if schema is not None and not isinstance(schema, dict):
        raise PromptError(f"{where}: `schema` is a JSON Schema, written as a mapping")
    return Prompt(
        name=name,
        sha=hashlib.sha256(path.read_bytes()).hexdigest(),
        messages=tuple(messages),
        target=None if target is None else _compile(where, target),
        stop=tuple(stop),
        schema=None if schema is None else json.dumps(schema, ensure_ascii=False),
    )


def following(messages: Messages, written: str, prompt: Prompt) -> Messages:
    """Return the messages of a further pass: what was asked, what was written, what comes next.

    Raises:
        PromptError: the further prompt uses a variable; all that it needs stands before it.
    """
    return (*messages, Message("assistant", written.strip()), *prompt.render())


def _compile(where: str, source: Any) -> jinja2.Template:
    if not isinstance(source, str):
        raise PromptError(f"{where}: a template must be text, not {type(source).__name__}")
    try:
        return _JINJA.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise PromptError(f"{where}: template line {error.lineno}: {error.message}") from error
