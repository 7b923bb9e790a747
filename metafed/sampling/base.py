"""The one interface of all samplers: who is asked in a round."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from metafed.core.settings import Settings
from metafed.core.traits import NOTHING, Trait


class Scene(NamedTuple):
    """What a sampler may know of a round. What it does not say that it ``uses`` is empty.

    Attributes:
        seen: Clients that take part in meta-training: the ids 0 … ``seen`` − 1.
        size: Clients to ask, ``--cohort``.
        rows: Rows that each seen client owns ``(seen,)``.
        losses: The query loss that each client reported last, of those that ever did.
        online: Whether a client is online now, at the round's virtual time.
    """

    seen: int
    size: int
    rows: Sequence[int] = ()
    losses: Mapping[int, float] = {}
    online: Callable[[int], bool] = lambda client: True


NEEDS: dict[str, frozenset[Trait]] = {
    "nothing": NOTHING,
    "online": NOTHING,  # who is online follows from the devices
    "rows": frozenset({"client_rows"}),
    "losses": frozenset({"client_losses"}),
}


class Sampler(Settings, ABC):
    """Who is asked in a round; its fields are its settings. Pure: the round's own stream is an argument."""

    uses: ClassVar[Literal["nothing", "rows", "losses", "online"]] = "nothing"
    """What it must know of the clients beside their number."""

    scheme: ClassVar[Literal["poisson", "without replacement"] | None] = None
    """What accountants of differential privacy call this sampling; None: they have no bound for it."""

    def check(self, size: int, seen: int) -> None:
        """Refuse settings that do not suit a cohort of ``size`` of ``seen`` clients.

        Raises:
            ValueError: They do not.
        """

    @property
    def needs(self) -> frozenset[Trait]:
        """What the server must get of single clients: it follows from what the sampler ``uses``."""
        return NEEDS[self.uses]

    @abstractmethod
    def cohort(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Return the ids of the round's clients, ascending, each once."""

    def probability(self, seen: int, size: int) -> float | None:
        """Chance of a client to be asked in a round, where each is asked independently of all others; else None."""
        return None
