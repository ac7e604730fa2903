"""A local model on many machines: Ray actors that hold it, questions spread over them.

Every device of the cluster that is a GPU gets an actor; without GPUs, every machine. Each is asked
for a few prompts at a time, so that fast ones do more. Where an actor dies, its prompts go to
another, and a new one is started in its place.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nesy.errors import ModelError, NesyError
from nesy.models.hf import HFModel
from nesy.types import Completion, Messages, Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 32  # prompts that an actor answers at once
_TRIES = 3  # of a chunk, and of starting an actor

_log = logging.getLogger(__name__)


class _Holder:
    """What runs in an actor: the model."""

    def __init__(self, spec: str, settings: Mapping[str, Any]) -> None:
        self._lm = HFModel(spec, **settings)

    def about(self) -> tuple[str, str]:
        """Return name and fingerprint, which decide what stored answers are found."""
        return self._lm.name, self._lm.fingerprint

    def answered(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        return self._lm.generate(prompts, sampling)


class RayModel:
    """The model ``HFModel(spec, **settings)``, held by the actors of a Ray cluster."""

    def __init__(self, spec: str, address: str, settings: Mapping[str, Any]) -> None:
        """Join the cluster at ``address`` (``auto``, ``local``, ``host:port``, ``ray://…``).

        Raises:
            ModelError: ray is not installed, the cluster can't be reached, or the model can't be
                loaded there.
        """
        try:
            import ray
        except ImportError as error:
            raise ModelError('--ray needs ray: pip install "nesy[ray]"') from error
        self._spec = spec
        self._settings = dict(settings)
        self._address = address
        try:
            if not ray.is_initialized():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            said = str(error).strip().splitlines()[0]
            raise ModelError(f"--ray {address}: the cluster can't be reached ({said})") from error
        gpus = int(ray.cluster_resources().get("GPU", 0))
        machines = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        machines = [cpus for cpus in machines if cpus]
        share = {"num_gpus": 1} if gpus else {"num_cpus": min(machines, default=1)}
        options = {**share, "scheduling_strategy": "SPREAD", "max_restarts": 0}
        self._holder = ray.remote(_Holder).options(**options)
        self._idle: list[Any] = []
        self._starting: list[Any] = [self._start() for _ in range(gpus or len(machines))]
        first = self._starting[0]
        try:
            about: tuple[str, str] = ray.get(first.about.remote())
        except ray.exceptions.RayError as error:
            raise self._told(error) from error
        self._name, self._fingerprint = about

    @property
    def name(self) -> str:
        """The name of the model, wherever it runs."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the model, wherever it runs."""
        return self._fingerprint

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[Completion]:
        """Complete each prompt; the result has the order of the prompts.

        Raises:
            ModelError: as ``stream``.
        """
        found = dict(self.stream(prompts, sampling))
        return [found[index] for index in range(len(prompts))]

    def stream(
        self, prompts: Sequence[Messages], sampling: Sampling
    ) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the prompt, completion) as the actors answer.

        Raises:
            ModelError: the model could not answer, or its actors keep dying.
        """
        import ray

        waiting = deque(
            (range(first, min(first + _CHUNK, len(prompts))), 1)
            for first in range(0, len(prompts), _CHUNK)
        )
        under_way: dict[Any, tuple[Any, tuple[range, int] | None]] = {}
        for actor in self._starting:
            under_way[actor.about.remote()] = (actor, None)
        self._starting = []
        lost = 0  # actors that died before they were ready
        while waiting or any(chunk for _, chunk in under_way.values()):
            while self._idle and waiting:
                actor, chunk = self._idle.pop(), waiting.popleft()
                asked = [prompts[index] for index in chunk[0]]
                under_way[actor.answered.remote(asked, sampling)] = (actor, chunk)
            (done, *_), _rest = ray.wait(list(under_way), num_returns=1)
            actor, done_chunk = under_way.pop(done)
            try:
                said = ray.get(done)
            except ray.exceptions.RayActorError as error:
                lost += done_chunk is None
                if lost >= _TRIES or (done_chunk is not None and done_chunk[1] >= _TRIES):
                    raise self._told(error) from error
                if done_chunk is not None:
                    waiting.appendleft((done_chunk[0], done_chunk[1] + 1))
                _log.warning("--ray %s: an actor died; its prompts go to another", self._address)
                actor = self._start()
                under_way[actor.about.remote()] = (actor, None)
                continue
            except ray.exceptions.RayError as error:
                raise self._told(error) from error
            self._idle.append(actor)
            if done_chunk is not None:
                yield from zip(done_chunk[0], said, strict=True)
        self._starting = [actor for actor, _ in under_way.values()]

    def _start(self) -> Any:
        return self._holder.remote(self._spec, self._settings)

    def _told(self, error: Exception) -> ModelError:
        """What an actor has to say, as an error of nesy."""
        cause = getattr(error, "cause", None)
        if isinstance(cause, NesyError):
            return ModelError(f"--ray {self._address}: {cause}")
        said = str(cause or error).strip().splitlines()
        return ModelError(
            f"--ray {self._address}: actors that hold {self._spec} die or fail "
            f"({said[-1] if said else type(error).__name__}); what was answered is kept"
        )
