"""Scores of a regression, by targets and predictions ``(N, D)`` of one client's rows, in the unit of the targets.

Targets are as the network learns them: standardised where the data are. Lower is better, except for skill.
"""

import numpy as np


def mae(target: np.ndarray, output: np.ndarray) -> float:
    """Return the mean absolute error over rows and dimensions."""
    return float(np.abs(output - target).mean())


def rmse(target: np.ndarray, output: np.ndarray) -> float:
    """Return the root of the mean squared error over rows, averaged over dimensions."""
    return float(np.sqrt(np.square(output - target).mean(0)).mean())


def skill(target: np.ndarray, output: np.ndarray) -> float:
    """Return 1 − squared error / that of the targets' own mean; NaN where all targets are equal. Higher is better."""
    constant = np.square(target - target.mean(0)).sum()
    return float(1 - np.square(output - target).sum() / constant) if constant > 0 else float("nan")
