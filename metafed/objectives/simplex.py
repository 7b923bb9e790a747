"""The nearest point of the simplex, which minimax steps its weights by."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def project(values: Numbers, counts: Numbers | None = None) -> Numbers:
    """Return the point λ nearest to ``values`` in Euclidean distance with λ ≥ 0 and Σ count λ = 1.

    λ = max(values − τ, 0), with the one τ that makes them add up to 1 (Duchi et al. 2008, "Efficient Projections onto
    the ℓ1-Ball", Figure 1).

    Args:
        values: ``(n,)``, finite.
        counts: How many coordinates each value stands for ``(n,)``, above 0; one each by default.

    Raises:
        ValueError: There are no values, or one is not finite.
    """
    counts = np.ones_like(values) if counts is None else counts
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"only finite values have a nearest point of the simplex, got {values}")
    # a common shift changes nothing, and small numbers lose no digits
    values = values - values.max()
    order = np.argsort(-values, kind="stable")
    size = np.cumsum(counts[order])
    thresholds = (np.cumsum((counts * values)[order]) - 1) / size
    last = np.nonzero(values[order] > thresholds)[0][-1]
    found: Numbers = np.maximum(values - thresholds[last], 0.0)
    return found
