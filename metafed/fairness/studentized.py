"""Intervals of tails and of spread over clients: the studentized bootstrap, where it holds.

``metafed.fairness.intervals`` says what intervals over clients are, and has those of means and shares.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from metafed.fairness.intervals import LEVELS, RESAMPLES, Estimate, Z, mean_interval, own_stream, without_interval
from metafed.fairness.metrics import Metric, Values, best10, checked, entropy, mean, tail_size
from metafed.fairness.standard_errors import standard_error

FEWEST_IN_TAIL = 10
"""Clients in the worst or best tenth below which its mean gets no interval (so 91 clients in all)."""
FEWEST_FOR_SPREAD = {"own": 200, "difference": 100}
"""Clients below which a statistic of spread gets no interval. Without bounds it has none at all."""

FEWEST_OF_A_SEED = {"own": 50, "difference": 30}
"""Clients of each seed below which a tail has no interval over seeds: the lowest of few lie above a tenth's mean."""
FEWEST_FOR_SHARES = 50
"""Clients of each seed below which a share has no interval over seeds: a rare one is 0 or one client in most seeds."""

Columns: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.float64]]"
"""Values of the same n clients ``(k, n)``: of one method k is 1, of a pair 2."""
MOST_TO_RESAMPLE = 5000
"""Clients beyond which the distance is taken to be normal: resampling so many is slow and tells no more."""
MOST_WITHOUT_ERROR = 0.01
"""The share of resamples that may have no standard error, since all of their values are equal."""


def metric_interval(metric: Metric, values: Values, least: float = -math.inf, most: float = math.inf) -> Estimate:
    """Return ``metric`` of ``values (n,)`` with the interval over clients that holds for it.

    Args:
        metric: The mean (see ``mean_interval``), or a statistic of a tail or of spread (see ``studentized``).
        values: One value a client.
        least: The smallest value that a client can have. Spread has no interval without bounds.
        most: The largest.
    """
    from scipy.special import stdtrit

    values = checked(values)
    n, value = values.size, metric(values)
    if metric is mean:
        return mean_interval(values, least, most)
    if value is None:
        return without_interval(None, n, metric.undefined(values) or "no clients")
    bounded = math.isfinite(least) and math.isfinite(most)
    reason = lacks(metric, n, bounded)
    if metric is best10 and values.max() >= most:
        reason = "a client has the highest score that there can be, and no interval of the best holds there"
    if reason:
        return without_interval(value, n, reason)
    found = studentized(
        values[None],
        lambda rows: metric.rows(rows[0]),
        lambda rows: metric.influences(rows[0]),
        farther=1.0 if bounded or metric is best10 else float(stdtrit(tail_size(n) - 1, LEVELS[1])) / Z,
    )
    if found.low is None or found.high is None:
        return found
    ends = (least, most) if metric.of_tail else (0.0, math.inf)
    return found._replace(low=min(value, max(ends[0], found.low)), high=max(value, min(ends[1], found.high)))


def difference_interval(
    metric: Metric, one: Values, other: Values, least: float = -math.inf, most: float = math.inf
) -> Estimate:
    """Return ``metric`` of ``one`` less that of ``other (n,)``, values of the same clients, with a paired interval.

    Args:
        metric: The statistic.
        one: One value a client.
        other: The same clients' values by another method.
        least: The smallest value that a client can have.
        most: The largest.
    """
    one, other = checked(one), checked(other)
    a, b, n = metric(one), metric(other), one.size
    if a is None or b is None:
        return without_interval(None, n, "undefined for one of them")
    if metric is mean:
        return mean_interval(one - other, least - most, most - least)
    bounded = math.isfinite(least) and math.isfinite(most)
    reason = lacks(metric, n, bounded, "difference")
    if metric is entropy or (metric is best10 and not bounded):
        reason = "no interval that was tried holds for this difference (docs/decisions/0074)"
    if reason:
        return without_interval(a - b, n, reason)
    return studentized(
        np.stack([one, other]),
        lambda rows: metric.rows(rows[0]) - metric.rows(rows[1]),
        lambda rows: metric.influences(rows[0]) - metric.influences(rows[1]),
        widened=metric is not best10,
    )


