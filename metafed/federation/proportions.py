"""How families are dealt to clients in proportion: by arithmetic, so that a million clients need no table."""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """Where a client's data are: its family, as an index into the run's tasks, and its number there."""

    task: int
    number: int


@dataclass(frozen=True)
class Deal:
    """Blocks of ``S`` successive clients, each of which has the families in their proportions ``w``.

    A block is a cycle of ``S`` tasks, begun at another point from block to block, so that a host that has every P-th
    client has all families. Where all proportions are 1 it begins one further each time. Else it begins where a hash
    of the block's number says: regular steps keep some hosts from some families for ever (any step of b modulo S,
    if P is a multiple of S²), and a hash makes a host's families as mixed as if they were drawn.

    Attributes:
        cycle: The tasks of a block ``(S,)``.
        before: How often each task comes before each point of the cycle, ``(S, T)``.
        shares: The proportions ``w (T,)``.
    """

    cycle: tuple[int, ...]
    before: tuple[tuple[int, ...], ...]
    shares: tuple[int, ...]

    def place(self, client: int) -> Place:
        """Return the task of a client, and its number among the clients of that task: in ascending order, no gaps."""
        size = len(self.cycle)
        block, turn = divmod(client, size)
        first = self._first(block)
        point = (first + turn) % size
        task = self.cycle[point]
        share = self.shares[task]
        earlier = (self.before[point][task] - self.before[first][task]) % share
        return Place(task, block * share + earlier)

    def tasks(self, clients: np.ndarray) -> np.ndarray:
        """Return the tasks of many clients ``(C,)`` at once, as ``place`` does one by one."""
        size = len(self.cycle)
        blocks, turns = np.divmod(clients, size)
        if size == len(self.shares):
            first = blocks % size
        else:
            named, where = np.unique(blocks, return_inverse=True)
            first = np.array([self._first(block) for block in named.tolist()], np.int64)[where]
        found: np.ndarray = np.array(self.cycle)[(first + turns) % size]
        return found

    def counts(self, clients: int) -> list[int]:
        """Return how many of the clients 0 … ``clients`` − 1 each task has."""
        size = len(self.cycle)
        block, turns = divmod(clients, size)
        first = self._first(block)
        counts = [block * share for share in self.shares]
        for turn in range(turns):
            counts[self.cycle[(first + turn) % size]] += 1
        return counts

    def _first(self, block: int) -> int:
        size = len(self.cycle)
        if size == len(self.shares):
            return block % size
        return zlib.crc32(block.to_bytes(8, "little")) % size


def deal(shares: tuple[int, ...]) -> Deal:
    """Return the deal with these proportions; the tasks of a block are as evenly spread as they can be.

    Args:
        shares: How many clients of each task a block has, 1 at least.
    """
    size = sum(shares)
    # the j-th of w clients of a task would best stand at (j + 1/2) / w of the block
    spread = sorted(((2 * j + 1) / (2 * share), task) for task, share in enumerate(shares) for j in range(share))
    cycle = tuple(task for _, task in spread)
    before = [[0] * len(shares)]
    for task in cycle[:-1]:
        before.append([count + (other == task) for other, count in enumerate(before[-1])])
    assert len(cycle) == size, "every task has its share"
    return Deal(cycle, tuple(tuple(counts) for counts in before), shares)
