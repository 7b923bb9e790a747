"""Fairness between groups of clients: means by group, their gap, and the gap that chance alone would make."""

from collections.abc import Sequence

import numpy as np

from metafed.fairness.metrics import Values, checked, mean

SMALL = 5
"""Clients below which a group's mean is flagged as resting on few."""

PERMUTATIONS = 999


def group_means(values: Values, groups: Sequence[str]) -> dict[str, float]:
    """Return each group's mean, the worst (lowest) group first; ties in order of the name.

    Raises:
        ValueError: ``groups`` has not one name a client, or a value is not finite.
    """
    values = checked(values)
    if len(groups) != values.size:
        raise ValueError(f"{values.size} values need one group each, got {len(groups)}")
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    means = {str(name): float(mean.rows(values[member == i])) for i, name in enumerate(names)}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def group_gap(values: Values, groups: Sequence[str]) -> float | None:
    """Largest minus smallest group mean. None with fewer than two groups.

    Used by Yue, Nouiehed and Al Kontar 2021 (GIFAIR-FL, arXiv:2108.02741). It grows with the number
    of groups and shrinks with their size even if groups do not matter: read it beside ``chance_gap``.
    """
    means = list(group_means(values, groups).values())
    return means[-1] - means[0] if len(means) > 1 else None


def two_way(values: Values, rows: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, tuple[float, int]]]:
    """Return mean and number of clients of each row and column that occur together: ``result[row][column]``.

    A gap between groups may be one of devices in disguise, and the other way round; only cells tell.

    Raises:
        ValueError: There is not one name a client, or a value is not finite.
    """
    values = checked(values)
    if not len(rows) == len(columns) == values.size:
        raise ValueError(f"{values.size} values need one row and column each, got {len(rows)} and {len(columns)}")
    first, second = np.asarray(rows, dtype=str), np.asarray(columns, dtype=str)
    table: dict[str, dict[str, tuple[float, int]]] = {}
    for row, column in sorted(set(zip(first.tolist(), second.tolist(), strict=True))):
        member = (first == row) & (second == column)
        table.setdefault(row, {})[column] = (float(mean.rows(values[member])), int(member.sum()))
    return table


def chance_gap(values: Values, groups: Sequence[str], strata: Sequence[str], rng: np.random.Generator) -> float | None:
    """Return the 95 % point of ``group_gap`` if groups did not matter: a permutation test's critical value.

    Labels are permuted 999 times within each stratum, so that groups which differ only because
    their clients have other families are not blamed for it. None with fewer than two groups.

    Args:
        values: One value a client, ``(n,)``.
        groups: Each client's group.
        strata: Each client's family.
        rng: Where the permutations come from.

    Raises:
        ValueError: ``groups`` or ``strata`` has not one name a client, or a value is not finite.
    """
    if group_gap(values, groups) is None:
        return None
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    layers = np.asarray(strata, dtype=str)
    if len(layers) != len(member):
        raise ValueError(f"{len(member)} values need one stratum each, got {len(layers)}")
    shuffled = np.tile(checked(values), (PERMUTATIONS, 1))
    for layer in np.unique(layers):
        shuffled[:, layers == layer] = rng.permuted(shuffled[:, layers == layer], axis=1)
    weight = (member[:, None] == np.arange(len(names))) / np.bincount(member)
    means = shuffled @ weight
    return float(np.quantile(means.max(axis=1) - means.min(axis=1), 0.95))
