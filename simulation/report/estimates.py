"""Means of scores with intervals that end where scores end."""

import math

from metafed.fairness.intervals import Estimate, mean_interval
from metafed.fairness.metrics import Values
from metafed.scores import FROM_ZERO


def score_interval(values: Values, measure: str) -> Estimate:
    """Return the mean of scores with its interval; no score exceeds 1, and of some none is below 0."""
    return mean_interval(values, 0.0 if measure in ("accuracy", *FROM_ZERO) else -math.inf, 1.0)
