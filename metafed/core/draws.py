"""Training episodes of many clients, drawn at once.

A generator a client and a shuffle a class cost some fifty microseconds a client, more than a small network's training.
Here every row of every client gets a random number by its address (seed, name, round, client, row), all rows are
sorted once, by class and number, and the first of each class are the episode.
"""

from collections.abc import Sequence
from copy import copy
from typing import Final, NamedTuple

import numpy as np

from metafed.core.episodes import Rows, Shots
from metafed.core.streams import stream

GOLDEN: Final = 0x9E3779B97F4A7C15
ROW_BITS, RANDOM_BITS = 16, 28
"""Of a sorting key's 64 bits; what is left, 20, numbers the classes of the clients that are sorted together."""

MOST_CLASSES: Final = 2 ** (64 - ROW_BITS - RANDOM_BITS)


class Half(NamedTuple):
    """Half of a client's rows: what meta-training draws from, or evaluation.

    Attributes:
        rows: Row numbers ``(n,)``, stratum after stratum.
        sizes: Rows of each stratum ``(S,)``.
    """

    rows: np.ndarray
    sizes: np.ndarray

    @property
    def strata(self) -> list[np.ndarray]:
        """The row numbers, one array a stratum."""
        ends = np.cumsum(self.sizes).tolist()
        return [self.rows[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def half(strata: Sequence[np.ndarray]) -> Half:
    """Lay strata out one after the other."""
    return Half(np.concatenate(strata), np.array([len(rows) for rows in strata]))


def mixed(numbers: np.ndarray) -> np.ndarray:
    """Scramble 64-bit numbers: the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))


class Numbers:
    """Random 64-bit numbers by address: (seed, name, round), then client, then index.

    Each client has a SplitMix64 generator of its own, begun at a random state.
    """

    def __init__(self, seed: int, name: str, server_round: int, clients: Sequence[int]) -> None:
        root = stream(seed, name, server_round).integers(2**64, size=2, dtype=np.uint64)
        with np.errstate(over="ignore"):
            self._state = mixed(mixed(np.array(clients, np.uint64) * np.uint64(GOLDEN) + root[0]) ^ root[1])

    def of(self, part: slice) -> "Numbers":
        """Return the numbers of some of the clients, by their positions among those given."""
        found = copy(self)
        found._state = self._state[part]
        return found

    def __call__(self, position: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return the numbers ``index (n,)`` of the clients at ``position (n,)`` among those given."""
        with np.errstate(over="ignore"):
            return mixed(self._state[position] + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))


def sortable(half: Half) -> bool:
    """Say whether a sorting key has room for the numbers of a client's rows; the others are drawn one by one."""
    return len(half.rows) < int(2**ROW_BITS)


def draw_together(halves: Sequence[Half], shots: Shots, query: int, numbers: Numbers) -> list[Rows]:
    """Draw one episode of each client: at most ``shots.support`` and ``query`` rows (a class), as ``episodes.draw``.

    What a client draws does not depend on the others.

    Args:
        halves: What the clients draw from, ``sortable`` each.
        shots: The size of an episode.
        query: Query rows (a class) at most.
        numbers: The clients' random numbers, in the same order.
    """
    if sum(len(half.sizes) for half in halves) > MOST_CLASSES:
        middle = len(halves) // 2
        parts = (slice(middle), slice(middle, None))
        return [rows for part in parts for rows in draw_together(halves[part], shots, query, numbers.of(part))]
    lengths = np.array([len(half.rows) for half in halves])
    sizes = np.concatenate([half.sizes for half in halves])
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    chance = numbers(np.repeat(np.arange(len(halves)), lengths), within)
    stratum = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    # the row's own number comes last: no two keys are equal, so the order does not depend on how it is sorted
    key = (stratum << np.uint64(ROW_BITS + RANDOM_BITS)) | (
        chance >> np.uint64(64 - RANDOM_BITS) << np.uint64(ROW_BITS)
    )
    key |= within.astype(np.uint64)
    key.sort()
    order = (key & np.uint64(2**ROW_BITS - 1)).astype(np.int64)
    rank = np.arange(ends[-1]) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    adapt = np.maximum(1, np.minimum(shots.support, sizes // 2))
    support = rank < np.repeat(adapt, sizes)
    evaluated = ~support & (rank < np.repeat(adapt + query, sizes))
    rows = np.concatenate([half.rows for half in halves])[order + np.repeat(ends - lengths, lengths)]
    pieces = (_chosen(rows, which, ends) for which in (support, evaluated))
    return [Rows(*pair) for pair in zip(*pieces, strict=True)]


def _chosen(rows: np.ndarray, which: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    """Return of each client's ``rows``, which end at ``ends (C,)``, those that are marked; views of one array."""
    found, cuts = rows[which], np.cumsum(which)[ends - 1].tolist()
    return [found[start:end] for start, end in zip([0, *cuts[:-1]], cuts, strict=True)]


def slots_together(clients: int, classes: int, numbers: Numbers) -> np.ndarray:
    """Return a random order of the classes for each client ``(C, classes)``."""
    position = np.repeat(np.arange(clients), classes)
    # indices that no row has
    index = np.tile(np.arange(classes), clients) + 2**ROW_BITS
    return numbers(position, index).reshape(clients, classes).argsort(1, kind="stable")
