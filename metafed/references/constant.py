"""Constant: the mean target of the client's support rows, or its most frequent class; no input is looked at."""

import torch

from metafed.core.episodes import Batch, Episode
from metafed.references.base import Ground, counts


def outputs(
    ground: Ground, choosing: Episode, support: Batch, x: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return the same output for all rows; of classes that are as frequent, the first has the largest."""
    if ground.task.kind == "regression":
        weight = support.mask.unsqueeze(-1)
        own = (support.y * weight).sum(1) / weight.sum(1)
    else:
        rows = counts(support, ground.task.model.outputs)
        own = ((rows + 1) / (rows + 1).sum(1, keepdim=True)).log()
    return own.unsqueeze(1).expand(-1, x.shape[1], -1)
