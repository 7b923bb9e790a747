"""The geometric median, RFA: Pillutla, Kakade, Harchaoui, IEEE TSP 2022, arXiv 1912.13445, algorithm 2.

The point whose distances to the updates have the least sum, by the smoothed Weiszfeld algorithm: from the mean, again
and again the mean of the updates weighted by 1 / max(distance, ν). Ours starts from the coordinate-wise median, which
a few far updates do not move, gives every client one update, and takes ν as a share of the updates' median distance.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, plain

SETTLED = 1e-12
"""It has converged when a step is shorter than this share of the updates' median distance."""


@final
class GeometricMedian(Aggregator):
    """The point of least sum of distances to the updates."""

    name: Annotated[Literal["geometric-median"], tyro.conf.Suppress] = "geometric-median"
    steps: int = Field(100, ge=1, le=10**5, description="Weiszfeld steps at most.")
    smoothing: float = Field(
        1e-6, gt=0, le=1, description="Distance ν below which all count alike, as a share of the median distance."
    )

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the geometric median of the updates."""
        found = plain(np.median(updates, axis=0))
        for _ in range(self.steps):
            away = np.linalg.norm(updates - found, axis=1)
            scale = float(np.median(away))
            if scale == 0:
                return found  # half of the updates at least are here, and no others pull harder
            weights = scale / np.maximum(away, self.smoothing * scale)
            after = weights @ updates / weights.sum()
            moved = float(np.linalg.norm(after - found))
            found = after
            if moved <= SETTLED * scale:
                break
        return found
