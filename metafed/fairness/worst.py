"""What adaptation does for the worst tenth: the gain of those who begin worst, of those who end worst, and who leaves.

Clients that tie at the border of the tenth count in part, all alike, so that the order of clients does not matter.
"""

from typing import Any, NamedTuple

import numpy as np

from metafed.fairness.harmed import gain
from metafed.fairness.intervals import Estimate, without_interval
from metafed.fairness.metrics import Values, tail_size
from metafed.fairness.standard_errors import of_mean
from metafed.fairness.studentized import lacks_tail, studentized


class OfWorst(NamedTuple):
    """What adaptation does for the worst tenth.

    Attributes:
        began: Mean gain of those who begin worst.
        ended: Mean gain of those who end worst.
        left: Share of those who begin worst whose score after adaptation is above the worst tenth's.
    """

    began: Estimate
    ended: Estimate
    left: Estimate


def of_worst(before: Values, after: Values, least: float = -np.inf) -> OfWorst:
    """Return what adaptation does for the worst tenth of these clients.

    Args:
        before: Scores before adaptation, ``(n,)``.
        after: Scores after it, ``(n,)``.
        least: The lowest score that there can be; the highest is 1.

    Raises:
        ValueError: The shapes differ, or a value is not finite.
    """
    gains = gain(before, after)
    if not gains.size:
        return OfWorst(*(without_interval(None, 0, "no clients") for _ in OfWorst._fields))
    tail = tail_size(gains.size)
    leaves = after > np.partition(after, tail - 1)[tail - 1]
    share = float(of_lowest(np.stack([before, leaves.astype(np.float64)])))
    left = without_interval(share, tail, "none holds where one in ten is badly served (docs/decisions/0062)")
    return OfWorst(_gain(before, gains, 1 - least), _gain(after, gains, 1 - least), left)


def _gain(scores: Values, gains: Values, most: float) -> Estimate:
    """Return the mean gain of the clients with the lowest ``scores (n,)``, with the interval that holds for it."""
    columns = np.stack([scores, gains])
    value, reason = float(of_lowest(columns)), lacks_tail(gains.size)
    if reason:
        return without_interval(value, gains.size, reason)
    found = studentized(columns, of_lowest, influences)
    if found.low is None or found.high is None:
        return found
    return found._replace(low=max(-most, found.low), high=min(most, found.high))


def weights(scores: Values) -> tuple[Values, Values]:
    """Return how much each client counts in the lowest tenth of ``scores (…, n)``, and its border ``(…, 1)``."""
    tail = tail_size(scores.shape[-1])
    border = np.partition(scores, tail - 1, axis=-1)[..., tail - 1 : tail]
    below, tied = scores < border, scores == border
    part = (tail - below.sum(axis=-1, keepdims=True)) / tied.sum(axis=-1, keepdims=True)
    return below + part * tied, border


def of_lowest(columns: Values) -> Any:
    """Return the mean value of the clients with the lowest scores, of scores and values ``(2, …, n)``."""
    counts, _ = weights(columns[0])
    return (counts * columns[1]).sum(axis=-1) / tail_size(columns.shape[-1])


def influences(columns: Values) -> Values:
    """Return the clients' influences on ``of_lowest`` ``(…, n)``.

    With one more client below it the border moves, which costs the mean value of a client at the border. It is
    estimated by the clients that are nearest to it, as many as are in the tenth.
    """
    scores, values = columns
    tail = tail_size(scores.shape[-1])
    counts, border = weights(scores)
    distance = np.abs(scores - border)
    near = distance <= np.partition(distance, tail - 1, axis=-1)[..., tail - 1 : tail]
    there = (near * values).sum(axis=-1, keepdims=True) / near.sum(axis=-1, keepdims=True)
    return np.asarray(of_mean(counts * (values - there)) * (scores.shape[-1] / tail))
