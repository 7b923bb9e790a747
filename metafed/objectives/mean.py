"""The mean of the clients' losses: mean F = Σ w_k F_k / Σ w_k, as in FedAvg and FedMeta.

a_k = b_k = w_k, the weights that the algorithm gives, which are mostly 1.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.objectives.base import ClientUpdates, Contribution, Objective, Plain, summed


@final
class Mean(Objective):
    """Mean over the clients that hold a part, by the weights that the algorithm gives them (mostly 1)."""

    name: Annotated[Literal["mean"], tyro.conf.Suppress] = "mean"
    uses: ClassVar[Literal["nothing", "weights", "losses"]] = "nothing"
    separability: ClassVar[Literal["updates", "sums", "no"]] = "updates"

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the weighted directions, and the weights."""
        weights = updates.weights.double()
        return summed(updates, weights, weights)
