"""FedMGDA+: Hu, Shaloudegi, Zhang, Yu, IEEE TNSE 2022, arXiv 2006.11489, algorithm 1.

Updates of unit length u_k = g_k / ‖g_k‖ are combined to d = Σ λ_k u_k, the shortest there is with λ in the simplex and
within ε of the mean's weights, |λ_k − 1/n| ≤ ε. ε = 0 is the mean of the u_k; with ε = 1, d is a direction that serves
every client, or 0. Lengths do not count, so a client that makes its update long gains nothing by it.

The quadratic programme is solved pair by pair: of two clients the one along whose update d is longest gives weight to
the one along whose update it is shortest (sequential minimal optimization: Keerthi et al., Neural Computation 2001).

Ours: each part by itself; every client counts alike (the authors' experiments weigh by rows); d is multiplied by the
median length of the updates, so that an outer rate means what it does for the mean (the paper's server has a rate of
its own, which it decays).
"""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro
from numpy.typing import NDArray
from pydantic import Field

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, plain

SETTLED = 1e-13
"""How much longer d is along one client's update than along another's, at the end."""
MOST_PAIRS = 10**5


@final
class FedmgdaPlus(Aggregator):
    """The shortest mean of unit updates with weights near the mean's."""

    name: Annotated[Literal["fedmgda+"], tyro.conf.Suppress] = "fedmgda+"
    epsilon: float = Field(0.1, ge=0, le=1, description="How far ε a client's weight may be from 1 / n.")

    robust: ClassVar[bool] = False

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return d, by the median length."""
        lengths = np.linalg.norm(updates, axis=1)
        units = updates / np.where(lengths > 0, lengths, 1)[:, None]
        return plain(float(np.median(lengths)) * (shortest(units @ units.T, self.epsilon) @ units))


def shortest(products: NDArray[np.float64], epsilon: float) -> Direction:
    """Return the weights λ ``(n,)`` of the shortest combination of vectors.

    Args:
        products: The vectors' scalar products ``(n, n)``.
        epsilon: How far a weight may be from 1 / n; none is below 0.
    """
    n = len(products)
    weights = np.full(n, 1 / n)
    least, most = max(0.0, 1 / n - epsilon), min(1.0, 1 / n + epsilon)
    along = products @ weights
    for _ in range(MOST_PAIRS):
        giver = int(np.argmax(np.where(weights > least, along, -np.inf)))
        taker = int(np.argmin(np.where(weights < most, along, np.inf)))
        room = min(weights[giver] - least, most - weights[taker])
        gap = along[giver] - along[taker]
        if not (gap > SETTLED and room > 0):
            break
        curve = products[giver, giver] + products[taker, taker] - 2 * products[giver, taker]
        step = min(gap / curve, room) if curve > 0 else room
        # a weight that reaches its bound is exactly there, so that it is not chosen again
        weights[giver] = least if step == weights[giver] - least else weights[giver] - step
        weights[taker] = most if step == most - weights[taker] else weights[taker] + step
        along = along + step * (products[:, taker] - products[:, giver])
    return weights
