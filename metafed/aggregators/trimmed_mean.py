"""The coordinate-wise trimmed mean: Yin, Chen, Ramchandran, Bartlett, ICML 2018, arXiv 1803.01498, definition 2.

Of each coordinate the f largest and the f smallest values are left out. It lies among the honest values while at most
f votes are lies.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro

from metafed.aggregators.base import Bounded, Direction, Votes, plain


@final
class TrimmedMean(Bounded):
    """The mean of each coordinate without its extremes."""

    name: Annotated[Literal["trimmed-mean"], tyro.conf.Suppress] = "trimmed-mean"

    def needed(self, votes: int) -> int:
        """Return 2 f + 1: one value is left."""
        return 2 * self.liars(votes) + 1

    def combine(self, votes: Votes, before: Direction | None = None) -> Direction:
        """Return the mean of the values in the middle of each coordinate."""
        f, n = self.liars(len(votes)), len(votes)
        return plain(np.sort(votes, axis=0)[f : n - f].mean(0))
