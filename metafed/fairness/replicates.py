"""Intervals over seeds: a seed is a replicate of the whole study, and clients are nested in it.

Clients of one run share its θ, so that a thousand of them are still one replicate: what another seed would have given
is known from other seeds only. Measures are therefore computed within each seed and averaged over seeds, and the
bootstrap draws seeds first, then clients within every seed that it drew.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from metafed.fairness.intervals import CONFIDENCE, RESAMPLES, Estimate, without_interval
from metafed.fairness.metrics import Values

FEWEST_SEEDS = 5
"""Seeds below which there is no interval: the points are all that is known."""

MOST_AT_ONCE = 2**22
"""Values resampled at a time, at most."""

Statistic: TypeAlias = Callable[[Values], Values]
"""From columns of client values ``(k, R, n)`` to ``(R,)``: of one method k may be 1, of a pair 2."""


def points(seeds: Sequence[Values], statistic: Statistic) -> Values:
    """Return the statistic of each seed ``(S,)``, from its columns of client values ``(k, n)``."""
    return np.array([float(statistic(values[:, None, :])[0]) for values in seeds])


def nested_interval(
    seeds: Sequence[Values], statistic: Statistic, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Return the mean over seeds of a statistic of clients, with a nested bootstrap interval.

    A resample draws S seeds with replacement, and for each of them its clients with replacement; columns of one client
    stay together, so that differences between methods are paired. BCa (Efron 1987, with the acceleration from leaving
    out one seed at a time), or percentile where BCa is degenerate; never narrower than Student's t interval over seeds.

    With few seeds a bootstrap alone is too narrow. Nominal 95 %, 300 draws, clients' standard deviation 0.1, seeds' 0
    to 0.05: at five seeds it held the truth in 81–85 % (worst tenth of 10 clients), 91–96 % (of 60), and 87–99 %
    (mean); Student's t over seeds in 93–97 % of all of these, and both together in 93–99.7 %.

    Args:
        seeds: Client values of each seed, ``(k, n_s)``; n_s ≥ 1.
        statistic: Of columns ``(k, R, n)``, for R resamples at once.
        rng: Where the resamples come from.
        resamples: How many.

    Returns:
        The estimate, ``n`` being the number of seeds.
    """
    if not seeds:
        return without_interval(None, 0, "no seeds")
    found, count = points(seeds, statistic), len(seeds)
    value = float(found.mean())
    if count < FEWEST_SEEDS:
        return without_interval(value, count, f"fewer than {FEWEST_SEEDS} seeds")
    chosen = rng.integers(count, size=(resamples, count))
    table = np.zeros((resamples, count))
    for index, values in enumerate(seeds):
        places = np.argwhere(chosen == index)
        size = max(1, MOST_AT_ONCE // values.size)
        for first in range(0, len(places), size):
            some = places[first : first + size]
            drawn = rng.integers(values.shape[1], size=(len(some), values.shape[1]))
            table[some[:, 0], some[:, 1]] = statistic(values[:, drawn])
    means = table.mean(axis=1)
    if not np.isfinite(means).all():
        return without_interval(value, count, "undefined on some resamples")
    if np.ptp(means) <= 1e-12 * max(1.0, abs(value)):
        return without_interval(value, count, "all seeds and clients are equal")
    levels = adjusted(value, means, found)
    method = "bootstrap over seeds and clients, BCa"
    if levels is None:
        levels = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        method = "bootstrap over seeds and clients, percentile (BCa is degenerate)"
    low, high = (float(end) for end in np.quantile(means, levels))
    half = student_half(found)
    if value - half < low or value + half > high:
        method += ", widened to Student t over seeds"
    return Estimate(value, min(low, value - half), max(high, value + half), count, method)


def student_half(found: Values) -> float:
    """Return half of Student's t interval of the mean of the seeds' values ``(S,)``."""
    from scipy.special import stdtrit

    count = len(found)
    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * found.std(ddof=1) / np.sqrt(count))


def adjusted(value: float, means: Values, found: Values) -> tuple[float, float] | None:
    """Return the levels of the BCa interval's ends among the resampled ``means``; None where they are degenerate.

    Source: Efron 1987, "Better bootstrap confidence intervals", JASA 82, equations 2.3 and 6.6.

    Args:
        value: The estimate.
        means: Its resamples ``(R,)``.
        found: The statistic of each seed ``(S,)``, whose mean is ``value``.
    """
    from scipy.special import ndtr, ndtri

    below = float((means < value).mean() + (means == value).mean() / 2)
    if not 0 < below < 1:
        return None
    left_out = (found.sum() - found) / (len(found) - 1)
    away = left_out.mean() - left_out
    spread = float((away**2).sum())
    if spread <= 0:
        return None
    bias = float(ndtri(below))
    acceleration = float((away**3).sum()) / (6 * spread**1.5)
    ends = []
    for level in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2):
        shifted = bias + float(ndtri(level))
        if acceleration * shifted >= 1:
            return None
        ends.append(float(ndtr(bias + shifted / (1 - acceleration * shifted))))
    return ends[0], ends[1]