def lacks(metric: Metric, n: int, bounded: bool, of: Literal["own", "difference"] = "own") -> str:
    """Say why no interval of a tail or of spread holds for ``n`` clients; empty where one does."""
    if metric.of_tail:
        return "" if n > 10 * (FEWEST_IN_TAIL - 1) else f"fewer than {FEWEST_IN_TAIL} clients in the tail"
    if not bounded:
        return "the score has no lowest value, and no interval of spread holds for it"
    fewest = FEWEST_FOR_SPREAD[of]
    return "" if n >= fewest else f"fewer than {fewest} clients"


def lacks_over_seeds(metric: Metric | Literal["share"], n: int, bounded: bool, of: Literal["own", "difference"]) -> str:
    """Say why no interval over seeds, of ``n`` clients in the smallest, holds for a metric; empty where one does.

    What a tail or a spread of few clients is off by from that of many has the same sign in every seed, so that no
    number of seeds removes it. Of a difference between methods most of it cancels.
    """
    if metric == "share":
        few = of == "own" and n < FEWEST_FOR_SHARES
        return f"fewer than {FEWEST_FOR_SHARES} clients in a seed" if few else ""
    if metric.of_tail:
        fewest = FEWEST_OF_A_SEED[of]
        return "" if n >= fewest else f"fewer than {fewest} clients in a seed"
    if metric is mean or bounded or of == "difference":
        return ""
    return "the score has no lowest value, and no interval of spread holds for it"


def studentized(
    columns: Columns,
    statistic: Callable[[np.ndarray], Any],
    influences: Callable[[np.ndarray], Any],
    widened: bool = False,
    farther: float = 1.0,
) -> Estimate:
    """Return a statistic of clients with a studentized (bootstrap-t) interval, from 999 resamples.

    Each resample's distance from the value is divided by its own standard error, from the influences, so that tails
    that are longer on one side reach farther there.

    Source: Efron 1979, "Bootstrap methods", Ann. Statist. 7; Hall 1988, "Theoretical comparison of bootstrap confidence
    intervals", Ann. Statist. 16.

    Args:
        columns: ``(k, n)``.
        statistic: Of columns ``(k, R, n)`` → ``(R,)``.
        influences: The clients' influences on it, → ``(R, n)``.
        widened: Never narrower than the percentile interval of the same resamples. A difference between methods that
            rests on a few badly served clients needs it: without, that of worst tenths held in 86 % of draws. A number
            of one method does not: with it, some hold in 98 % (docs/decisions/0074).
        farther: What both ends' distances from the value are multiplied by. Where scores have no lowest value, the k
            worst clients tell their error as badly as k values tell a mean's: t over z of k − 1 degrees of freedom.
    """
    n = columns.shape[1]
    # in one order, so that the interval depends on the values alone
    columns = columns[:, np.lexsort(columns[::-1])]
    value, error = (float(found[0]) for found in with_error(columns[:, None], statistic, influences))
    if not error > 0:
        return without_interval(value, n, "all values are equal")
    if n > MOST_TO_RESAMPLE:
        return Estimate(value, value - Z * error, value + Z * error, n, "normal")
    rng, size = own_stream("clients", columns), max(1, 2**20 // n)
    resampled, distances = [], []
    for first in range(0, RESAMPLES, size):
        drawn = rng.integers(n, size=(min(size, RESAMPLES - first), n))
        values, errors = with_error(columns[:, drawn], statistic, influences)
        resampled.append(values)
        with np.errstate(all="ignore"):
            distances.append((values - value) / errors)
    found = np.concatenate(distances)
    if (~np.isfinite(found)).sum() > MOST_WITHOUT_ERROR * RESAMPLES:
        return without_interval(value, n, "too many clients have the same value")
    ordered = np.sort(found[~np.isnan(found)])
    low, high = (float(ordered[round(level * (len(ordered) + 1)) - 1]) for level in LEVELS)
    start, end = min(value, value - farther * high * error), max(value, value - farther * low * error)
    if widened:
        least, most = (float(end) for end in np.quantile(np.concatenate(resampled), LEVELS))
        start, end = min(start, least), max(end, most)
    return Estimate(value, start, end, n, "studentized bootstrap")


def with_error(
    columns: np.ndarray, statistic: Callable[[np.ndarray], Any], influences: Callable[[np.ndarray], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a statistic of resampled columns ``(k, R, n)`` and its standard errors, ``(R,)`` both."""
    with np.errstate(all="ignore"):
        return np.asarray(statistic(columns)), np.asarray(standard_error(np.asarray(influences(columns))))
