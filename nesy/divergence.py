"""How far a student's next-token probabilities are from a teacher's whose logits are at hand.

Each function takes the logits of teacher and student, (tokens, vocabulary) each, and returns a
loss for each token, (tokens,), at least 0 and 0 where both are the same (for ``sinkhorn``: where
no two tokens' probabilities are). The gradient is the student's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Divergence = Literal["forward-kl", "reverse-kl", "js", "sinkhorn"]

_SMOOTHING = 0.1  # SinKD (arXiv 2402.17110): entropy of the transport, and its iterations
_ITERATIONS = 20
_GROUP = 64  # tokens that a transport is over; its cost grows with their square


def of(
    name: Divergence, teacher: torch.Tensor, student: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Return the divergence by name, of probabilities that ``temperature`` has made flatter.

    It is multiplied by the square of the temperature, so that its gradient keeps its size
    (Hinton 2015).
    """
    found = _KNOWN[name](teacher / temperature, student / temperature)
    return found * temperature**2


def forward_kl(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """KL(teacher, student): the student must cover all that the teacher might say."""
    return _kl(teacher.log_softmax(-1), student.log_softmax(-1))


def reverse_kl(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """KL(student, teacher): the student must say nothing that the teacher would not (MiniLLM)."""
    return _kl(student.log_softmax(-1), teacher.log_softmax(-1))


def js(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """Jensen-Shannon: the mean KL of both to their mean; at most log 2."""
    import torch

    p, q = teacher.log_softmax(-1), student.log_softmax(-1)
    mean = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0))
    return (_kl(p, mean) + _kl(q, mean)) / 2


def sinkhorn(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """Cost of carrying the student's probabilities to the teacher's, token by token (SinKD).

    A token may be matched with any other of its group, at the L1 distance of the two
    probabilities; the transport is the smoothed optimal one.
    """
    import torch

    p, q = teacher.softmax(-1), student.softmax(-1)
    groups = zip(torch.split(p, _GROUP), torch.split(q, _GROUP), strict=True)
    return torch.cat([_transported(some_p, some_q) for some_p, some_q in groups])


def _transported(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    import torch

    cost = torch.cdist(p, q, p=1.0)
    plan = torch.exp(-cost / _SMOOTHING)
    for _ in range(_ITERATIONS):
        plan = plan / plan.sum(1, keepdim=True)
        plan = plan / plan.sum(0, keepdim=True)
    return (plan * cost).sum(0)


def _kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """KL divergence of log-probabilities."""
    return (p.exp() * (p - q)).sum(-1)


_KNOWN: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "forward-kl": forward_kl,
    "reverse-kl": reverse_kl,
    "js": js,
    "sinkhorn": sinkhorn,
}
