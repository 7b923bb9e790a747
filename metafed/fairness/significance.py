"""Is a difference between two methods real? An exact permutation test over seeds, and many tests at once."""

import itertools
from collections.abc import Sequence
from math import ceil, log2

import numpy as np

from metafed.fairness.metrics import Values, checked

LEVEL = 0.05
"""Share of false alarms that is put up with, over all comparisons of one table."""

MOST_EXACT = 16
"""Seeds up to which all sign patterns are tried: 65,536."""


def sign_flip(differences: Values, rng: np.random.Generator | None = None) -> float | None:
    """Return the two-sided p-value of paired ``differences (S,)``, one a seed, by Fisher's sign flips.

    If neither method were better, each seed's difference would have had either sign alike: p is the share of the 2^S
    sign patterns whose mean is at least as far from 0 as the one that was seen. Exact up to 16 seeds; beyond, 65,535
    drawn patterns and the one that was seen. The smallest p that S seeds allow is 2 / 2^S. None without seeds.

    Source: Fisher 1935, "The Design of Experiments", section 21.

    Raises:
        ValueError: A difference is not finite.
    """
    differences = checked(differences)
    count = differences.size
    if count == 0:
        return None
    if count <= MOST_EXACT:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=count)))
    else:
        rng = rng or np.random.default_rng(0)
        signs = np.vstack([np.ones(count), rng.choice((1.0, -1.0), size=(2**MOST_EXACT - 1, count))])
    sums = np.abs(signs @ differences)
    # rounding must not tell the seen pattern from its mirror image
    return float((sums >= abs(differences.sum()) - 1e-12 * np.abs(differences).sum()).mean())


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for being several, by Holm's step-down method; None stays None and is not counted.

    The chance of one false alarm or more stays below the level, however the tests depend on each other.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6.
    """
    known = [(value, index) for index, value in enumerate(values) if value is not None]
    adjusted: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, index) in enumerate(sorted(known)):
        largest = max(largest, min(1.0, (len(known) - rank) * value))
        adjusted[index] = largest
    return adjusted


def smallest_p(seeds: int) -> float:
    """Return the smallest p-value that ``sign_flip`` can give for so many seeds."""
    return min(1.0, 2.0 ** (1 - min(seeds, MOST_EXACT)))


def seeds_needed(comparisons: int) -> int:
    """Return how many seeds it takes for Holm's method to find one of so many comparisons at ``LEVEL``."""
    return ceil(log2(2 * max(1, comparisons) / LEVEL))
