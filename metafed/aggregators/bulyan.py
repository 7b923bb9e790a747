"""Bulyan: El Mhamdi, Guerraoui, Rouault, ICML 2018, arXiv 1802.07927, section 4, over Krum.

Krum chooses an update of those that are left, n − 2 f times; of each coordinate the n − 4 f values of the chosen that
are nearest to their median are averaged. It wants n ≥ 4 f + 3.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro

from metafed.aggregators.base import Bounded, Direction, UpdateRows, distances, plain
from metafed.aggregators.krum import scores


@final
class Bulyan(Bounded):
    """Krum again and again, then a trimmed mean around the median."""

    name: Annotated[Literal["bulyan"], tyro.conf.Suppress] = "bulyan"

    def needed(self, updates: int) -> int:
        """Return 4 f + 3."""
        return 4 * self.liars(updates) + 3

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the mean of the chosen updates' values near the median."""
        n, f = len(updates), self.liars(len(updates))
        apart, left, chosen = distances(updates), list(range(n)), []
        for _ in range(n - 2 * f):
            best = left[int(np.argmin(scores(apart[np.ix_(left, left)], f)))]
            chosen.append(best)
            left.remove(best)
        kept = updates[sorted(chosen)]
        off = np.abs(kept - np.median(kept, axis=0))
        nearest = np.argsort(off, axis=0, kind="stable")[: n - 4 * f]
        return plain(np.take_along_axis(kept, nearest, axis=0).mean(0))
