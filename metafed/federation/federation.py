"""What follows from an experiment: derived once a process, here, and handed on."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
import torch

from metafed.algorithms import Algorithm
from metafed.algorithms.base import INNER_RATE
from metafed.core.parameters import Layout, Params, Vectors
from metafed.data.family import TaskChoice, described
from metafed.data.source import Origin, Share, Source
from metafed.devices.fleet import Fleet, fleet
from metafed.experiment.choices import parse_tasks
from metafed.experiment.rules.families import check_families
from metafed.experiment.settings import Experiment
from metafed.faults.plan import Faults
from metafed.federation.chunking import Sizes, sizes
from metafed.federation.networks import initial, made, network, seen
from metafed.federation.population import Population
from metafed.federation.rates import declared, of_families, shared
from metafed.federation.roster import Roster
from metafed.models import factory_of
from metafed.tasks.task import Task, task_of

if TYPE_CHECKING:
    from metafed.models.module import ModuleNetwork

DEFAULT_DATA_DIR = Path("data")
UNSPECIFIED = "unspecified"
"""The device of every client where an experiment has no devices."""


@final
class Federation:
    """The clients of an experiment, with all that their host and their server derive from it.

    ``experiment`` is what was ``asked`` for, with an inner rate where nobody chose one and all families have the same.

    Making one reads the descriptions of a user's own tables, and checks what an experiment alone cannot: whether its
    settings fit its families. All else is made when it is first asked for, once.

    Args:
        experiment: What is computed.
        own_people: Number and count of a node whose tables of a user's own hold its own people only; None: every
            table holds everybody.
        sources: Those of the same experiment, where they are made already.

    Raises:
        ValueError: Settings do not fit the families; DataError: a description cannot be used.
    """

    def __init__(
        self,
        experiment: Experiment,
        own_people: tuple[int, int] | None = None,
        sources: tuple[Source, ...] | None = None,
    ) -> None:
        self.asked, self.experiment, self.own_people = experiment, experiment, own_people
        self.lent: Mapping[str, Callable[[Callable[[], ModuleNetwork]], ModuleNetwork]] = {}
        """By family, what another process made of the modules; called with what makes one here."""
        if sources is not None:
            self.__dict__["sources"] = sources
        self.choices: tuple[TaskChoice, ...] = parse_tasks(experiment.tasks)
        check_families(experiment, self.choices)
        first, *others = self.algorithms.values()
        if experiment.algorithm.left_open and all(other == first for other in others):
            # all families have one rate: it is a setting like any other from here on
            self.experiment = experiment.model_copy(update={"algorithm": first})

    @cached_property
    def roster(self) -> Roster:
        """Who is in the federation."""
        return Roster(self.experiment, self.choices, lambda: [n for n, m in self.modules.items() if m.trunk])

    @cached_property
    def origins(self) -> list[Origin]:
        """What the source of each of the run's tasks depends on."""
        folders = [Path(name) for name in self.experiment.data_dir.split(os.pathsep) if name]
        data_dirs = tuple(dict.fromkeys([*folders, DEFAULT_DATA_DIR]))
        # ids below the boundary are seen, and a task's numbers ascend with its clients' ids
        seed, members = self.experiment.seed, self.roster.members(self.roster.seen)
        hashed, query = self.experiment.anonymise, self.experiment.query_rows
        made = [Origin(seed, data_dirs, first, anonymise=hashed, query_rows=query) for first in members]
        if self.own_people is None:
            return made
        node, nodes = self.own_people
        numbers: list[list[int]] = [[] for _ in made]
        for client in range(node, self.experiment.clients, nodes):
            place = self.roster.place(client)
            numbers[place.task].append(place.number)
        pairs = zip(made, numbers, strict=True)
        return [origin._replace(share=Share(node, nodes, tuple(hosted))) for origin, hosted in pairs]

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The source of each of the run's tasks; making one reads nothing."""
        pairs = zip(self.choices, self.origins, strict=True)
        made = ((choice, origin, choice.family.sources[choice.source](origin)) for choice, origin in pairs)
        return tuple(seen(self.experiment, choice, source, origin.data_dirs) for choice, origin, source in made)

    @cached_property
    def algorithms(self) -> dict[str, Algorithm]:
        """The algorithm of each family's clients: one for all, but for inner rates that families declare."""
        families = [choice.family.name for choice in self.choices]
        return of_families(self.asked, declared(self.asked.algorithm, self.choices, lambda: self.sources), families)

    @property
    def family_rates(self) -> dict[str, float]:
        """The inner rates of this run that are their family's own default."""
        own = declared(self.asked.algorithm, self.choices, lambda: self.sources)
        return {name: rate for name, rate in own.items() if getattr(self.algorithms[name], INNER_RATE) == rate}

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The network, loss and score of each family; no data are read."""
        return self.tasks_by(self.experiment.kernels)

    def tasks_by(self, kernels: Literal["auto", "torch", "native"]) -> dict[str, Task]:
        """Return the network, loss and score of each family, computed by the given kernels."""
        pairs = list(zip(self.choices, self.sources, strict=True))
        models = [
            self.modules.get(choice.family.name) or network(self.experiment, choice.family, source, kernels)
            for choice, source in pairs
        ]
        return {
            choice.family.name: task_of(model, choice.kind, source.environment)
            for model, (choice, source) in zip(models, pairs, strict=True)
        }

    @cached_property
    def modules(self) -> "Mapping[str, ModuleNetwork]":
        """The networks that are modules of a user's own, by family; made and tried once.

        Raises:
            DataError: One cannot be used.
        """
        makers = {
            choice.family.name: partial(made, self.experiment, choice.family, source)
            for choice, source in zip(self.choices, self.sources, strict=True)
            if factory_of(self.experiment.network_of(choice.family))
        }
        return {name: self.lent[name](make) if name in self.lent else make() for name, make in makers.items()}

    @property
    def about_modules(self) -> dict[str, Any]:
        """What a run's manifest says of networks that are modules of a user's own, by family."""
        return {family: model.about for family, model in self.modules.items()}

    @property
    def constants(self) -> list[str]:
        """Return digests of what server and nodes must have alike: ``FAMILY KEY DIGEST``."""
        pairs = zip(self.choices, self.sources, strict=True)
        encoders = [(c.family.name, ENCODER, s.encoder_sha256) for c, s in pairs]
        weights = [(family, FROZEN, about["frozen_sha256"]) for family, about in self.about_modules.items()]
        return [*described(self.choices), *(" ".join(each) for each in (*encoders, *weights) if each[-1])]

    @cached_property
    def initial(self) -> Params:
        """The networks' initial parameters, of all families; drawn once."""
        networks = {family: task.model for family, task in self.tasks.items()}
        return initial(networks, self.modules, self.experiment.seed, getattr(torch, self.experiment.precision))

    @cached_property
    def theta(self) -> Params:
        """The initial θ as the server holds it: with what the algorithm adds, without what clients keep."""
        return shared(self.algorithms, self.initial)

    @cached_property
    def layout(self) -> Layout:
        """Where θ's parameters lie."""
        return Layout({name: tuple(tensor.shape) for name, tensor in self.theta.items()})

    @property
    def beside(self) -> "dict[str, np.ndarray[Any, np.dtype[np.bool_]]]":
        """Which numbers ``(size,)`` of a part are beside the model, of the parts that have some."""
        beside, layout = self.experiment.algorithm.beside, self.layout
        found = {
            part: np.concatenate([np.full(int(np.prod(layout.shapes[name])), beside(name)) for name in names])
            for part, names in layout.parts.items()
        }
        return {part: marked for part, marked in found.items() if marked.any()}

    @property
    def vectors(self) -> Vectors:
        """The initial θ as a vector ``(size,)`` a part."""
        return {part: flat.numpy() for part, flat in self.layout.flatten(self.theta, self.layout.parts).items()}

    @cached_property
    def population(self) -> Population:
        """The clients' data."""
        return Population(self.experiment, self.choices, self.roster, self.sources, self._deals_slots)

    @property
    def _deals_slots(self) -> bool:
        # who keeps parameters of its own from round to round learns its own slots by them: they must stay
        return not self.experiment.algorithm.personal(self.initial)

    @cached_property
    def holders(self) -> dict[str, float]:
        """How many sampled clients hold each part of θ, on average: from who is there, no data."""
        experiment, roster = self.experiment, self.roster
        rate = experiment.cohort_size / experiment.seen_clients
        found: dict[str, float] = {}
        for family, count in zip(roster.families, roster.members(experiment.seen_clients), strict=True):
            for part in roster.parts(family):
                found[part] = found.get(part, 0.0) + rate * count
        return {part: max(number, rate) for part, number in found.items()}

    @cached_property
    def fleet(self) -> Fleet | None:
        """The clients' devices; None where the experiment has none. Hosts never ask.

        Raises:
            DataError: The description of devices cannot be used.
        """
        return fleet(self.experiment.devices.tiers, self.experiment.seed)

    def called(self, client: int) -> str:
        """Return what the data call a client; empty where they have no name for it."""
        place = self.roster.place(client)
        return self.sources[place.task].called(place.number)

    def device(self, client: int, group: str) -> str:
        """Return the tier of the client's device."""
        return UNSPECIFIED if self.fleet is None else self.fleet.device(client, group).name

    @cached_property
    def faults(self) -> Faults | None:
        """The faults of a study; None where the experiment has none."""
        described = self.experiment.faults
        return None if described is None else Faults(described, self.experiment.seed, self.experiment.seen_clients)

    @cached_property
    def chunk_sizes(self) -> dict[str, Sizes]:
        """Clients of a chunk at most, in training and in evaluation, by family: as asked for, or as suits."""
        chunk = self.experiment.chunk
        if chunk != "auto":
            return dict.fromkeys(self.roster.families, Sizes(chunk, chunk))
        return sizes(self.roster, self.sources, [task.model for task in self.tasks_by("torch").values()])

    def chunks(self, clients: Sequence[int], *, evaluation: bool = False) -> list[tuple[str, list[int]]]:
        """Cut clients into chunks of one family, in a fixed order, as even as the size allows."""
        chunks = []
        for family, members in self.roster.by_family(clients):
            size = self.chunk_sizes[family].evaluation if evaluation else self.chunk_sizes[family].training
            pieces = -(-len(members) // size)
            edges = np.arange(pieces + 1) * len(members) // pieces
            chunks += [(family, members[first:last]) for first, last in itertools.pairwise(edges.tolist())]
        return chunks


CONSTANTS = ENCODER, FROZEN = ("encoder", "frozen-weights")
"""Keys of ``Federation.constants`` beside those of descriptions."""

_HANDED: list[Federation] = []
"""What ``federation_of`` finds: the process's newest two, for a test or a notebook may run one after another."""


_READY: list[Federation] = []
"""What ``taken`` takes: what a command line made to look at its settings."""


def lay_ready(federation: Federation) -> Federation:
    """Return the federation, which the run that follows takes, so that its sources are made once."""
    _READY[:] = [federation]
    return federation


def taken(experiment: Experiment) -> Federation:
    """Return the federation of an experiment, with the sources of one that was laid ready, once, if it is the same.

    Kernels may have been decided in between: no source depends on them.

    Raises:
        ValueError: As ``Federation``.
    """
    ready = _READY.pop() if _READY else None
    alike = ready is not None and same(ready.experiment.model_copy(update={"kernels": experiment.kernels}), experiment)
    return Federation(experiment, sources=ready.sources if ready is not None and alike else None)


def hand_on(federation: Federation) -> Federation:
    """Return the federation, which server and hosts of this process find from now on.

    A command or a call makes its own and hands it on, so that files that changed since the last are read again.
    """
    _HANDED[:] = [federation, *_HANDED[:1]]
    return federation


def same(one: Experiment, other: Experiment) -> bool:
    """Say whether two experiments are one: a rate that nobody chose is not the same rate that somebody chose."""
    return one == other and one.algorithm.left_open == other.algorithm.left_open


def federation_of(experiment: Experiment, own_people: tuple[int, int] | None = None) -> Federation:
    """Return the federation that was handed on in this process, or make it: a server or host knows settings alone.

    Raises:
        ValueError: As ``Federation``.
    """
    for federation in _HANDED:
        alike = any(same(experiment, known) for known in (federation.asked, federation.experiment))
        if alike and federation.own_people == own_people:
            return federation
    return hand_on(Federation(experiment, own_people))
