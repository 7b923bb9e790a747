"""Who is in the federation, by arithmetic alone: no data, no memory that grows with the population."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.core.parameters import TRUNK
from metafed.core.streams import stream
from metafed.experiment.settings import LARGEST_COHORT, Experiment
from metafed.federation.proportions import Deal, Place, deal
from metafed.models import NETWORKS
from metafed.sampling import Scene

if TYPE_CHECKING:
    from metafed.devices.fleet import Fleet
    from metafed.federation.chunking import Sizes

UNSPECIFIED = "unspecified"
"""The device of every client where an experiment has no devices."""


@dataclass(frozen=True)
class Roster:
    """The clients 0 … ``clients`` − 1 of an experiment.

    Families are dealt in blocks: of every ``T`` successive clients each of the ``T`` families has one, or as many as
    ``--mix`` says.
    The last ``unseen_clients`` ids are held out of meta-training. Ids carry no meaning besides, since
    every source numbers its clients at random.
    """

    experiment: Experiment

    @cached_property
    def _families(self) -> tuple[str, ...]:
        # parsed once: it is asked for at every client
        return tuple(choice.family.name for choice in self.experiment.choices)

    @property
    def seen(self) -> int:
        """How many clients take part in meta-training: the ids below this number."""
        return self.experiment.clients - self.experiment.unseen_clients

    @property
    def cohort_size(self) -> int:
        """Clients sampled in a round."""
        return self.experiment.cohort or min(self.seen, LARGEST_COHORT)

    @cached_property
    def _deal(self) -> Deal:
        return deal(self.experiment.proportions)

    def place(self, client: int) -> Place:
        """Return the client's family and its number among that family's clients."""
        return self._deal.place(client)

    def members(self, clients: int) -> list[int]:
        """Return how many of the clients 0 … ``clients`` − 1 each of the run's tasks has."""
        return self._deal.counts(clients)

    def family(self, client: int) -> str:
        """Return the name of the client's family."""
        return self._families[self.place(client).task]

    def parts(self, family: str) -> tuple[str, ...]:
        """Return the parts of θ that a family's clients hold: their own, and the trunk if their network has it."""
        return self._parts[family]

    @cached_property
    def _parts(self) -> dict[str, tuple[str, ...]]:
        families = [choice.family for choice in self.experiment.choices]
        shared = {family.name: NETWORKS[self.experiment.network_of(family)].on_trunk for family in families}
        return {name: (TRUNK, name) if on_trunk else (name,) for name, on_trunk in shared.items()}

    def cohort(self, server_round: int, **known: Any) -> list[int]:
        """Sample the seen clients of a round as ``--sampling`` says, in ascending order.

        Args:
            server_round: The round.
            **known: What the sampler ``uses`` of the clients: fields of ``metafed.sampling.Scene``.
        """
        rng = stream(self.experiment.seed, "cohort", server_round)
        return self.experiment.sampling.cohort(Scene(self.seen, self.cohort_size, **known), rng)

    @cached_property
    def fleet(self) -> "Fleet | None":
        """The clients' devices; None where the experiment has none. Read when first asked for: hosts never do.

        Raises:
            DataError: The description of devices cannot be used.
        """
        from metafed.devices.fleet import fleet  # it needs the families, and a roster need not

        return fleet(self.experiment.devices, self.experiment.seed)

    def device(self, client: int, group: str) -> str:
        """Return the tier of the client's device."""
        return UNSPECIFIED if self.fleet is None else self.fleet.device(client, group).name

    def evaluated(self) -> list[int]:
        """Return the clients to evaluate: all, or ``eval_clients`` of each kind drawn once, ascending."""
        experiment = self.experiment
        chosen: list[int] = []
        for name, first, count in (
            ("seen", 0, self.seen),
            ("unseen", self.seen, experiment.clients - self.seen),
        ):
            size = min(count, experiment.eval_clients)
            drawn = np.arange(count)
            if size < count:
                drawn = stream(experiment.seed, f"evaluated/{name}").choice(count, size, replace=False)
            chosen += sorted((first + drawn).tolist())
        return chosen

    def by_family(self, clients: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Group clients by family, in the order of the run's tasks; families without a client are left out."""
        grouped: dict[int, list[int]] = {}
        for client in clients:
            grouped.setdefault(self.place(client).task, []).append(client)
        return [(self._families[task], grouped[task]) for task in sorted(grouped)]

    @cached_property
    def chunk_sizes(self) -> "dict[str, Sizes]":
        """Clients of a chunk at most, in training and in evaluation, by family: as asked for, or as suits."""
        from metafed.federation.chunking import Sizes, sizes  # it asks the sources, which ask the roster

        chunk = self.experiment.chunk
        return sizes(self.experiment) if chunk == "auto" else dict.fromkeys(self._families, Sizes(chunk, chunk))

    def chunks(self, clients: Sequence[int], *, evaluation: bool = False) -> list[tuple[str, list[int]]]:
        """Cut clients into chunks of one family, in a fixed order, as even as the size allows."""
        chunks = []
        for family, members in self.by_family(clients):
            size = self.chunk_sizes[family].evaluation if evaluation else self.chunk_sizes[family].training
            pieces = -(-len(members) // size)
            edges = [len(members) * piece // pieces for piece in range(pieces + 1)]
            chunks += [(family, members[first:last]) for first, last in itertools.pairwise(edges)]
        return chunks
