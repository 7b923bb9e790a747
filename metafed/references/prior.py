"""Pooled × the client's own label prior: Saerens, Latinne, Decaestecker 2002, Neural Computation 14(1), equation 2.4.

p_c(y | x) ∝ p(y | x) π_c(y) / π(y), with p of the pooled model, π of the rows that it was trained on, and π_c of the
client's support rows. Ours: the labels of these are known, so that the paper's EM for unknown priors is not needed; and
both priors are smoothed, π(y) = (N_y + 1) / (N + K) and π_c(y) = (n_y + π(y)) / (n + 1): one more row, shared out by π.
"""

import torch

from metafed.core.episodes import Batch, Episode
from metafed.references import pooled
from metafed.references.base import Ground, counts


def undefined(ground: Ground) -> str | None:
    """Return a reason where targets are no classes, or where there is no pooled model."""
    return pooled.undefined(ground) if ground.task.kind == "classification" else "a regression has no label prior"


def outputs(
    ground: Ground, choosing: Episode, support: Batch, x: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return the logarithm of p_c(y | x)."""
    classes = ground.task.model.outputs
    own = pooled.outputs(ground, choosing, support, x, mask).log_softmax(-1)
    return corrected(own, counts(support, classes), counts(ground.everyone, classes))


def corrected(log_p: "torch.Tensor", own: "torch.Tensor", pool: "torch.Tensor") -> "torch.Tensor":
    """Return log p_c(y | x) ``(C, N, K)``.

    Args:
        log_p: log p(y | x) ``(C, N, K)``.
        own: Support rows of each class ``(C, K)``.
        pool: Pooled rows of each class ``(1, K)``.
    """
    general = (pool + 1) / (pool + 1).sum(-1, keepdim=True)
    prior = (own + general) / (own + general).sum(-1, keepdim=True)
    return (log_p + (prior.log() - general.log()).unsqueeze(1)).log_softmax(-1)
