"""The coordinate-wise trimmed mean: Yin, Chen, Ramchandran, Bartlett, ICML 2018, arXiv 1803.01498, definition 2.

Of each coordinate the f largest and the f smallest values are left out. It lies among the honest values while at most
f updates are lies.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro

from metafed.aggregators.base import Bounded, Direction, UpdateRows, plain


@final
class TrimmedMean(Bounded):
    """The mean of each coordinate without its extremes."""

    name: Annotated[Literal["trimmed-mean"], tyro.conf.Suppress] = "trimmed-mean"

    def needed(self, updates: int) -> int:
        """Return 2 f + 1: one value is left."""
        return 2 * self.liars(updates) + 1

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the mean of the values in the middle of each coordinate."""
        f, n = self.liars(len(updates)), len(updates)
        return plain(np.sort(updates, axis=0)[f : n - f].mean(0))
