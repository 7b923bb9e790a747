"""Which of a table's people is which client of the family: at random, so that a number carries no meaning."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metafed.core.streams import stream
from metafed.data.source import Origin


class Numbering(NamedTuple):
    """The people of a table by the clients' numbers.

    Attributes:
        numbers: The clients' numbers, ascending ``(C,)``.
        people: Who each of them is: places in the table ``(C,)`` or more, the rest of which are no clients.
        seen: How many of the numbers take part in meta-training: the first ones.
    """

    numbers: Sequence[int]
    people: np.ndarray
    seen: int

    def person(self, client: int) -> int | None:
        """Return who the client is; None if nobody of this table is."""
        place = bisect_left(self.numbers, client)
        there = place < len(self.numbers) and self.numbers[place] == client
        return int(self.people[place]) if there else None


def numbering(origin: Origin, people: int) -> Numbering:
    """Number the people of a table.

    A table of everybody is in an order that the seed draws, and a client's number is a place in it. Of a table that
    holds one node's people only, the j-th client that the node hosts is the j-th in an order that the seed and the
    node's number draw.

    Args:
        origin: The seed, who is unseen, and the node's share of the clients, if it is one node's table.
        people: How many there are.
    """
    share = origin.share
    numbers: Sequence[int] = range(people) if share is None else share.numbers[:people]
    key = () if share is None else (share.node,)
    order = stream(origin.seed, "own/order", *key).permutation(people)
    seen = len(numbers) if origin.unseen_from is None else bisect_left(numbers, origin.unseen_from)
    return Numbering(numbers, order, seen)
