"""95 % intervals over clients: what would change had other clients of the same population been drawn.

They say nothing about other seeds: a run has one θ, and its clients are nested in it. An interval depends on the values
alone, so that equal values have equal intervals wherever they are shown. It holds in 93 to 97 % of draws of skewed
scores; where none does, there is none, and the method says why. For the mean of few values that have bounds there are
*bounds* instead: they hold at least as often and are no 95 % interval. ``python -m benchmarks.coverage`` prints how
often each holds (docs/decisions/0074).
"""

import math
import zlib
from typing import NamedTuple

import numpy as np

from metafed.core.ranks import ranks
from metafed.core.streams import stream
from metafed.fairness.metrics import Values, checked, mean

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""
LEVELS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)

RESAMPLES = 999
FEWEST_BOUNDED = 30
"""Clients below which the mean of values between a least and a most gets bounds in place of an interval."""
BOUNDS = "bounds (Gaffke)"
"""The method of ends that are no 95 % interval, since they hold more often."""
BRACKETS = f"[a, b]: 95 % interval. (a, b): bounds, which hold more often: of fewer than {FEWEST_BOUNDED} clients."
"""What brackets mean, for a reader."""
FEWEST_UNBOUNDED = 50
"""Clients below which the mean of values without a lower bound gets no interval, since one client can be anywhere."""


class Estimate(NamedTuple):
    """A statistic of ``n`` clients with its interval.

    Attributes:
        value: None if the statistic is undefined.
        low: Lower end of the interval, None if there is none.
        high: Upper end.
        n: Clients that it was computed from.
        method: How the interval was made; ``none: …`` and ``undefined: …`` give the reason, and ``BOUNDS`` says that
            the ends are bounds.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str


def without_interval(value: float | None, n: int, reason: str) -> Estimate:
    """Return an estimate whose interval is missing for a ``reason``."""
    return Estimate(value, None, None, n, f"{'undefined' if value is None else 'none'}: {reason}")


def enclosed(method: str, low: str, high: str) -> str:
    """Write the ends that a ``method`` gave: square brackets are around a 95 % interval, round ones around bounds."""
    return f"({low}, {high})" if method == BOUNDS else f"[{low}, {high}]"


def own_stream(name: str, *values: np.ndarray) -> np.random.Generator:
    """Return a stream that depends on the values alone, so that an interval does, too.

    One stream for all values would not do: its luck would be in every interval alike.
    """
    key = 0
    for each in values:
        key = zlib.crc32(np.round(each, 9).tobytes(), key)
    return stream(0, f"intervals/{name}", key)


def student_interval(values: Values) -> Estimate:
    """Return the mean of near-normal ``values (n,)``, such as means of seeds: ``mean ± t_{n−1} s / √n``, s with ddof 1.

    Clients' scores are skewed, and ``mean_interval`` is for them. None below two values, and where all are equal: no
    spread says nothing of the error.

    Raises:
        ValueError: A value is not finite.
    """
    from scipy.special import stdtrit

    values = checked(values)
    n, value = values.size, mean(values)
    if value is None or n < 2 or (values == values[0]).all():
        return without_interval(value, n, few(values))
    scale = float(np.abs(values).max())
    error = scale * float((values / scale).std(ddof=1)) / math.sqrt(n)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    return Estimate(value, value - half, value + half, n, "Student t")


def few(values: Values) -> str:
    """Say why ``values (n,)`` that are too few, or all equal, have no interval."""
    return {0: "no clients", 1: "one client"}.get(values.size, "all values are equal")


def mean_interval(values: Values, least: float = -math.inf, most: float = math.inf) -> Estimate:
    """Return the mean of ``values (n,)`` of clients with an interval that allows for skewness.

    Student's t with its statistic made symmetric by Hall's cubic transformation (Hall 1992, "On the removal of skewness
    by transformation", J. R. Statist. Soc. B 54): from 50 clients on, or from 30 where there are a least and a most.
    Without a least and a most it ends, on the side of the short tail, halfway to Student's t: there the transformation
    alone held in 91 to 95 % of draws of skill; with them, halfway held in up to 98 % where one in ten is badly served.
    With a least and a most and fewer clients, or where all values are equal: ``bounds``.

    Args:
        values: One value a client.
        least: The smallest value that there can be; the interval ends there.
        most: The largest.

    Raises:
        ValueError: A value is not finite.
    """
    from scipy.special import stdtrit

    values = checked(values)
    n, value = values.size, mean(values)
    bounded = math.isfinite(least) and math.isfinite(most)
    if value is None or n < 2:
        return without_interval(value, n, few(values))
    equal = bool((values == values[0]).all())
    if bounded and (n < FEWEST_BOUNDED or equal):
        return bounds(values, least, most)
    if n < FEWEST_UNBOUNDED and not bounded:
        return without_interval(value, n, f"fewer than {FEWEST_UNBOUNDED} clients")
    if equal:
        return without_interval(value, n, few(values))
    scale = float(np.abs(values).max())
    away = values / scale - float((values / scale).mean())
    spread = float(away.std(ddof=1))
    skewness = float((away**3).mean()) / float(away.std()) ** 3 / math.sqrt(n)
    half, error = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)), scale * spread / math.sqrt(n)
    away_low, away_high = (beyond(t, skewness, bounded) * error for t in (half, -half))
    low, high = value - away_low, value - away_high
    return Estimate(
        value, min(value, max(least, low)), max(value, min(most, high)), n, "Student t, corrected for skewness"
    )


def beyond(t: float, skewness: float, bounded: bool) -> float:
    """Return by how many standard errors an end lies from the mean, where it is ``t`` without skewness."""
    own = unskewed(t, skewness)
    return own if bounded or abs(own) > abs(t) else (own + t) / 2


def unskewed(t: float, skewness: float) -> float:
    """Return the inverse of ``t + g t² / 3 + g² t³ / 27 + g / 6`` with g the skewness of values over √n."""
    if abs(skewness) < 1e-9:
        return t
    return float(3 / skewness * (np.cbrt(1 + skewness * (t - skewness / 6)) - 1))


def bounds(values: Values, least: float, most: float) -> Estimate:
    """Return the mean of ``values (n,)`` between a least and a most with Gaffke's bounds: wide, and sure for few.

    Its ends are points of the Bayesian bootstrap with one more client at a bound, as if the next client were the worst,
    or the best, that there can be. For values that are only ever at the bounds it is Clopper and Pearson's.

    Source: Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
    variable"; Learned-Miller and Thomas 2019, "A new confidence interval for the mean of a bounded random variable",
    arXiv 1905.06208, who conjecture that it holds at least as often as it says.
    """
    n = values.size
    ordered = np.sort(values)
    weights = own_stream("bounded", ordered).exponential(size=(9 * RESAMPLES, n + 1))
    weights /= weights.sum(axis=1, keepdims=True)
    inner = weights[:, :n] @ ordered
    low = float(np.quantile(inner + least * weights[:, n], LEVELS[0]))
    high = float(np.quantile(inner + most * weights[:, n], LEVELS[1]))
    value = float(values.mean())
    return Estimate(value, min(value, max(least, low)), max(value, min(most, high)), n, BOUNDS)


def share_interval(hits: int, n: int) -> Estimate:
    """Return the share ``hits / n`` with Wilson's score interval (1927): sound at 0, at 1 and for small n."""
    if n == 0:
        return without_interval(None, 0, "no clients")
    z, p = Z, hits / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # p itself lies inside: rounding must not put 0 or 1 outside
    return Estimate(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)), n, "Wilson")


