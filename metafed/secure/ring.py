"""Numbers as integers modulo 2^64, in which sums are exact and masks uniform."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.uint64]

BITS = 40
"""Bits of the fraction: numbers are rounded to multiples of 2^−40, about 1e-12."""


class DoesNotFit(ValueError):
    """A number is too large for the sum to be sure not to wrap around."""


def encode(values: NDArray[np.float64], clients: int) -> Ring:
    """Return numbers as elements of the ring, rounded to the nearest multiple of 2^−``BITS``.

    Args:
        values: Finite numbers.
        clients: How many are summed at most.

    Raises:
        DoesNotFit: The sum of so many could be beyond the ring.
    """
    limit = largest(clients)
    if not (np.isfinite(values).all() and (np.abs(values) <= limit).all()):
        raise DoesNotFit(f"a number is beyond ±{limit:.4g}, which the sum of {clients} clients has room for")
    return np.rint(values * 2.0**BITS).astype(np.int64).view(np.uint64)


def largest(clients: int) -> float:
    """Return the largest number of which so many can be summed."""
    return 2.0 ** (62 - BITS) / max(clients, 1)


def decode(total: Ring) -> NDArray[np.float64]:
    """Return a sum in the ring as numbers."""
    return total.view(np.int64).astype(np.float64) / 2.0**BITS


def added(vectors: Sequence[Ring]) -> Ring:
    """Return the sum modulo 2^64 of at least one vector."""
    total: Ring = reduce(np.add, vectors)
    return total
