"""What a client says as one vector of numbers, and the sum of such vectors as a contribution again."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from metafed.core.parameters import Layout, Vector
from metafed.objectives import NOTHING, Contribution
from metafed.privacy.clipping import BELOW, CLIENTS
from metafed.secure.ring import Ring, decode, encode

SUMS = (BELOW, CLIENTS)
"""Further sums that every vector has room for."""


class Masked(NamedTuple):
    """The sum of the masked inputs ``(size,)`` of some clients."""

    clients: Sequence[int]
    vector: Ring


def vector_of(one: Contribution, layout: Layout) -> Vector:
    """Return a client's contribution as one vector: all parts, zeros in those it does not hold, weights, further sums.

    Raises:
        ValueError: It has sums that there is no room for, or a scale.
    """
    if set(one.directions) - set(layout.parts) or set(one.sums) - set(SUMS) or any(one.scales.values()):
        raise ValueError("a contribution by group, or with a scale, cannot be summed under masks")
    pieces = [one.directions.get(part, np.zeros(layout.size(part))) for part in layout.parts]
    rest = [one.weights.get(part, 0.0) for part in layout.parts] + [one.sums.get(name, 0.0) for name in SUMS]
    return np.concatenate([*(np.asarray(piece, np.float64) for piece in pieces), np.array(rest)])


def size_of(layout: Layout) -> int:
    """Return the length of such a vector."""
    return sum(layout.size(part) + 1 for part in layout.parts) + len(SUMS)


def input_of(vector: Vector, cohort: int) -> Ring:
    """Return a client's vector as elements of the ring, of which ``cohort`` are summed at most.

    Raises:
        DoesNotFit: A number is too large.
    """
    return encode(np.asarray(vector, np.float64), cohort)


def contribution_of(total: Ring, layout: Layout) -> Contribution:
    """Return the contribution that a sum of inputs stands for, with the parts that have a weight."""
    values = decode(total)
    parts = list(layout.parts)
    edges = np.cumsum([0, *(layout.size(part) for part in parts)])
    weights = dict(zip(parts, values[edges[-1] : edges[-1] + len(parts)].tolist(), strict=True))
    directions = {
        part: values[first:last]
        for part, first, last in zip(parts, edges[:-1], edges[1:], strict=True)
        if weights[part] > 0
    }
    sums = dict(zip(SUMS, values[-len(SUMS) :].tolist(), strict=True))
    if not directions:
        return NOTHING
    return Contribution(directions, {p: weights[p] for p in directions}, sums={n: v for n, v in sums.items() if v})


def rare(clients: Iterable[int], parts: Callable[[int], Sequence[str]], fewest: int) -> list[str]:
    """Return the parts that fewer than ``fewest`` of the clients hold, but some: their sums would say too much."""
    holders = Counter(part for client in clients for part in parts(client))
    return sorted(part for part, number in holders.items() if number < fewest)


def without(vector: Ring, layout: Layout, parts: Iterable[str]) -> Ring:
    """Return an input in which a client says nothing of some parts: neither a direction nor a weight."""
    found, start, left_out = vector.copy(), 0, set(parts)
    weights = sum(layout.size(part) for part in layout.parts)
    for number, part in enumerate(layout.parts):
        end = start + layout.size(part)
        if part in left_out:
            found[start:end] = found[weights + number] = 0
        start = end
    return found
