"""A distilled student for other programs: merged weights, GGUF, and how to serve it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nesy import models, pretrained, resources, student
from nesy import recipe as recipes
from nesy.errors import InputError, ModelError
from nesy.recipe import Recipe
from nesy.runs import MANIFEST, RECIPE
from nesy.scoring import grade
from nesy.stages.questions import training_questions
from nesy.types import LM, Question, Sampling

_QUESTIONS = 100
_CONVERTER = "convert_hf_to_gguf.py"
_NAME = "nesy"


@dataclass(frozen=True, slots=True)
class Merged:
    """Where the merged model is, and on how many questions it answers as the adapter does.

    With an id in ``differing`` there is no folder: the export was refused.
    """

    folder: Path
    questions: int
    differing: tuple[str, ...]


def merged(run: Path, folder: Path) -> Merged:
    """Merge a run's adapter into its base, and keep the result if it answers the same.

    Raises:
        InputError: no such run, or ``folder`` exists already.
        ModelError: the student can't be loaded.
    """
    recipe = _recipe(run)
    if folder.exists():
        raise InputError(f"{resources.shown(folder)}: is there already; choose another folder")
    questions = training_questions(recipe)[0][:_QUESTIONS]
    lm = student.load_student(recipe, run / "adapter")
    before = _answers(lm, recipe, questions)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        _save(lm, part)
        (part / "README.md").write_text(card(run, recipe), "utf-8")
        again = models.load(
            str(part),
            device=recipe.student.device,
            dtype=recipe.student.dtype,
            calculator=recipe.student.calculator,
        )
        after = _answers(again, recipe, questions)
        differing = tuple(
            question.id
            for question, old, new in zip(questions, before, after, strict=True)
            if old != new
        )
        if not differing:
            part.rename(folder)
        return Merged(folder, len(questions), differing)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def converter() -> Path:
    """Return llama.cpp's converter, on the PATH or in the folder that ``LLAMA_CPP`` names.

    Raises:
        InputError: there is none.
    """
    found = shutil.which(_CONVERTER)
    path = Path(found) if found else Path(os.environ.get("LLAMA_CPP", "")) / _CONVERTER
    if not path.is_file():
        raise InputError(
            f"--gguf needs llama.cpp's {_CONVERTER}: put it on the PATH, or set LLAMA_CPP to the "
            "folder of llama.cpp"
        )
    return path


def gguf(with_converter: Path, folder: Path, file: Path) -> None:
    """Convert a merged model with llama.cpp's converter.

    Raises:
        ModelError: the converter refuses the model; in its own words.
    """
    done = subprocess.run(  # noqa: S603  the user's own converter
        [sys.executable, str(with_converter), str(folder), "--outfile", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise ModelError(f"{with_converter}: exit {done.returncode}: {' / '.join(words)}")


def vllm(run: Path, folder: Path | None) -> str:
    """Return the command that serves the student with vLLM: merged, or base with the adapter.

    Raises:
        InputError: no such run, or vLLM can't serve its adapter as it is.
    """
    if folder is not None:
        return shlex.join(["vllm", "serve", str(folder), "--served-model-name", _NAME])
    recipe = _recipe(run)
    config = json.loads((run / "adapter" / "adapter_config.json").read_text("utf-8"))
    if config.get("modules_to_save"):
        raise InputError(
            "the adapter holds word embeddings too, which vLLM does not load; add --merged DIR"
        )
    rank = str(max(8, 1 << (int(config["r"]) - 1).bit_length()))
    base = pretrained.locate(recipe.student.model)
    adapter = f"{_NAME}={run / 'adapter'}"
    words = ["vllm", "serve", base, "--enable-lora", "--max-lora-rank", rank]
    return shlex.join([*words, "--lora-modules", adapter])


def card(run: Path, recipe: Recipe) -> str:
    """Return the model card: base, data, recipe, scores and hashes."""
    manifest = _read(run / MANIFEST)
    files = manifest.get("files", {})
    counts = [f"{manifest[k]:,} {k}" for k in ("questions", "rationales", "failures", "entries")]
    scores = [line for path in sorted(run.glob("eval/*/report.json")) for line in _scores(path)]
    hashes = [
        f"- `{name}` {files[name]}"
        for name in ("adapter/adapter_model.safetensors", "rationales.jsonl", "knowledge.jsonl")
        if name in files
    ]
    adapter = pretrained.fingerprint(str(run / "adapter"))
    return "\n".join(
        [
            "---",
            f"base_model: {recipe.student.model}",
            "tags: [nesy, distillation]",
            "---",
            f"# {run.resolve().name}",
            "",
            f"`{recipe.student.model}`, distilled from `{recipe.teacher.model}` on "
            f"`{recipe.data.benchmark}` ({', '.join(counts)}). The knowledge base is not in the "
            "weights: `nesy serve` answers with it.",
            "",
            f"Calculator while decoding: `{recipe.student.calculator}`. Another program decodes "
            "without it, and may score lower than below.",
            "",
            "## Scores",
            *(scores or ["not measured yet; `nesy eval` does"]),
            "",
            "## Recipe",
            "```yaml",
            recipe.dump().rstrip(),
            "```",
            "",
            "## Hashes (sha256)",
            f"- adapter, with tokenizer and settings: {adapter}",
            f"- recipe: {hashlib.sha256(recipe.dump().encode()).hexdigest()}",
            *hashes,
            "",
        ]
    )


def _scores(path: Path) -> list[str]:
    """The accuracies of an evaluation, one line a task."""
    report = _read(path)
    name = path.parent.name
    return [
        f"- {name} {task}: {metric.replace(',', ' ')} {value:.4f}"
        for task, figures in report.get("results", {}).items()
        for metric, value in figures.items()
        if metric.startswith("acc") and isinstance(value, float) and "stderr" not in metric
    ]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{resources.shown(path)}: {error}; the run must have ended") from error


def _recipe(run: Path) -> Recipe:
    path = run / RECIPE
    if not path.is_file():
        raise InputError(f"{resources.shown(run)}: no run here, it has no {RECIPE}")
    return recipes.parse(path.read_text("utf-8"), resources.shown(path))


def _answers(lm: LM, recipe: Recipe, questions: Sequence[Question]) -> list[str | None]:
    """What a student answers, greedily and without knowledge."""
    prompt = student.prompt(recipe)
    asked = [prompt.render(question=question.text, entries=()) for question in questions]
    made = lm.generate(asked, Sampling(max_tokens=recipe.student.max_tokens))
    return [grade(c, question).answer for c, question in zip(made, questions, strict=True)]


def _save(lm: LM, folder: Path) -> None:
    from nesy.models.hf import HFModel

    if not isinstance(lm, HFModel):
        raise ModelError(f"{lm.name}: only local weights can be exported")
    lm.model.save_pretrained(str(folder), safe_serialization=True)
    lm.tokenizer.save_pretrained(str(folder))
