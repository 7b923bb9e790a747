"""The mean by the clients' amounts of data: Σ w_k n_k^p F_k / Σ w_k n_k^p.

With p = 1 it is what one would minimise with all rows in one place (McMahan et al. 2017, arXiv 1602.05629,
equation 1): who has many rows counts for much. With p = 0 it is ``mean``; p < 0 favours who has few.
a_k = b_k = w_k n_k^p, with n_k the rows that the client owns.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.objectives.base import ClientUpdates, Contribution, Objective, Plain, summed


@final
class Weighted(Objective):
    """Mean over the clients by the amount of data that each owns."""

    name: Annotated[Literal["weighted"], tyro.conf.Suppress] = "weighted"
    power: float = Field(
        1.0, ge=-4, le=4, description="Power p of a client's rows in its weight; 0: all alike, below 0: few rows count."
    )
    uses: ClassVar[Literal["nothing", "weights", "losses"]] = "weights"
    separability: ClassVar[Literal["updates", "sums", "no"]] = "sums"

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the directions weighted by rows, and these weights."""
        rows = torch.tensor(list(updates.rows)).to(updates.weights).double()
        weights = updates.weights.double() * rows**self.power
        return summed(updates, weights, weights)
