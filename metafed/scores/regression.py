"""Scores of a regression, by targets and predictions ``(N, D)`` of one client's rows, in the unit of the targets.

Targets are as the network learns them: standardised where the data are. Lower is better.
"""

import numpy as np


def mae(target: np.ndarray, output: np.ndarray) -> float:
    """Return the mean absolute error over rows and dimensions."""
    return float(np.abs(output - target).mean())


def rmse(target: np.ndarray, output: np.ndarray) -> float:
    """Return the root of the mean squared error over rows, averaged over dimensions."""
    return float(np.sqrt(np.square(output - target).mean(0)).mean())
