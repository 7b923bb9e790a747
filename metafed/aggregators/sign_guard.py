"""SignGuard: Xu, Huang, Song, Lan, ICDCS 2022, arXiv 2109.05872, the plain one, without similarities.

Two filters look at every update, and who passes both is believed. Lengths: an update must be between ``lower`` and
``upper`` times as long as the median. Signs: the shares of an update's numbers that are positive, zero and negative are
three numbers; mean shift clusters the updates by these, and an update must be in the largest cluster. A lie that stays
within the spread of every coordinate, on the same side of all, is found by its signs. The direction is the mean of the
updates that are believed, each cut to the median length.

It has no setting of how many lie. Theirs takes the signs of a tenth of the coordinates, drawn at random; ours takes
all, so that nothing is drawn. Where nobody passes both filters we believe who passes the first.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro
from numpy.typing import NDArray
from pydantic import Field

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, plain, shortened

QUANTILE = 0.5
"""The kernel's width is the mean distance to the nearest so large a share of the updates (theirs)."""
STEPS = 300
"""Steps of mean shift at most; it ends where no kernel holds other updates than before, after a few."""


@final
class SignGuard(Aggregator):
    """The mean of updates of usual length and signs."""

    name: Annotated[Literal["sign-guard"], tyro.conf.Suppress] = "sign-guard"
    lower: float = Field(0.1, ge=0, lt=1, description="Length of an update at least, as a share of the median length.")
    upper: float = Field(
        3.0, gt=1, allow_inf_nan=False, description="Length of an update at most, as a multiple of the median length."
    )

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the mean of the believed updates, cut to the median length."""
        lengths = np.linalg.norm(updates, axis=1)
        # of an even number the lower of the two in the middle: so long an update there is, and it passes
        usual = float(np.sort(lengths)[(len(lengths) - 1) // 2])
        believed = (self.lower * usual <= lengths) & (lengths <= self.upper * usual)
        both = believed & largest_cluster(signs(updates))
        return plain(shortened(updates[both if both.any() else believed], usual).mean(0))


def signs(updates: UpdateRows) -> NDArray[np.float64]:
    """Return the shares ``(n, 3)`` of each update's numbers that are positive, zero, negative."""
    return np.stack([(updates > 0).mean(1), (updates == 0).mean(1), (updates < 0).mean(1)], axis=1)


def largest_cluster(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points ``(n, d)`` are in the largest cluster ``(n,)`` of mean shift with a flat kernel.

    Comaniciu, Meer, IEEE PAMI 2002: from every point, again and again the mean of the points within the kernel's width.
    Where that ends are the centres; one within the width of a denser one is that one. A point is of the nearest centre.
    """
    from scipy.spatial.distance import cdist

    apart, near = np.sort(cdist(points, points), axis=1), int(QUANTILE * len(points))
    # itself is the nearest, and another one counts; so much wider that rounding loses none of those on its rim
    width = (1 + 1e-9) * float(apart[:, min(max(near, 2), len(points)) - 1].mean())
    centres = points
    within = cdist(centres, points) <= width
    for _ in range(STEPS):
        # a width of 0 holds equal points only; their mean may differ from them by its rounding
        centres = within @ points / within.sum(1, keepdims=True) if width else centres
        after = cdist(centres, points) <= width
        if (after == within).all():
            break
        within = after
    # the densest first; of equals in the order of coordinates, whatever the order of the updates
    order = np.lexsort((*centres.T[::-1], within.sum(1)))[::-1]
    kept: list[int] = []
    for each in order:
        if not kept or (np.linalg.norm(centres[kept] - centres[each], axis=1) > width).all():
            kept.append(int(each))
    nearest = cdist(points, centres[kept]).argmin(1)
    return np.asarray(nearest == np.bincount(nearest).argmax())
