"""Scores of a regression, by targets and predictions ``(N, D)`` of one client's rows, in the unit of the targets.

Targets are as the network learns them: standardised where the data are. Lower is better, except for skill. Where rows
have weights ``(N,)``, one of weight 2 counts as two rows.
"""

import numpy as np


def mae(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean absolute error over rows and dimensions."""
    away = np.abs(output - target)
    return float(np.average(away, weights=None if weight is None else np.broadcast_to(weight[:, None], away.shape)))


def rmse(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the root of the mean squared error over rows, averaged over dimensions."""
    return float(np.sqrt(np.average(np.square(output - target), axis=0, weights=weight)).mean())


def skill(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return 1 − squared error / that of the targets' own mean; NaN where all targets are equal. Higher is better."""
    constant, error = (
        np.average(np.square(target - guess), axis=0, weights=weight).sum()
        for guess in (np.average(target, axis=0, weights=weight), output)
    )
    return float(1 - error / constant) if constant > 0 else float("nan")
