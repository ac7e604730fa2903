"""Language models by name: teacher and student are both one.

========================  ==============================================================
``solver``                the embedded teacher: parsers and fact tables
``tiny``                  the embedded student
``hf:<name>``, a folder,  a causal language model of transformers
or ``owner/model``
``openai:<model>``        an OpenAI-compatible endpoint
``scripted:<file>``       canned completions, JSONL
``transcripts:<file>``    a teacher's stored rationales, JSONL
========================  ==============================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesy.errors import ModelError
from nesy.models.flow import Terms
from nesy.spend import Budget
from nesy.types import LM

if TYPE_CHECKING:
    from nesy.models.calculator import Mode


def load(
    spec: str,
    *,
    adapter: str | Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    device_map: str | None = None,
    calculator: Mode = "off",
    batch_size: int | str = "auto",
    base_url: str | None = None,
    terms: Terms | None = None,
    budget: Budget | None = None,
    ray: str | None = None,
) -> LM:
    """Load the model that ``spec`` names; see the table above.

    ``adapter`` to ``batch_size`` are for local weights (``models.hf``), and so is ``ray``, the
    address of a cluster that shall hold them; ``terms`` and ``budget`` are for an endpoint, and
    so is ``base_url``, which stands for terms with nothing else.

    Raises:
        ModelError: unknown, missing, or given a setting that it cannot have.
        InputError: a file of completions is malformed.
    """
    kind, _, rest = spec.partition(":")
    if kind not in ("solver", "openai", "scripted", "transcripts"):
        settings: dict[str, Any] = {
            "adapter": adapter,
            "device": device,
            "dtype": dtype,
            "device_map": device_map,
            "calculator": calculator,
            "batch_size": batch_size,
        }
        if ray is not None:
            from nesy.models.ray import RayModel

            return RayModel(spec, ray, settings)
        from nesy.models.hf import HFModel

        return HFModel(spec, **settings)
    if ray is not None:
        raise ModelError(f"{spec} can't be spread over a Ray cluster; only local weights can")
    if adapter is not None:
        raise ModelError(f"{spec} takes no adapter; only local weights do")
    if calculator != "off":
        raise ModelError(f"{spec} takes no calculator; only local weights do")
    if spec == "solver":
        from nesy.models.solver_teacher import SolverLM

        return SolverLM()
    if not rest:
        raise ModelError(f"{spec}: nothing stands after the colon")
    if kind == "scripted":
        from nesy.models.scripted import ScriptedLM

        return ScriptedLM(rest)
    if kind == "transcripts":
        from nesy.models.scripted import TranscriptLM

        return TranscriptLM(rest)
    from nesy.models.openai import OpenAIModel

    model = OpenAIModel(rest, terms or Terms(base_url=base_url), budget)
    if not model.terms.batch:
        return model
    from nesy.models.batch import BatchModel

    return BatchModel(model)
