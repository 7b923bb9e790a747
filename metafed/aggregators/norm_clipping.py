"""Norm clipping: Sun, Kairouz, Suresh, McMahan, "Can You Really Backdoor Federated Learning?", 2019, arXiv 1911.07963.

The mean of the updates, each cut to a length: a liar can do no more than many honest clients. The bound is given, or
the median of the round's lengths, which liars below half of the updates cannot make larger than an honest one.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, plain, shortened


@final
class NormClipping(Aggregator):
    """The mean of updates of bounded length."""

    name: Annotated[Literal["norm-clipping"], tyro.conf.Suppress] = "norm-clipping"
    bound: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Length of an update at most. Default: the round's median length."
    )

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the mean of the updates, cut to the bound."""
        bound = self.bound or float(np.median(np.linalg.norm(updates, axis=1)))
        return plain(shortened(updates, bound).mean(0))
