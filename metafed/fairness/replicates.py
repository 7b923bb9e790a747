"""Intervals over seeds: a seed is a replicate of the whole study, and clients are nested in it.

Clients of one run share its θ, so that a thousand of them are still one replicate: what another seed would have given
is known from other seeds only. Measures are therefore computed within each seed, and the seeds' values are what an
interval is made of: their spread has in it what seeds differ by, and what clients do.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from metafed.fairness.intervals import Estimate, student_interval, without_interval
from metafed.fairness.metrics import Values

FEWEST_SEEDS = 5
"""Seeds below which there is no interval: the points are all that is known."""

TAILS_REACH = 10 / 9
"""How much farther than Student's t an interval over seeds of a tail reaches: a seed's worst tenth is skewed."""

Statistic: TypeAlias = Callable[[Values], Values]
"""From columns of client values ``(k, R, n)`` to ``(R,)``: of one method k may be 1, of a pair 2."""


def points(seeds: Sequence[Values], statistic: Statistic) -> Values:
    """Return the statistic of each seed ``(S,)``, from its columns of client values ``(k, n)``."""
    return np.array([float(statistic(values[:, None, :])[0]) for values in seeds])


def seeds_interval(found: Values, of_tail: bool = False) -> Estimate:
    """Return the mean over seeds of a number that each seed has once, ``found (S,)``, with Student's t interval.

    It is of what further seeds with as many clients give on average. A bootstrap of seeds and of the clients in them
    counts what clients differ by twice, and held in 96 to 100 % of draws (docs/decisions/0074).

    Args:
        found: A number a seed.
        of_tail: Whether only a tenth of each seed's clients makes it. Student's t of the worst tenth held in 92 % of
            draws where one client in ten is badly served; a ninth farther, in 93 and more.

    Returns:
        The estimate, ``n`` being the number of seeds.
    """
    count = len(found)
    if not count:
        return without_interval(None, 0, "no seeds")
    value = float(found.mean())
    if count < FEWEST_SEEDS:
        return without_interval(value, count, f"fewer than {FEWEST_SEEDS} seeds")
    if not np.isfinite(found).all():
        return without_interval(value, count, "undefined for a seed")
    if np.ptp(found) <= 1e-12 * max(1.0, abs(value)):
        return without_interval(value, count, "all seeds are equal")
    around = student_interval(found)._replace(method="Student t over seeds")
    if not of_tail or around.low is None or around.high is None:
        return around
    ends = (value + TAILS_REACH * (end - value) for end in (around.low, around.high))
    return Estimate(value, next(ends), next(ends), count, "Student t over seeds, a ninth farther")
