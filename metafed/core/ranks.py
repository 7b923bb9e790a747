"""Ranks, as of ``scipy.stats.rankdata``, whose import takes a third of a second of every run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ranks(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the ranks of finite ``values (n,)``, from 1; equal values share their mean rank."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(times) - (times - 1) / 2)[place])
