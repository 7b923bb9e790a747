"""Rows of about one length are computed together, so that little of what is computed is padding."""

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise

import torch

PARTS = 3
"""Parts into which the rows of a batch are cut at most; four were no faster with one client of CLINC150 a chunk."""
Run = Callable[["torch.Tensor"], "torch.Tensor"]
"""From flattened rows ``(C, N, …)`` to outputs ``(C, N, outputs)``, each row's by itself."""


def by_length(run: Run, x: "torch.Tensor", moments: int) -> "torch.Tensor":
    """Return what ``run`` makes of masked sequences, most of their padding left out.

    The longest rows of each client are one part, the next ones another.

    Args:
        run: Computes rows of any number of moments.
        x: Flattened sequences ``(C, N, moments * numbers)``. Padding comes first, and is 0; the last number of a real
            moment is 1.
        moments: Moments of a sequence.
    """
    if not x.shape[1]:
        return run(x)
    rows = x.unflatten(2, (moments, -1))
    lengths, order = rows[..., -1].sum(2).sort(dim=1, descending=True, stable=True)
    longest = [max(1, int(length)) for length in lengths.amax(0).tolist()]
    parts = []
    for start, end in pairwise(cuts(longest)):
        own = torch.take_along_dim(rows[:, :, moments - longest[start] :], order[:, start:end, None, None], 1)
        parts.append(run(own.flatten(2)))
    return torch.take_along_dim(torch.cat(parts, 1), order.argsort(1).unsqueeze(-1), 1)


def cuts(longest: Sequence[int]) -> tuple[int, ...]:
    """Return the places at which parts begin, and the end, by which the fewest moments are computed.

    Args:
        longest: Moments of the longest row at each place, falling.
    """
    count = len(longest)
    shorter = [at for at in range(1, count) if longest[at] < longest[at - 1]]
    tried = [(0, *inner, count) for parts in range(PARTS) for inner in combinations(shorter, parts)]
    return min(tried, key=lambda places: sum((end - start) * longest[start] for start, end in pairwise(places)))
