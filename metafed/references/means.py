"""Nearest class mean (Rocchio 1971): the class whose mean of the client's support rows is nearest."""

import torch

from metafed.core.episodes import Batch, Episode
from metafed.references.base import Ground, counts


def undefined(ground: Ground) -> str | None:
    """Return why there is none: a regression has no classes."""
    return None if ground.task.kind == "classification" else "a regression has no classes whose means could be near"


def outputs(
    ground: Ground, choosing: Episode, support: Batch, x: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return −d²/s²: d to the mean of each class, s² the mean of d² over the support rows and their own classes.

    A class without support rows is as far as the farthest that has some.
    """
    rows = counts(support, ground.task.model.outputs)
    there, own = support.mask.unsqueeze(-1), support.x.flatten(2)
    member = torch.nn.functional.one_hot(support.y, rows.shape[1]) * there
    means = member.mT @ own / torch.where(rows > 0, rows, 1).unsqueeze(-1)
    apart = own - torch.take_along_dim(means, support.y.unsqueeze(-1), 1)
    scale = (apart * there).square().sum((1, 2)) / rows.sum(1)
    far = torch.cdist(x.flatten(2), means, compute_mode="donot_use_mm_for_euclid_dist").square()
    found = -far / torch.where(scale > 0, scale, 1)[:, None, None]
    farthest = found.masked_fill(rows.unsqueeze(1) == 0, torch.inf).amin(2, keepdim=True)
    return torch.where(rows.unsqueeze(1) > 0, found, farthest)
