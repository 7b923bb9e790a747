"""How numbers are written for people, and which can be computed with."""

from typing import Any

import numpy as np

LARGEST = 1e50
"""Beyond this a score or a loss counts as not finite: its powers are not, and a mean would tell of it alone."""


def sound(values: Any) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Say which values can be computed with: those that are finite and at most ``LARGEST``."""
    return np.abs(np.asarray(values, np.float64)) <= LARGEST


def digits(value: float, places: int = 3, sign: str = "", most: float = 10.0) -> str:
    """Write a number in at most ten characters: with ``places`` decimals, or three digits from ``most`` on.

    Args:
        value: The number.
        places: Decimals, 3 at most.
        sign: ``+`` for a sign before a positive number, too.
        most: 1000 at most.
    """
    return f"{value:{sign}.{places}f}" if abs(value) < most else f"{value:{sign}.3g}"
