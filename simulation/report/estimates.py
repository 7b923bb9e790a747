"""Means of scores with intervals that end where scores end."""

import math

from metafed.fairness.intervals import Estimate, mean_interval
from metafed.fairness.metrics import Values


def score_interval(values: Values, measure: str) -> Estimate:
    """Return the mean of scores with its interval; no score exceeds 1, and no accuracy is below 0."""
    return mean_interval(values, 0.0 if measure == "accuracy" else -math.inf, 1.0)
