"""Rules of the guard about columns, on some rows of some clients: what tells the target, does not vary, or runs away.

Pure functions of features ``x (n, F)``, targets ``y``, and the client of each row ``(n,)``.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

ROWS = 20
"""Rows below which nothing is said of a column."""
CLIENTS = 3
"""Clients that a class must have, lest what is constant in a client be taken for what is constant in a class."""
EXACT = 1e-6
"""Share of a target's variance that rounding to float32 may leave."""
MOST_VALUES = 65
"""Different values of a column up to which it is looked at value by value."""
FAR = 30.0
"""Interquartile ranges from the median from which on a value is far."""

Columns = Sequence[tuple[str, int]]
"""Name and width of each column."""


def slices(columns: Columns) -> Iterator[tuple[str, slice]]:
    """Yield the features of each column."""
    first = 0
    for name, width in columns:
        yield name, slice(first, first + width)
        first += width


def constant(x: np.ndarray, columns: Columns) -> list[str]:
    """Return the names of columns that are the same in all rows."""
    same = x.min(0) == x.max(0)
    return [name for name, own in slices(columns) if same[own].all()] if len(x) >= ROWS else []


def far(x: np.ndarray, columns: Columns) -> list[tuple[str, float]]:
    """Return single numbers with values ``FAR`` interquartile ranges or more from the median, and the farthest."""
    found = []
    for name, own in slices(columns):
        values = x[:, own].astype(np.float64)
        if values.shape[1] == 1 and len(x) >= ROWS:
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            # what is mostly the same, as an indicator is, has no range to compare with
            distance = float(np.abs(values - middle).max() / (high - low)) if high > low else 0.0
            found += [(name, distance)] * (distance >= FAR)
    return found


def equal(x: np.ndarray, y: np.ndarray, client: np.ndarray, columns: Columns) -> list[str]:
    """Return the names of columns that are the target: a linear function of it, or one value for each class.

    Args:
        x: Features ``(n, F)``.
        y: Classes ``(n,)``, integers, or numbers ``(n, D)``.
        client: The client of each row ``(n,)``.
        columns: What the features are.
    """
    if len(x) < ROWS:
        return []
    if y.ndim > 1:
        linear = _linear(x, y)
        return [name for name, own in slices(columns) if linear[own].any()]
    firsts = [np.flatnonzero(y == label)[0] for label in np.unique(y)]
    same = _one_value_a_class(x, y, client)

    def different(own: slice) -> bool:
        return bool(same[own].all()) and len(np.unique(x[firsts, own], axis=0)) == len(firsts)

    found = []
    for name, own in slices(columns):
        # all of a column, such as the indicators of a category, or one number of an array
        alone = [k for k in range(own.start, own.stop) if own.stop - own.start > 1 and different(slice(k, k + 1))]
        found += [name] if different(own) else [f"{name}[{k - own.start}]" for k in alone]
    return found


def _linear(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which features are linear functions of a target, bool ``(F,)``."""
    centred, targets = (values - values.mean(0) for values in (x.astype(np.float64), y.astype(np.float64)))
    size = np.linalg.norm(centred, axis=0)[:, None] * np.linalg.norm(targets, axis=0)[None]
    alike = np.abs(centred.T @ targets) / np.where(size > 0, size, np.inf)
    return np.asarray((alike**2 > 1 - EXACT).any(1))


def _one_value_a_class(x: np.ndarray, y: np.ndarray, client: np.ndarray) -> np.ndarray:
    """Return which features are the same in all rows of a class, bool ``(F,)``; none if too few clients have one."""
    labels = np.unique(y)
    if len(labels) < 2 or min(len(np.unique(client[y == label])) for label in labels) < CLIENTS:
        return np.zeros(x.shape[1], bool)
    return np.asarray(np.all([x[y == label].min(0) == x[y == label].max(0) for label in labels], axis=0))


def tells(x: np.ndarray, y: np.ndarray, client: np.ndarray, columns: Columns) -> list[str]:
    """Return the names of columns that tell the class without an error, by a threshold or value by value.

    It may be luck, or the world; more often the column was made of the target. The same arguments as ``equal``.
    """
    labels, code = np.unique(y, return_inverse=True)
    if y.ndim > 1 or len(x) < ROWS or len(labels) < 2:
        return []
    if min(len(np.unique(client[y == label])) for label in labels) < CLIENTS:
        return []
    found = []
    for name, own in slices(columns):
        values = x[:, own]
        if values.shape[1] > MOST_VALUES:
            continue
        kinds, which = np.unique(values, axis=0, return_inverse=True)
        table = np.zeros((len(kinds), len(labels)), np.int64)
        np.add.at(table, (which.ravel(), code), 1)
        by_value = 1 < len(kinds) <= MOST_VALUES and bool((np.count_nonzero(table, axis=1) == 1).all())
        found += [name] * (by_value or (values.shape[1] == 1 and _separate(values[:, 0], code)))
    return found


def _separate(values: np.ndarray, code: np.ndarray) -> bool:
    """Say whether no two classes' ranges of values overlap."""
    ranges = sorted((values[code == k].min(), values[code == k].max()) for k in range(code.max() + 1))
    return all(above[0] > below[1] for below, above in pairwise(ranges))
