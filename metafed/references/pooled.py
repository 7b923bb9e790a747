"""Pooled: one model of the run's own network, trained on the meta-training rows of all seen clients together."""

import torch

from metafed.core.episodes import Batch, Episode
from metafed.references.base import Ground

SLOTS = "classes are slots of the client's own, which no model for all can know"


def undefined(ground: Ground) -> str | None:
    """Return a reason where classes are slots, or no model can be chosen."""
    if ground.anonymous:
        return SLOTS
    try:
        ground.pooled  # noqa: B018  (it is fitted here, once)
    except ValueError as error:
        return str(error)
    return None


def outputs(
    ground: Ground, choosing: Episode, support: Batch, x: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return the pooled model's outputs."""
    params = {name: value.expand(len(x), *value.shape[1:]) for name, value in ground.pooled.params.items()}
    with torch.no_grad():
        return ground.task.predict(params, x, mask)
