"""The import rule: a module imports downwards only, and the command line starts without torch."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "faiss", "sentence_transformers", "datasets")

LAYERS: tuple[tuple[str, ...], ...] = (
    ("types", "errors", "numerals", "picture"),
    (
        *("resources", "recipe", "prompts", "scoring", "runs", "stats", "facts", "pretrained"),
        *(
            "rows",
            "divergence",
            "progress",
            "kb",
            "kb.entry",
            "kb.store",
            "kb.merge",
            "kb.pack",
            "kb.splice",
        ),
        *("kb.lock", "kb.convert", "spend", "completions", "everyday", "latex", "ranks"),
        *("zero", "cpu", "evaluations", "workers", "local_sgd", "checkpoint"),
    ),
    (
        *("answer", "views", "train", "benchmarks", "models", "stored"),
        *("contamination", "kb.checks", "kb.index", "kb.encoder", "kb.extract", "kb.search"),
        *("kb.gate", "kb.rerank", "kb.documents", "network"),
    ),
    ("student", "tables", "fewshot", "asking", "critic"),
    ("stages",),
    ("distill", "estimate", "evaluate", "compare", "commonsense", "impact", "credit", "edits"),
    (
        *("__main__", "cli", "cli_kb", "cli_eval", "cli_runs", "cli_ask", "report"),
        *("cli_distill", "cli_models", "cli_commonsense", "doctor", "export", "serve"),
        "methods",
    ),
)
"""Modules and packages from the bottom up; the longest name that fits a module counts."""

PACKAGES = ("kb", "benchmarks", "models", "cli_kb", "facts", "commonsense", "stages")
"""Inside one of these folders the modules may import each other."""

OPEN = (LAYERS[1], LAYERS[-1])
"""Layers whose modules may import each other."""


def place(module: str) -> tuple[int, str]:
    """Return (number of the layer, name in the table) of ``nesy.<module>``."""
    for number, layer in enumerate(LAYERS):
        if module in layer:
            return number, module
    above = module.rpartition(".")[0]
    if not above:
        pytest.fail(f"nesy.{module} stands in no layer; add it to tests/test_layers.py")
    return place(above)


def allowed(importer: str, imported: str) -> bool:
    """Whether a module of ``nesy`` may import another one."""
    if importer.partition(".")[0] == imported.partition(".")[0] and (
        importer == imported or importer.partition(".")[0] in PACKAGES
    ):
        return True
    (above, _), (below, _) = place(importer), place(imported)
    return below < above or (below == above and LAYERS[above] in OPEN)


def imports(source: str, module: str, is_package: bool, known: set[str]) -> Iterator[str]:
    """Yield what ``nesy.<module>`` imports of ``nesy``, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = ["nesy", *module.split(".")]
                kept = parts[: len(parts) - node.level + is_package]
                base = ".".join([*kept, *([base] if base else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                found.append(name if name.removeprefix("nesy.") in known else base)
        for name in found:
            if name.startswith("nesy."):
                yield name.removeprefix("nesy.")


def modules() -> dict[str, Path]:
    """Return the files of the package by module name without ``nesy.``."""
    found = {}
    for path in sorted((ROOT / "nesy").rglob("*.py")):
        parts = path.relative_to(ROOT / "nesy").with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


def violations(module: str, source: str, is_package: bool, known: set[str]) -> list[str]:
    """Return the imports of a module that the table does not allow."""
    return [
        f"nesy.{module} imports nesy.{name}"
        for name in imports(source, module, is_package, known)
        if not allowed(module, name)
    ]


def test_every_import_points_downwards() -> None:
    found = modules()
    known = set(found)
    assert {"cli", "distill", "evaluate", "kb.index", "models.solver.points"} <= known
    wrong = [
        problem
        for module, path in found.items()
        for problem in violations(
            module, path.read_text("utf-8"), path.name == "__init__.py", known
        )
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("evaluate", "from nesy import distill", "distill"),
        ("distill", "from nesy.evaluate import oracle", "evaluate"),
        ("stages.mining", "from nesy.distill import Distilled", "distill"),
        ("runs", "def f():\n    from nesy.answer import answer", "answer"),
        ("errors", "import nesy.resources", "resources"),
        ("models.hf", "if True:\n    from nesy.benchmarks import synth", "benchmarks.synth"),
        ("benchmarks.rows", "from nesy import models", "models"),
        ("kb.index", "from ..student import PROMPT", "student"),
        ("train", "from . import views", "views"),
        ("kb.store", "from nesy import prompts, distill", "distill"),
        ("student", "from nesy import cli_eval", "cli_eval"),
    ],
)
def test_the_rule_sees_what_breaks_it(module: str, source: str, wrong: str) -> None:
    known = set(modules())
    assert violations(module, source, False, known) == [f"nesy.{module} imports nesy.{wrong}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("student", "from nesy import models\nfrom nesy.kb.search import IndexSearch"),
        ("distill", "from nesy import student, train, views"),
        ("kb.checks", "from nesy.kb.bm25 import words_of"),
        ("cli_eval", "from nesy import cli_ask, evaluate, resources"),
        ("models.hf", "import torch\nfrom nesy.models.calculator import Mode"),
    ],
)
def test_the_rule_allows_what_it_should(module: str, source: str) -> None:
    assert violations(module, source, False, set(modules())) == []


@pytest.mark.parametrize(
    "code",
    [
        "import nesy.cli",
        "import contextlib\nfrom nesy.cli import app\n"
        "with contextlib.suppress(SystemExit):\n    app(['--help'])",
        "import contextlib\nfrom nesy.cli import app\n"
        "with contextlib.suppress(SystemExit):\n    app(['distill', '--help'])",
        "import contextlib\nfrom nesy.cli import app\n"
        "with contextlib.suppress(SystemExit):\n    app(['commonsense', 'run', '--help'])",
    ],
    ids=["import", "help", "distill help", "commonsense help"],
)
def test_the_command_line_starts_without_heavy_libraries(code: str, tmp_path: Path) -> None:
    tail = f"import json, sys\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_public_names_exist() -> None:
    import nesy
    from nesy import answer, benchmarks, compare, distill, evaluate, models, recipe
    from nesy.kb import store

    assert nesy.__doc__ is not None
    homes = (distill, evaluate, compare, answer, models, benchmarks, recipe, store)
    named = set(re.findall(r"``([a-z.]+)``", nesy.__doc__))
    assert len(named) == len(homes)
    for home in homes:
        function = next(n for n in named if f"nesy.{n.rpartition('.')[0]}" == home.__name__)
        assert callable(getattr(home, function.rpartition(".")[2]))
    assert sorted(nesy.__all__) == sorted(set(nesy.__all__))
    assert all(hasattr(nesy, name) for name in nesy.__all__)