def share_difference_interval(one: Values, other: Values) -> Estimate:
    """Return the difference of two shares of the same clients: ``one`` less ``other (n,)``, each 0 or 1 a client.

    Half a client is added to each of the four kinds of pairs, which keeps the interval sound where few differ.

    Source: Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions", Statist.
    Med. 24.
    """
    away = checked(one) - checked(other)
    n = away.size
    if n < FEWEST_BOUNDED:
        value = float(away.mean()) if n else None
        return without_interval(value, n, f"fewer than {FEWEST_BOUNDED} clients" if n else "no clients")
    up, down = (float((away == sign).sum() + 0.5) / (n + 2) for sign in (1, -1))
    half, value = Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2)), float(away.mean())
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Estimate(value, min(value, low), max(value, high), n, "Agresti and Min")


def rank_correlation(x: Values, y: Values) -> Estimate:
    """Return Spearman's ρ of ``x`` and ``y (n,)`` with Fisher's z interval.

    With x the rows that a client owns and y its gain it is the *data-poverty slope*: above zero,
    personalization serves those best who have most. Undefined below three clients and where all x
    or all y are equal. The interval takes the standard error ``√((1 + ρ²/2) / (n − 3))`` of atanh ρ
    (Bonett and Wright 2000, Psychometrika 65) and needs ten clients.

    Raises:
        ValueError: The shapes differ, or a value is not finite.
    """
    x, y = checked(x), checked(y)
    if x.shape != y.shape:
        raise ValueError(f"a correlation needs pairs, got {x.size} and {y.size} values")
    n = x.size
    if n < 3:
        return without_interval(None, n, "fewer than 3 clients")
    if (x == x[0]).all() or (y == y[0]).all():
        return without_interval(None, n, "all values are equal")
    rho = float(np.clip(np.corrcoef(ranks(x), ranks(y))[0, 1], -1, 1))
    if n < 10:
        return without_interval(rho, n, "fewer than 10 clients")
    if abs(rho) > 1 - 1e-12:
        return without_interval(rho, n, "the order agrees exactly")
    half = Z * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return Estimate(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half), n, "Fisher z")
