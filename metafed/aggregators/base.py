"""The one interface of all aggregators: how the clients' updates on a part become one direction."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metafed.core.settings import Settings
from metafed.core.traits import Trait

UpdateRows: TypeAlias = NDArray[np.float64]
"""A vector a client, ``(n, size)``, in the order of the clients' ids."""
Direction: TypeAlias = NDArray[np.float64]


class Earlier(NamedTuple):
    """The updates of an earlier round on a part.

    Attributes:
        round: Its number.
        clients: The clients' ids ``(n,)``.
        updates: Their updates ``(n, size)``.
    """

    round: int
    clients: NDArray[np.int64]
    updates: UpdateRows


class Gathered(NamedTuple):
    """What the server has of a part.

    Attributes:
        updates: The round's updates ``(n, size)``, in the order of the clients' ids.
        clients: Their ids ``(n,)``.
        losses: Their losses in the round ``(n,)``.
        before: The direction of the last round that moved the part, where the aggregator remembers it.
        earlier: The updates of as many rounds before as the aggregator looks back, oldest first.
    """

    updates: UpdateRows
    clients: NDArray[np.int64]
    losses: NDArray[np.float64]
    before: Direction | None = None
    earlier: Sequence[Earlier] = ()


class Aggregator(Settings, ABC):
    """How the updates of the clients that hold a part become its direction; its fields are its settings. Pure.

    An update is what a client alone would have the part move along. Each part is aggregated by itself, over the clients
    that hold it, and every client has one update, whatever rows it says that it owns.
    """

    sums: ClassVar[bool] = False
    """Whether the sum of what clients say is enough, so that hosts need not send each client's update."""
    needs: ClassVar[frozenset[Trait]] = frozenset({"client_updates"})
    """What the server must get of single clients."""
    remembers: ClassVar[bool] = False
    """Whether it starts from the direction of the round before."""
    robust: ClassVar[bool] = True
    """Whether it limits what lying clients can do."""

    @property
    def looks_back(self) -> int:
        """Rounds before this one whose updates the server keeps for it."""
        return 0

    def direction(self, gathered: Gathered) -> Direction:
        """Return the direction ``(size,)`` of a part; one that looks at updates alone has ``combine`` for it."""
        return self.combine(gathered.updates, gathered.before)

    @abstractmethod
    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the direction ``(size,)``.

        Args:
            updates: ``(n, size)``, all finite, n at least ``needed(n)``.
            before: What it returned in the last round that moved the part, where it remembers.
        """

    def needed(self, updates: int) -> int:
        """Return how many updates there must be, where there are ``updates``, for its guarantee to mean anything."""
        return 1


class Bounded(Aggregator):
    """An aggregator with a setting of how many updates may be lies."""

    f: int | None = Field(
        None,
        ge=0,
        le=10**7,
        description="Lying clients at most among those that hold a part. Default: --aggregator.share of them.",
    )
    share: float = Field(
        0.2, ge=0, lt=0.5, description="Share of lying clients at most, rounded down, where f is not set."
    )

    def liars(self, updates: int) -> int:
        """Return how many of so many updates may be lies."""
        # a product that is whole but for its rounding counts as whole
        return int(np.floor(self.share * updates + 1e-9)) if self.f is None else self.f


def distances(updates: UpdateRows) -> NDArray[np.float64]:
    """Return the squared distances ``(n, n)`` between updates."""
    return np.stack([np.square(updates - update).sum(1) for update in updates])


def shortened(vectors: UpdateRows, bound: float) -> UpdateRows:
    """Return each vector, cut to the length ``bound`` if it is longer."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return plain(vectors * (bound / np.maximum(lengths, max(bound, np.finfo(np.float64).tiny))))


def plain(value: Any) -> Direction:
    """Return an array of float64."""
    return np.asarray(value, np.float64)
