"""Who is in the federation, by arithmetic alone: no data, no memory that grows with the population."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from metafed.experiment import Experiment
from metafed.models import NETWORKS
from metafed.parameters import TRUNK
from metafed.streams import stream

LARGEST_COHORT = 50
"""Clients sampled in a round where ``--cohort`` is not set and there are more."""


class Place(NamedTuple):
    """Where a client's data are: its family, as an index into the run's tasks, and its number there."""

    task: int
    number: int


@dataclass(frozen=True)
class Roster:
    """The clients 0 … ``clients`` − 1 of an experiment.

    Families are dealt in blocks: of every ``T`` successive clients each of the ``T`` families has one.
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

    def place(self, client: int) -> Place:
        """Return the client's family and its number among that family's clients."""
        block, turn = divmod(client, len(self._families))
        # the deal rotates from block to block: a host that has every P-th client has all families
        return Place((turn + block) % len(self._families), block)

    def family(self, client: int) -> str:
        """Return the name of the client's family."""
        return self._families[self.place(client).task]

    def parts(self, family: str) -> tuple[str, ...]:
        """Return the parts of θ that a family's clients hold: their own, and the trunk if their network has it."""
        chosen = next(choice.family for choice in self.experiment.choices if choice.family.name == family)
        shared = NETWORKS[self.experiment.network_of(chosen)].on_trunk
        return (TRUNK, family) if shared else (family,)

    def cohort(self, server_round: int) -> list[int]:
        """Draw the seen clients of a round, without replacement, in ascending order."""
        rng = stream(self.experiment.seed, "cohort", server_round)
        return sorted(rng.choice(self.seen, self.cohort_size, replace=False).tolist())

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

    def chunks(self, clients: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Cut clients into chunks of one family and at most ``chunk`` clients, in a fixed order."""
        size = self.experiment.chunk
        return [
            (family, members[first : first + size])
            for family, members in self.by_family(clients)
            for first in range(0, len(members), size)
        ]
