"""What adaptation does for the worst tenth: the gain of those who begin worst, of those who end worst, and who leaves.

Clients that tie at the border of the tenth count in part, all alike, so that the order of clients does not matter.
"""

from typing import NamedTuple

import numpy as np

from metafed.fairness.harmed import gain
from metafed.fairness.intervals import Estimate, without_interval
from metafed.fairness.metrics import Values, tail_size

NO_INTERVAL = "it is not known whether one holds for a tenth of the clients (docs/decisions/0062)"


class OfWorst(NamedTuple):
    """What adaptation does for the worst tenth; numbers without intervals.

    Attributes:
        began: Mean gain of those who begin worst.
        ended: Mean gain of those who end worst.
        left: Share of those who begin worst whose score after adaptation is above the worst tenth's.
    """

    began: Estimate
    ended: Estimate
    left: Estimate


def of_worst(before: Values, after: Values) -> OfWorst:
    """Return what adaptation does for the worst tenth of these clients.

    Args:
        before: Scores before adaptation, ``(n,)``.
        after: Scores after it, ``(n,)``.

    Raises:
        ValueError: The shapes differ, or a value is not finite.
    """
    gains = gain(before, after)
    if not gains.size:
        return OfWorst(*(without_interval(None, 0, "no clients") for _ in OfWorst._fields))
    tail = tail_size(gains.size)
    leaves = (after > np.partition(after, tail - 1)[tail - 1]).astype(np.float64)
    found = ((before, gains), (after, gains), (before, leaves))
    return OfWorst(*(without_interval(of_lowest(*each), tail, NO_INTERVAL) for each in found))


def of_lowest(scores: Values, values: Values) -> float:
    """Return the mean of ``values (n,)`` of the tenth of the clients with the lowest ``scores (n,)``."""
    tail = tail_size(scores.size)
    border = np.partition(scores, tail - 1)[tail - 1]
    below, tied = scores < border, scores == border
    counts = below + (tail - below.sum()) / tied.sum() * tied
    return float((counts * values).sum() / tail)
