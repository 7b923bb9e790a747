"""Whom adaptation makes worse: gain, harmed fraction and the depth of the harm.

A client is *harmed* if its gain lies below minus a tolerance. With m query rows an accuracy is known
only to about ``1/√m``; without a tolerance, small query sets alone would fake harm.
"""

from typing import TypeAlias

import numpy as np

from metafed.fairness.intervals import Z
from metafed.fairness.metrics import Values, checked

RULE = (
    "Harmed: a score that falls by more than 1.96 √(p (1 − p) / m) for an accuracy on m query rows, p the mean of"
    " before and after; by anything for other scores."
)
"""The tolerance below in words, for wherever a harmed share is shown."""

Mask: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"


def gain(before: Values, after: Values) -> Values:
    """Return what adaptation gave each client, ``after − before (n,)``, in the score's unit.

    Raises:
        ValueError: The shapes differ, or a value is not finite.
    """
    before, after = checked(before), checked(after)
    if before.shape != after.shape:
        raise ValueError(f"gains need pairs of scores, got {before.size} before and {after.size} after")
    return after - before


def tolerance(before: Values, after: Values, query: Values, kind: str) -> Values:
    """Return how far each client's score may fall ``(n,)`` before the fall counts as harm.

    Accuracy: half the binomial 95 % interval, ``1.96 √(p (1 − p) / m)``, with m the query rows and p the
    mean of the accuracies before and after. The mean, since p = before would tolerate nothing where
    a client starts at 1, which is common with few rows. Both accuracies come from the same rows; where
    they are as good as independent, chance alone lets one client in 12 fall by more (8 %: 1.96 / √2 standard
    deviations of the difference, one-sided), not one in 40.
    Regression and control: 0. Skill and return have no error that follows from the number of rows alone, so any
    fall counts.

    Args:
        before: Scores before adaptation, ``(n,)``.
        after: Scores after it, ``(n,)``.
        query: Rows in each client's query set, ``(n,)``, at least 1.
        kind: Of the clients' family.

    Raises:
        ValueError: An accuracy is outside 0…1, or a query set is empty.
    """
    if kind != "classification":
        return np.zeros(len(before))
    p = (checked(before) + checked(after)) / 2
    if p.size and not (min(before.min(), after.min()) >= 0 and max(before.max(), after.max()) <= 1):
        raise ValueError(
            f"accuracies lie in 0…1, got {min(before.min(), after.min())} … {max(before.max(), after.max())}"
        )
    if (query < 1).any():
        raise ValueError("a query set is empty: its accuracy is unknown")
    return np.asarray(Z * np.sqrt(p * (1 - p) / query))


def harmed(gains: Values, tolerances: Values) -> Mask:
    """Return which clients adaptation made worse ``(n,)``: gain < −tolerance; a gain of 0 is never harm."""
    mask: Mask = checked(gains) < -checked(tolerances)
    return mask
