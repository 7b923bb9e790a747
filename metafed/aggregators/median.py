"""The coordinate-wise median: Yin, Chen, Ramchandran, Bartlett, ICML 2018, arXiv 1803.01498, definition 1.

Of an even number of updates it is the mean of the two in the middle. Each coordinate lies among honest ones while less
than half of the updates are lies.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, plain


@final
class Median(Aggregator):
    """The median of each coordinate."""

    name: Annotated[Literal["median"], tyro.conf.Suppress] = "median"

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the median of each coordinate."""
        return plain(np.median(updates, axis=0))
