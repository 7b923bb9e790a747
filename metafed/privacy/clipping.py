"""A client's contribution is cut to a length, over all of its parts together."""

from math import exp, log
from typing import Literal

import numpy as np

from metafed.objectives import NOTHING, Contribution

CLIP = "dp.clip"
"""The name under which the server tells C."""
BELOW = "dp.below"
"""The name of the sum that counts clients whose length is at most C."""
CLIENTS = "dp.clients"
"""The name of the sum that counts clients; with ½ of it taken away each counts ½ or −½ in ``BELOW``."""


def cut(one: Contribution, clip: float, order: Literal[1, 2] = 2) -> Contribution:
    """Return a client's contribution cut to ``clip``, of weight 1 in its parts, however it is scaled.

    Args:
        one: The client's contribution.
        clip: Its length at most.
        order: Of the norm that lengths are in: 1 the sum of absolute values, 2 Euclid's.

    Raises:
        ValueError: It is not finite.
    """
    if not one.directions:
        return NOTHING
    (scale,) = {one.scales.get(part, 0.0) for part in one.directions}  # a client has one factor in all of its parts
    vectors = {part: np.asarray(vector, np.float64) for part, vector in one.directions.items()}
    largest = max(float(np.abs(vector).max(initial=0.0)) for vector in vectors.values())
    if not np.isfinite(largest):
        raise ValueError("a share that is not finite cannot be cut")
    below, factor = True, 0.0
    if largest > 0:
        # lengths as logarithms: a factor a_k may be beyond what a number holds
        units = {part: vector / largest for part, vector in vectors.items()}
        powers = sum(float(unit @ unit if order == 2 else np.abs(unit).sum()) for unit in units.values())
        length = log(largest) + log(powers) / order
        below = length + scale <= log(clip)
        # a little less than C, so that rounding does not make it more
        factor = exp(scale) if below else clip * (1 - 1e-12) / exp(length)
    return Contribution(
        {part: vector * factor for part, vector in vectors.items()},
        dict.fromkeys(vectors, 1.0),
        sums={BELOW: float(below), CLIENTS: 1.0},
    )
