"""Which numbers can be computed with: those that are finite, and whose powers and sums over clients are, too."""

from typing import Any

import numpy as np

LARGEST = 1e50
"""Beyond this a score or a loss counts as not finite: its powers are not, and a mean would tell of it alone."""


def sound(values: Any) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Say which values can be computed with: those that are finite and at most ``LARGEST``."""
    return np.abs(np.asarray(values, np.float64)) <= LARGEST
