"""Fairness of adaptation: who gains how much, how soon, and of how much that there was to gain.

Ours, in the absence of a standard: a meta-learner can be even in its final scores and uneven in what adaptation gives.
"""

import numpy as np

from metafed.fairness.metrics import Values, checked

LEAST_ROOM = 0.02
"""Head-room below which a gain is not divided by it: the quotient would be noise."""


def gains_by_step(scores: Values) -> Values:
    """Return what each inner step gave each client ``(C, K)``, from the scores after steps 0 … K ``(C, K + 1)``.

    Raises:
        ValueError: A score is not finite.
    """
    return np.diff(checked_curves(scores), axis=1)


def area(scores: Values) -> Values:
    """Return each client's mean score along its adaptation curve ``(C,)``: the area under it by trapezoids, over K.

    Early gains count more than late ones. With K = 0 it is the score itself.

    Raises:
        ValueError: A score is not finite.
    """
    scores = checked_curves(scores)
    if scores.shape[1] == 1:
        return np.asarray(scores[:, 0])
    return np.asarray((scores[:, 1:] + scores[:, :-1]).mean(axis=1) / 2)


def steps_to(scores: Values, targets: Values) -> Values:
    """Return the first inner step after which each client's score is at least its target ``(C,)``.

    Never within K steps is K + 1: more than was allowed. That keeps the order of clients; a mean of it is a lower
    bound.

    Args:
        scores: After steps 0 … K, ``(C, K + 1)``.
        targets: ``(C,)``.

    Raises:
        ValueError: A score or a target is not finite.
    """
    reached = checked_curves(scores) >= checked(targets)[:, None]
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), scores.shape[1])
    return np.asarray(first, np.float64)


def headroom_gain(before: Values, after: Values, best: Values) -> Values:
    """Return each client's gain as a share of what there was to gain, ``(after − before) / (best − before)`` ``(C,)``.

    1 is all of it; it may exceed 1, since the best possible score is an expectation. NaN where the best is unknown, or
    less than ``LEAST_ROOM`` above the start: such clients are to be left out and counted.

    Args:
        before: Scores before adaptation, ``(C,)``.
        after: Scores after it, ``(C,)``.
        best: The best possible scores ``(C,)``, NaN where unknown.

    Raises:
        ValueError: A score before or after is not finite.
    """
    before, after = checked(before), checked(after)
    room = np.asarray(best, np.float64) - before
    known = room >= LEAST_ROOM  # false where it is NaN
    return np.where(known, (after - before) / np.where(known, room, 1.0), np.nan)


def checked_curves(scores: Values) -> Values:
    """Return scores ``(C, K + 1)`` in float64.

    Raises:
        ValueError: One is not finite, or there are not two axes.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or scores.shape[1] < 1:
        raise ValueError(f"scores after each step have shape (C, K + 1), got {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite; leave diverged clients out and count them")
    return scores
