"""The mean of the clients' losses: mean F = Σ w_k F_k / Σ w_k, as in FedAvg and FedMeta.

a_k = b_k = w_k, the weights that the algorithm gives, which are mostly 1.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.objectives.base import Contribution, Objective, Plain, Updates, summed


@final
class Mean(Objective):
    """Mean over the clients that hold a part, by the weights that the algorithm gives them (mostly 1)."""

    name: Annotated[Literal["mean"], tyro.conf.Suppress] = "mean"
    uses: ClassVar[Literal["nothing", "weights", "losses"]] = "nothing"
    apart: ClassVar[Literal["votes", "sums", "no"]] = "votes"

    def share(self, said: Updates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the weighted directions, and the weights."""
        weights = said.weights.double()
        return summed(said, weights, weights)
