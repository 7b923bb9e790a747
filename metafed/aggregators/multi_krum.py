"""Multi-Krum: Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017, arXiv 1703.02757, section 4.

The mean of the m updates of lowest Krum score. m is n − f − 2 where nothing else is asked for, the most for which it is
proven (El Mhamdi, Guerraoui, Rouault, ICML 2018, arXiv 1802.07927, proposition 2).
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.aggregators.base import Bounded, Direction, UpdateRows, distances, plain
from metafed.aggregators.krum import scores


@final
class MultiKrum(Bounded):
    """The mean of the updates that are nearest to their neighbours."""

    name: Annotated[Literal["multi-krum"], tyro.conf.Suppress] = "multi-krum"
    m: int | None = Field(None, ge=1, le=10**7, description="UpdateRows that are averaged. Default: n − f − 2.")

    def needed(self, updates: int) -> int:
        """Return 2 f + 3, or m if that is more."""
        return max(2 * self.liars(updates) + 3, self.m or 0)

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the mean of the m updates of lowest score."""
        f = self.liars(len(updates))
        best = np.argsort(scores(distances(updates), f), kind="stable")[: self.m or len(updates) - f - 2]
        return plain(updates[np.sort(best)].mean(0))
