"""What is seen of an asset from day to day, and the rows made of it: from the recent past to tomorrow.

A row is a day. Its features are made of that day and of days before it, its targets are the next day's return and
log range. Returns count in the asset's own volatility at the row's day, log ranges from its own usual one; both are
exponential means of log ranges up to that day, so that a currency that is pegged and one that doubles in a week look
alike, and nothing looks ahead.
"""

from typing import NamedTuple

import numpy as np

WARM = 30
"""Days before the first row, for the means to settle."""
USUAL, NOW = 30.0, 4.0
"""Days over which the exponential means of log ranges look back: the usual range, and today's volatility."""
DIFFUSION = 0.43
"""Mean log range less log volatility of a diffusion (Alizadeh, Brandt, Diebold, Journal of Finance 57(3), 2002)."""
LAGS = 3
"""Returns in a row: today's, and those of the days before."""
RECENT = (1.0, 2.0, 4.0, 10.0)
"""Memories, in days, of the means of log ranges in a row."""
MEMORY = 10.0
"""Days over which the exponential mean of the log price looks back."""
RETURN = 1.5
"""Return, in units of today's volatility, that is 1 in y and in x."""
SPAN = 0.5
"""Log range above the usual that is 1 in y and in x."""
SCALE = 0.5
"""Size of the features, for inner steps of the usual size to be stable."""
FEATURES = LAGS + 1 + len(RECENT)
OUTPUTS = 2
"""The next day's return, in units of ``RETURN`` times today's volatility, and its log range above the usual."""


class Days(NamedTuple):
    """What is seen of an asset; both fields ``(T,)``.

    Attributes:
        returns: Log return of each day.
        span: Logarithm of each day's range: of log(highest price / lowest price).
    """

    returns: np.ndarray
    span: np.ndarray


class Standard(NamedTuple):
    """What a row's targets are counted from and in: ``(target − origin) / unit``, both ``(n, OUTPUTS)``."""

    origin: np.ndarray
    unit: np.ndarray

    def __call__(self, targets: np.ndarray) -> np.ndarray:
        """Return ``targets (n, OUTPUTS)`` in a row's own units."""
        return np.asarray((targets - self.origin) / self.unit)


def row_days(days: int) -> np.ndarray:
    """Return the days that are rows, of ``days`` days: after the warm-up, and with a day to follow."""
    return np.arange(WARM, days - 1)


def standard(days: Days) -> Standard:
    """Return the units of each row's targets."""
    usual, volatility = (each[row_days(len(days.span))] for each in levels(days.span))
    zero, one = np.zeros_like(usual), np.ones_like(usual)
    return Standard(np.stack([zero, usual], 1), np.stack([RETURN * volatility, SPAN * one], 1))


def levels(span: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the usual log range and today's volatility at the end of each day, both ``(T,)``."""
    return ewma(span, USUAL), np.exp(ewma(span, NOW) - DIFFUSION)


def features(days: Days) -> np.ndarray:
    """Return the rows' features ``(n, FEATURES)``.

    They are the latest returns, how far the price lies above its mean, and recent log ranges above the usual.
    """
    returns, span = days
    usual, volatility = levels(span)
    lagged = [np.concatenate([np.zeros(lag), returns[: len(returns) - lag]]) for lag in range(LAGS)]
    columns = [*(each / (RETURN * volatility) for each in lagged), gap(returns) / (2 * RETURN * volatility)]
    columns += [(ewma(span, memory) - usual) / SPAN for memory in RECENT]
    return np.asarray(SCALE * np.stack(columns, 1)[row_days(len(span))])


def targets(days: Days) -> np.ndarray:
    """Return the rows' targets in the rows' own units ``(n, OUTPUTS)``: the next day's return and log range."""
    return standard(days)(np.stack(days, 1)[row_days(len(days.span)) + 1])


def ewma(values: np.ndarray, memory: float) -> np.ndarray:
    """Return the exponential mean of ``values (T,)`` up to each day; it begins with the first value."""
    weight, mean, means = 1 / memory, float(values[0]), []
    for value in values.tolist():
        mean += weight * (value - mean)
        means.append(mean)
    return np.array(means)


def gap(returns: np.ndarray) -> np.ndarray:
    """Return how far the log price lies above its exponential mean at the end of each day ``(T,)``."""
    price = np.concatenate([[0.0], returns.cumsum()])
    return np.asarray(price - ewma(price, MEMORY))[1:]
