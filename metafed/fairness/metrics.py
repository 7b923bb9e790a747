"""Fairness of personalization: metrics of the values that clients have, one value a client.

Values are per client first: scores, gains, all "higher is better". Every metric is a ``Metric``:
called on values ``(n,)`` it returns a float, or None where ``metric.undefined(values)`` says why.
None of them returns NaN or warns; a value that is not finite is refused, since averaging over a
client that diverged, or dropping it unsaid, would both be wrong.

Identities: Jain's index = cos² of the angle to the uniform vector = 1 / (1 + CoV²), so a report
needs one of the three. Standard deviations shrink as scores approach their maximum: read every
metric of spread beside the mean and the worst tenth.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from metafed.fairness import standard_errors as influences

Values: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
"""Per-client values; rows of them where a leading axis is said."""

Rows: TypeAlias = Callable[[Values], Any]
"""A statistic of each row: values ``(…, n)`` → ``(…)``, a scalar for ``(n,)``."""


class Metric:
    """A statistic of per-client values, defined only where it means something.

    Attributes:
        rows: The statistic.
        undefined: Says why it has no meaning for some values, or None.
        influences: Each value's influence on it, ``(…, n)`` → ``(…, n)``.
        of_tail: Whether only a tenth of the values, at an end, makes it.
    """

    def __init__(self, rows: Rows, needs: Callable[[Values], str | None], influences: Rows, of_tail: bool = False):
        functools.update_wrapper(self, rows)
        self.rows = rows
        self.undefined = needs
        self.influences = influences
        self.of_tail = of_tail

    def __call__(self, values: Values) -> float | None:
        """Return the metric of ``values (n,)``; None if ``undefined(values)`` gives a reason.

        Raises:
            ValueError: A value is not finite, or ``values`` is not one-dimensional.
        """
        values = checked(values)
        return None if self.undefined(values) else float(self.rows(values))


def metric(needs: Callable[[Values], str | None], influences: Rows, of_tail: bool = False) -> Callable[[Rows], Metric]:
    """Make a ``Metric`` of a statistic of rows; ``needs`` says why it is undefined, or None."""
    return lambda rows: Metric(rows, needs, influences, of_tail)


def checked(values: Values) -> Values:
    """Return ``values (n,)`` in float64.

    Raises:
        ValueError: A value is not finite, or there is more than one axis.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"per-client values have shape (n,), got {values.shape}")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        bad = f"value {wrong[0]} of {values.size} is {values[wrong[0]]}"
        raise ValueError(f"{bad}; leave diverged clients out and count them")
    return values


def somebody(values: Values) -> str | None:
    """Reason why ``values`` have no mean or tail: there are none."""
    return None if values.size else "no clients"


def ratio_scale(values: Values) -> str | None:
    """Reason why a share of the total means nothing: a negative value, or a total of zero."""
    if not values.size:
        return "no clients"
    if values.min() < 0:
        return "a value is negative"
    return None if values.max() > 0 else "all values are zero"


def several(values: Values) -> str | None:
    """As ``ratio_scale``, and one client alone has no distribution to speak of."""
    return "one client" if values.size == 1 else ratio_scale(values)


def tail_size(n: int) -> int:
    """Return ``⌈share n⌉``: how many clients the worst ``share`` of ``n`` clients are, at least one.

    Li et al. (2020, q-FFL) take ``⌊share n⌋``, which leaves nobody below ten clients.
    """
    return math.ceil(round(0.1 * n, 9))  # 0.1 · 30 must not become four clients by rounding error


def unit(values: Values) -> tuple[Values, Any]:
    """Return ``values / 2^e (…, n)``, each row at most 1 in magnitude, and ``e (…, 1)``.

    Squares then neither overflow nor underflow; a power of two, since dividing by it is exact.
    """
    _, exponent = np.frexp(np.abs(values).max(axis=-1, keepdims=True))
    return np.ldexp(values, -exponent), exponent


@metric(needs=somebody, influences=influences.of_mean)
def mean(values: Values) -> Any:
    """Mean over clients, each counted once whatever its data size. Defined for n ≥ 1."""
    scaled, exponent = unit(values)
    return np.ldexp(scaled.mean(axis=-1), exponent[..., 0])


