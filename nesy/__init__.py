"""nesy: distil a teacher's general reasoning into weights and its knowledge into readable entries.

The records and errors below are public, as are the functions that the command line calls:
``distill.distill``, ``evaluate.evaluate``, ``compare.compare``, ``answer.answer``,
``models.load``, ``benchmarks.load``, ``recipe.load`` and ``kb.store.load``.
"""

from nesy.errors import (
    BenchmarkError,
    EntryError,
    InputError,
    ModelError,
    NesyError,
    PromptError,
    RecipeError,
    TrainingError,
)
from nesy.types import (
    LM,
    Attempt,
    Completion,
    Encoder,
    Hit,
    Message,
    Question,
    Rationale,
    Sampling,
)

__all__ = [
    "LM",
    "Attempt",
    "BenchmarkError",
    "Completion",
    "Encoder",
    "EntryError",
    "Hit",
    "InputError",
    "Message",
    "ModelError",
    "NesyError",
    "PromptError",
    "Question",
    "Rationale",
    "RecipeError",
    "Sampling",
    "TrainingError",
]
