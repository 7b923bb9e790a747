"""95 % intervals over clients: what would change had other clients of the same population been drawn.

They say nothing about other seeds: a run has one θ, and its clients are nested in it. An interval depends on the values
alone, so that equal values have equal intervals wherever they are shown. What holds less than about 93 % of the time
for skewed scores is not shown: the interval is None, and the method says why. ``python -m benchmarks.coverage`` prints
how often each holds (docs/decisions/0055).
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
"""Clients below which the mean of values that have bounds gets an interval from the bounds."""
FEWEST_UNBOUNDED = 50
"""Clients below which the mean of values without a lower bound gets no interval, since one client can be anywhere."""


class Estimate(NamedTuple):
    """A statistic of ``n`` clients with its interval.

    Attributes:
        value: None if the statistic is undefined.
        low: Lower end of the interval, None if there is none.
        high: Upper end.
        n: Clients that it was computed from.
        method: How the interval was made; ``none: …`` and ``undefined: …`` give the reason.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str


def without_interval(value: float | None, n: int, reason: str) -> Estimate:
    """Return an estimate whose interval is missing for a ``reason``."""
    return Estimate(value, None, None, n, f"{'undefined' if value is None else 'none'}: {reason}")


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
    by transformation", J. R. Statist. Soc. B 54), never narrower than Student's t itself: from 50 clients on, or from
    30 where there are bounds.
    With bounds and fewer clients, or where all values are equal: see ``bounded_interval``.

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
        return bounded_interval(values, least, most)
    if n < FEWEST_UNBOUNDED and not bounded:
        return without_interval(value, n, f"fewer than {FEWEST_UNBOUNDED} clients")
    if equal:
        return without_interval(value, n, few(values))
    scale = float(np.abs(values).max())
    away = values / scale - float((values / scale).mean())
    spread = float(away.std(ddof=1))
    skewness = float((away**3).mean()) / float(away.std()) ** 3 / math.sqrt(n)
    half, error = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)), scale * spread / math.sqrt(n)
    low = value - max(half, unskewed(half, skewness)) * error
    high = value - min(-half, unskewed(-half, skewness)) * error
    return Estimate(
        value, min(value, max(least, low)), max(value, min(most, high)), n, "Student t, widened for skewness"
    )


def unskewed(t: float, skewness: float) -> float:
    """Return the inverse of ``t + g t² / 3 + g² t³ / 27 + g / 6`` with g the skewness of values over √n."""
    if abs(skewness) < 1e-9:
        return t
    return float(3 / skewness * (np.cbrt(1 + skewness * (t - skewness / 6)) - 1))


def bounded_interval(values: Values, least: float, most: float) -> Estimate:
    """Return the mean of ``values (n,)`` between two bounds with Gaffke's interval: wide, and sure with few clients.

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
    return Estimate(value, min(value, max(least, low)), max(value, min(most, high)), n, "bounded mean (Gaffke)")


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

    One client is added to each kind of discordant pair, which keeps the interval sound where few differ.

    Source: Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", J. Educ. Behav. Stat. 37.
    """
    away = checked(one) - checked(other)
    n = away.size
    if n < FEWEST_BOUNDED:
        value = float(away.mean()) if n else None
        return without_interval(value, n, f"fewer than {FEWEST_BOUNDED} clients" if n else "no clients")
    up, down = (float((away == sign).sum() + 1) / (n + 2) for sign in (1, -1))
    half, value = Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2)), float(away.mean())
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Estimate(value, min(value, low), max(value, high), n, "Bonett and Price")


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
