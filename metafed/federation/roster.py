"""Who is in the federation, by arithmetic alone: no data, no memory that grows with the population."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from metafed.core.parameters import TRUNK
from metafed.core.streams import stream
from metafed.data.family import TaskChoice
from metafed.experiment.fields import LARGEST_COHORT
from metafed.experiment.rules.families import shares_trunk
from metafed.experiment.settings import Experiment
from metafed.federation.proportions import Deal, Place, deal
from metafed.sampling import Scene


@dataclass(frozen=True)
class Roster:
    """The clients 0 … ``clients`` − 1 of an experiment.

    Families are dealt in blocks: of every ``T`` successive clients each of the ``T`` families has one, or as many as
    ``--mix`` says.
    The last ``unseen_clients`` ids are held out of meta-training, and the validation clients before them. Ids carry no
    meaning besides, since every source numbers its clients at random.

    Attributes:
        experiment: Whose clients they are.
        choices: Its families.
        on_trunk: Returns the families whose network is a user's module that shares a trunk.
    """

    experiment: Experiment
    choices: Sequence[TaskChoice]
    on_trunk: Callable[[], Collection[str]] = tuple

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The run's families, in the order of its tasks."""
        return tuple(choice.family.name for choice in self.choices)

    @cached_property
    def seen(self) -> int:
        """How many clients take part in meta-training: the ids below this number."""
        return self.experiment.seen_clients

    @property
    def tested(self) -> int:
        """The first of the unseen clients, which are in the test alone."""
        return self.experiment.clients - self.experiment.unseen_clients

    def validates(self, client: int) -> bool:
        """Say whether a client is held out to choose by: neither trained on nor in the test."""
        return self.seen <= client < self.tested

    @property
    def cohort_size(self) -> int:
        """Clients sampled in a round."""
        return self.experiment.cohort or min(self.seen, LARGEST_COHORT)

    @cached_property
    def _deal(self) -> Deal:
        return deal(self.experiment.proportions)

    @cached_property
    def place(self) -> Callable[[int], Place]:
        """Return a client's family and its number among that family's clients; a round asks several times for each."""
        return lru_cache(1 << 12)(self._deal.place)

    def members(self, clients: int) -> list[int]:
        """Return how many of the clients 0 … ``clients`` − 1 each of the run's tasks has."""
        return self._deal.counts(clients)

    def family(self, client: int) -> str:
        """Return the name of the client's family."""
        return self.families[self.place(client).task]

    def parts(self, family: str) -> tuple[str, ...]:
        """Return the parts of θ that a family's clients hold: their own, and the trunk if their network has it."""
        return self._parts[family]

    @cached_property
    def _parts(self) -> dict[str, tuple[str, ...]]:
        kinds = {choice.family.name: self.experiment.network_of(choice.family) for choice in self.choices}
        return {
            name: (TRUNK, name) if shares_trunk(kind) or name in self.on_trunk() else (name,)
            for name, kind in kinds.items()
        }

    def cohort(self, server_round: int, **known: Any) -> list[int]:
        """Sample the seen clients of a round as ``--sampling`` says, in ascending order.

        Args:
            server_round: The round.
            **known: What the sampler ``uses`` of the clients: fields of ``metafed.sampling.Scene``.
        """
        rng = stream(self.experiment.seed, "cohort", server_round)
        return self.experiment.sampling.cohort(Scene(self.seen, self.cohort_size, **known), rng)

    def evaluated(self) -> list[int]:
        """Return the clients to evaluate: all, or ``eval_clients`` of each kind drawn once, ascending."""
        experiment = self.experiment
        chosen: list[int] = []
        for name, first, count in (
            ("seen", 0, self.seen),
            ("validation", self.seen, experiment.validation_clients),
            ("unseen", self.tested, experiment.unseen_clients),
        ):
            size = min(count, experiment.eval_clients)
            drawn = np.arange(count)
            if size < count:
                drawn = stream(experiment.seed, f"evaluated/{name}").choice(count, size, replace=False)
            chosen += sorted((first + drawn).tolist())
        return chosen

    def by_family(self, clients: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Group clients by family, in the order of the run's tasks; families without a client are left out."""
        if len(self.families) == 1:
            return [(self.families[0], list(clients))] if len(clients) else []
        ids = np.asarray(clients, np.int64)
        tasks = self._deal.tasks(ids)
        found = ((family, ids[tasks == task].tolist()) for task, family in enumerate(self.families))
        return [(family, members) for family, members in found if members]
