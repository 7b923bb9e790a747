"""FedFV: Wang, Fan, Qi, Wen, Wang, Yu, "Federated Learning with Fair Averaging", IJCAI 2021, arXiv 2104.14937.

Two updates conflict where g_i · g_j < 0. Internal conflicts (algorithm 2): update i gives up what of it points against
update j, g_i ← g_i − (g_i · g_j / ‖g_j‖²) g_j, for all others j from the smallest loss to the largest, so that those of
the largest losses are looked after last. The α n clients of the largest losses keep their updates. g is their mean.
External conflicts (algorithm 3): for the rounds τ, …, 1 before this one, g gives up what of it points against the sum
of those updates that conflict with it, of clients that nobody has asked since. In the end g is made as long as the
mean of the updates was (algorithm 1).

It makes the step fairer, and trusts everybody: a client that lies about its loss or sends a long update is believed.

Ours: each part by itself, over the clients that hold it; a share of clients is rounded up, as in the authors' code; the
round itself is not among the rounds before, as in the paper (the authors' code counts it).
"""

from math import ceil
from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.aggregators.base import Aggregator, Direction, Gathered, UpdateRows, plain
from metafed.core.traits import Trait

ROUNDING = 1e-12
"""A direction that is shorter than this share of the longest update is rounding."""


@final
class Fedfv(Aggregator):
    """The mean of updates without their conflicts, as long as the mean."""

    name: Annotated[Literal["fedfv"], tyro.conf.Suppress] = "fedfv"
    alpha: float = Field(0.1, ge=0, le=1, description="Share α of clients, of the largest losses, who give up nothing.")
    tau: int = Field(1, ge=0, le=100, description="Rounds τ before whose clients must not lose, either.")

    needs: ClassVar[frozenset[Trait]] = frozenset({"client_updates", "client_losses"})
    robust: ClassVar[bool] = False

    @property
    def looks_back(self) -> int:
        """τ."""
        return self.tau

    def direction(self, gathered: Gathered) -> Direction:
        """Return the mean of the updates without conflicts, within the round and with those before."""
        updates = gathered.updates[np.argsort(gathered.losses, kind="stable")]
        asked, conflicts = set(gathered.clients.tolist()), []
        for each in reversed(gathered.earlier):
            new = [client not in asked for client in each.clients.tolist()]
            conflicts.append(each.updates[new])
            asked |= set(each.clients.tolist())
        return self._length_of_the_mean(without_conflicts(self._internal(updates), conflicts[::-1]), updates)

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the direction of updates that are ordered by their clients' losses, from the smallest."""
        return self._length_of_the_mean(self._internal(updates), updates)

    def _internal(self, updates: UpdateRows) -> Direction:
        lengths = np.square(updates).sum(1)
        changed, giving = (
            updates.copy(),
            np.arange(len(updates)) < len(updates) - ceil(self.alpha * len(updates) - 1e-9),
        )
        for j, other in enumerate(updates):
            products = changed @ other
            against = giving & (products < 0) & (np.arange(len(updates)) != j)
            changed[against] -= np.outer(products[against] / lengths[j], other)
        return plain(changed.mean(0))

    def _length_of_the_mean(self, found: Direction, updates: UpdateRows) -> Direction:
        length, longest = float(np.linalg.norm(found)), float(np.linalg.norm(updates, axis=1).max())
        if length <= ROUNDING * longest:
            return np.zeros_like(found)  # nothing was left of it
        return plain(found * (float(np.linalg.norm(updates.mean(0))) / length))


def without_conflicts(direction: Direction, earlier: list[UpdateRows]) -> Direction:
    """Return the direction without what points against earlier updates, those of a round at a time."""
    for updates in earlier:
        against = updates[updates @ direction < 0].sum(0)
        product = float(direction @ against)
        if product < 0:
            direction = direction - product / float(against @ against) * against
    return direction
