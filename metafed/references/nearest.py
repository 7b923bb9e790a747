"""Nearest neighbours (Fix and Hodges 1951): the answer of the client's support rows whose inputs are nearest."""

import torch

from metafed.core.episodes import Batch, Episode
from metafed.references.base import Ground
from metafed.tasks.task import masked_mean

NEIGHBOURS = (1, 3, 5)
"""How many neighbours are tried; the first is taken of those that are as good."""


def outputs(
    ground: Ground, choosing: Episode, support: Batch, x: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return shares of the k neighbours' classes, or the mean of their targets."""
    classes = ground.task.model.outputs if ground.task.kind == "classification" else None
    errors = torch.stack(
        [error(answers(choosing.support, choosing.query.x, k, classes), choosing.query, classes) for k in NEIGHBOURS]
    )
    # the smallest k among equals: argmin promises no order
    best = (errors <= errors.amin(0)).to(torch.int8).argmax(0)
    tried = torch.stack([answers(support, x, k, classes) for k in NEIGHBOURS])
    return tried[best, torch.arange(len(best))]


def answers(support: Batch, x: "torch.Tensor", k: int, classes: int | None) -> "torch.Tensor":
    """Return the mean ``(C, N, D)`` of the k nearest rows' targets, as shares of ``classes`` where there are such.

    Of rows that are as near the first counts; a client with fewer rows answers by all of them. A share has 1/8 of the
    nearest row's class added, so that it decides between classes with as many neighbours.
    """
    targets = support.y if classes is None else torch.nn.functional.one_hot(support.y, classes).to(x.dtype)
    far = torch.cdist(x.flatten(2), support.x.flatten(2), compute_mode="donot_use_mm_for_euclid_dist")
    far = far.masked_fill(support.mask.unsqueeze(1) == 0, torch.inf)
    order = far.sort(dim=-1, stable=True).indices[..., :k]
    weight = torch.take_along_dim(support.mask.unsqueeze(1).expand_as(far), order, -1).unsqueeze(-1)
    clients = torch.arange(len(targets))[:, None, None]
    near = targets[clients, order]
    found = (near * weight).sum(2) / weight.sum(2)
    return found if classes is None else (found + near[:, :, 0] / 8).clamp_min(1e-3).log()


def error(output: "torch.Tensor", batch: Batch, classes: int | None) -> "torch.Tensor":
    """Return each client's share of wrong answers, or mean squared error ``(C,)``."""
    if classes is None:
        return masked_mean((output - batch.y).square().mean(-1), batch.mask)
    return masked_mean((output.argmax(-1) != batch.y).to(batch.mask.dtype), batch.mask)
