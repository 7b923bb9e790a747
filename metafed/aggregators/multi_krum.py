"""Multi-Krum: Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017, arXiv 1703.02757, section 4.

The mean of the m votes of lowest Krum score. m is n − f − 2 where nothing else is asked for, the most for which it is
proven (El Mhamdi, Guerraoui, Rouault, ICML 2018, arXiv 1802.07927, proposition 2).
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.aggregators.base import Bounded, Direction, Votes, distances, plain
from metafed.aggregators.krum import scores


@final
class MultiKrum(Bounded):
    """The mean of the votes that are nearest to their neighbours."""

    name: Annotated[Literal["multi-krum"], tyro.conf.Suppress] = "multi-krum"
    m: int | None = Field(None, ge=1, description="Votes that are averaged. Default: n − f − 2.")

    def needed(self, votes: int) -> int:
        """Return 2 f + 3, or m if that is more."""
        return max(2 * self.liars(votes) + 3, self.m or 0)

    def combine(self, votes: Votes, before: Direction | None = None) -> Direction:
        """Return the mean of the m votes of lowest score."""
        f = self.liars(len(votes))
        best = np.argsort(scores(distances(votes), f), kind="stable")[: self.m or len(votes) - f - 2]
        return plain(votes[np.sort(best)].mean(0))