@metric(needs=somebody, influences=influences.of_std)
def std(values: Values) -> Any:
    """Population standard deviation (ddof 0), in the values' unit; 0 for one client.

    Source: Li et al. 2020 (q-FFL, arXiv:1905.10497) report its square, in %².
    """
    scaled, exponent = unit(values)
    # around the first value, so that equal values have a deviation of exactly zero
    return np.ldexp((scaled - scaled[..., :1]).std(axis=-1), exponent[..., 0])


@metric(needs=ratio_scale, influences=influences.of_cov)
def cov(values: Values) -> Any:
    """Coefficient of variation, std / mean; free of scale. Needs values ≥ 0 that are not all zero."""
    scaled, _ = unit(values)
    return (scaled - scaled[..., :1]).std(axis=-1) / scaled.mean(axis=-1)


@metric(needs=ratio_scale, influences=influences.of_gini)
def gini(values: Values) -> Any:
    """Gini coefficient ``Σ_ij |x_i − x_j| / (2 n² mean)``: 0 if all are equal, (n − 1)/n if one has all.

    Needs values ≥ 0 that are not all zero. In sorted order the double sum is ``2 Σ_i (2i − n − 1) x_i``,
    i from 1, which costs a sort instead of n² differences.
    """
    scaled, _ = unit(np.sort(values, axis=-1))
    n = scaled.shape[-1]
    rank = 2 * np.arange(1, n + 1) - n - 1
    # the ranks add up to zero, so shifting by the smallest value changes nothing but rounding error
    spread = ((scaled - scaled[..., :1]) * rank).sum(axis=-1)
    return spread / (n**2 * scaled.mean(axis=-1))


@metric(needs=several, influences=influences.of_entropy)
def entropy(values: Values) -> Any:
    """Normalised entropy ``−Σ p log p / log n`` of the shares ``p = x / Σx``: 1 if equal, 0 if one has all.

    Needs n ≥ 2 and values ≥ 0 that are not all zero. Li et al. 2020 (q-FFL, appendix) use it without
    the division by log n, which does not compare between populations. It saturates near 1.
    """
    scaled, _ = unit(values)
    share = scaled / scaled.sum(axis=-1, keepdims=True)
    logs = np.log(np.where(share > 0, share, 1.0))  # p log p → 0 as p → 0
    return np.abs((share * logs).sum(axis=-1)) / math.log(values.shape[-1])


def _on_worst10(values: Values) -> Values:
    return influences.of_lowest(values, tail_size(values.shape[-1]))


def _on_best10(values: Values) -> Values:
    return -influences.of_lowest(-values, tail_size(values.shape[-1]))


def _on_cvar10(values: Values) -> Values:
    return influences.of_lowest(values, round(0.1 * values.shape[-1], 9))


@metric(needs=somebody, influences=_on_worst10, of_tail=True)
def worst10(values: Values) -> Any:
    """Mean of the lowest ``⌈n / 10⌉`` values; below ten clients that is the minimum."""
    tail = np.sort(values, axis=-1)[..., : tail_size(values.shape[-1])]
    return mean.rows(tail)


@metric(needs=somebody, influences=_on_best10, of_tail=True)
def best10(values: Values) -> Any:
    """Mean of the highest ``⌈n / 10⌉`` values; below ten clients that is the maximum."""
    tail = np.sort(values, axis=-1)[..., -tail_size(values.shape[-1]) :]
    return mean.rows(tail)


@metric(needs=somebody, influences=_on_cvar10, of_tail=True)
def cvar10(values: Values) -> Any:
    """CVaR at α = 0.1: as ``worst10``, but the client on the border of the worst tenth counts in part."""
    n = values.shape[-1]
    weight = np.clip(round(0.1 * n, 9) - np.arange(n), 0, 1)
    scaled, exponent = unit(np.sort(values, axis=-1))
    return np.ldexp(scaled @ (weight / weight.sum()), exponent[..., 0])
