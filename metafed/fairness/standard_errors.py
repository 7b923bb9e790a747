"""What each client adds to a metric, to first order: the metric's influence function, and the standard error from it.

Hampel 1974, "The influence curve and its role in robust estimation", JASA 69. A function takes values ``(…, n)`` and
returns each client's influence ``(…, n)``, of mean 0: n times how much the metric moves if the client counts a little
more. The variance of the metric is, to first order, the variance of the influences over n.
"""

import math
from typing import Any

import numpy as np


def standard_error(influences: np.ndarray) -> Any:
    """Return the standard error of a metric, of its clients' influences ``(…, n)``."""
    count = influences.shape[-1]
    return np.sqrt((influences**2).sum(axis=-1) / (count * (count - 1)))


def of_mean(values: np.ndarray) -> np.ndarray:
    """Return the influences on the mean."""
    return np.asarray(values - values.mean(axis=-1, keepdims=True))


def of_std(values: np.ndarray) -> np.ndarray:
    """Return the influences on the standard deviation; 0 where all values are equal."""
    away = of_mean(values)
    variance = (away**2).mean(axis=-1, keepdims=True)
    return np.asarray((away**2 - variance) / np.where(variance > 0, 2 * np.sqrt(variance), 1.0))


def of_cov(values: np.ndarray) -> np.ndarray:
    """Return the influences on std / mean."""
    mean = values.mean(axis=-1, keepdims=True)
    cov = values.std(axis=-1, keepdims=True) / mean
    return np.asarray((of_std(values) - cov * of_mean(values)) / mean)


def of_gini(values: np.ndarray) -> np.ndarray:
    """Return the influences on E|X − Y| / (2 mean)."""
    count, order = values.shape[-1], np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    rank = np.arange(1, count + 1)
    # the mean distance of each to all: those below it, and those above it
    near = (ordered * (2 * rank - count) - 2 * sums + sums[..., -1:]) / count
    distance = np.empty_like(near)
    np.put_along_axis(distance, order, near, axis=-1)
    mean, whole = values.mean(axis=-1, keepdims=True), near.mean(axis=-1, keepdims=True)
    return np.asarray((2 * (distance - whole) - whole / mean * of_mean(values)) / (2 * mean))


def of_entropy(values: np.ndarray) -> np.ndarray:
    """Return the influences on the normalised entropy, 1 − T / log n with Theil's T."""
    share = values / values.mean(axis=-1, keepdims=True)
    logs = share * np.log(np.where(share > 0, share, 1.0))
    theil = logs.mean(axis=-1, keepdims=True)
    return np.asarray(-(logs - theil - (theil + 1) * (share - 1)) / math.log(values.shape[-1]))


def of_lowest(values: np.ndarray, part: float) -> np.ndarray:
    """Return the influences on the mean of the lowest ``part`` of n clients: what lies below the last of them."""
    last = math.ceil(part) - 1
    border = np.partition(values, last, axis=-1)[..., last : last + 1]
    return of_mean(np.minimum(values - border, 0.0) * (values.shape[-1] / part))
