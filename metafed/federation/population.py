"""The clients with their data, made or read only when asked for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from metafed.core.draws import Half, Numbers, draw_together, fits, half, slots_together
from metafed.core.episodes import Episode, Examples, Rows, assemble, draw_from, halves, strata
from metafed.core.parameters import Layout, Params
from metafed.core.shelf import Shelf
from metafed.core.source import DataError, Family, Origin, Share, Source
from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.federation.injected_bias import parse_plant
from metafed.federation.roster import Roster
from metafed.models import Conv4, Mlp, Network, SmallConv, initialize, layout
from metafed.native.choice import resolve
from metafed.tasks.task import Task, task_of

DEFAULT_DATA_DIR = Path("data")
KEPT = 256 * 2**20
"""Bytes of clients' rows that stay in memory; the others are made or read again."""


class Draw(NamedTuple):
    """One episode of each of ``C`` clients, with the sizes behind it."""

    episode: Episode
    examples: list[Examples]
    rows: list[Rows]


class Split(NamedTuple):
    """A client's rows, and which of them are meta-training and which evaluation draws."""

    own: Examples
    training: Half
    evaluation: Half


class Population:
    """Data of an experiment's clients.

    Args:
        experiment: What is computed.
        own_people: Number and count of a node whose tables of a user's own hold its own people only; None: every
            table holds everybody.
    """

    def __init__(self, experiment: Experiment, own_people: tuple[int, int] | None = None) -> None:
        self.experiment = experiment
        self.roster = Roster(experiment)
        self._origins = origins(experiment, own_people)
        self.sources = sources(experiment, self._origins)
        self.choices = experiment.choices
        self.shots = [
            source.shots or choice.family.shots for choice, source in zip(experiment.choices, self.sources, strict=True)
        ]
        self.dtype = getattr(torch, experiment.precision)
        self.remarks: tuple[str, ...] = ()
        self._plant = parse_plant(experiment.plant) if experiment.plant else None
        # who keeps parameters of its own from round to round learns its own slots by them: they must stay
        self.deals_slots = not experiment.algorithm.personal(initial_theta(experiment))
        self._halves = Shelf(self._split, _bytes, KEPT)

    def training(self, clients: list[int], server_round: int) -> Draw:
        """Draw a fresh episode of each client from its meta-training rows; clients of one family only."""
        task = self.roster.place(clients[0]).task
        choice, classes, shots = self.choices[task], self.sources[task].outputs, self.shots[task]
        splits = [self._halves(client) for client in clients]
        examples, own_halves = [split.own for split in splits], [split.training for split in splits]
        if any(own.time is not None or own.block is not None for own in examples) or not fits(own_halves):
            rngs = [stream(self.experiment.seed, "episode", server_round, client) for client in clients]
            rows = [
                draw_from(own, one.strata, shots, shots.query, rng)
                for own, one, rng in zip(examples, own_halves, rngs, strict=True)
            ]
            slots = [rng.permutation(classes) for rng in rngs]
        else:
            numbers = Numbers(self.experiment.seed, "episodes", server_round, clients)
            rows = draw_together(own_halves, shots, shots.query, numbers)
            slots = list(slots_together(len(clients), classes, numbers))
        if choice.anonymous and self.deals_slots:
            examples = [own._replace(y=slot[own.y]) for own, slot in zip(examples, slots, strict=True)]
        return self._assembled(examples, rows, task, shots.query)

    def evaluation(self, clients: list[int]) -> Draw:
        """Return the fixed episode of each client from its evaluation rows; clients of one family only."""
        task = self.roster.place(clients[0]).task
        shots, examples, rows = self.shots[task], [], []
        for client in clients:
            own, _, evaluation = self._halves(client)
            rng = stream(self.experiment.seed, "evaluation", client)
            rows.append(draw_from(own, evaluation.strata, shots, shots.judge, rng))
            examples.append(own)
        # evaluation asks for all rows that a client has: there the chunk's longest is much shorter
        return self._assembled(examples, rows, task, 0)

    def episode_rows(self, client: int) -> tuple[int, int]:
        """Return how many support and query rows a meta-training episode of the client has; blocks aside."""
        shots, support, query = self.shots[self.roster.place(client).task], 0, 0
        for size in self._halves(client).training.sizes.tolist():
            adapt = max(1, min(shots.support, size // 2))
            support, query = support + adapt, query + min(shots.query, size - adapt)
        return support, query

    def split(self, client: int) -> Split:
        """Return a client's rows, and which of them are for meta-training and which for evaluation."""
        return self._halves(client)

    def keep(self, folder: Path) -> None:
        """Have clients' rows kept in ``folder`` for the next process that asks; see ``metafed.data.files.kept``."""
        from metafed.data.files.kept import keep

        names = [f"{choice.family.name}:{choice.source}" for choice in self.choices]
        self.sources = keep(self.sources, names, self._origins, folder)

    def check_size(self) -> None:
        """Read what must be there before a run starts.

        Raises:
            DataError: A data set is missing, damaged, or has too few clients.
        """
        shares = self.experiment.proportions
        members = self.roster.members(self.experiment.clients)
        for choice, source, share, needed in zip(self.experiment.choices, self.sources, shares, members, strict=True):
            there = source.clients
            if source.share is not None and there is not None:
                self._check_share(choice.family.name, source, source.share, there)
            elif there is not None and there < needed:
                raise DataError(
                    f"--clients {self.experiment.clients} asks for {needed} clients of"
                    f" {choice.family.name}:{choice.source}, which has {there};"
                    f" choose at most {there // share * sum(shares)}"
                    + (f", or a smaller share of them than --mix {self.experiment.mix} gives" if share > 1 else "")
                )

    def _check_share(self, family: str, source: Source, share: Share, there: int) -> None:
        if there >= len(share.numbers):
            return
        hosted = range(share.node, self.experiment.clients, share.nodes)
        own = [client for client in hosted if self.roster.family(client) == family]
        raise DataError(
            f"{source.files[-1]} has {there} people with rows enough, but node {share.node} of {share.nodes} hosts"
            f" {len(own)} of the {self.experiment.clients} clients, those of {family}: choose at most --clients"
            f" {own[there]}, another --mix, or put more people into the file"
        )

    def check(self) -> None:
        """Read what must be there before a run starts, and have the guard look at it; ``remarks`` is what it found.

        Raises:
            DataError: A data set is missing, damaged, or has too few clients; or the guard stops the run.
        """
        from metafed.devices.fleet import check
        from metafed.federation.guard.inspect import inspect

        self.check_size()
        if self.experiment.private:
            from metafed.privacy.mechanism import check_budget

            check_budget(self.experiment)
        check(self)
        findings = inspect(self)
        fatal = [finding.text for finding in findings if finding.fatal]
        if fatal:
            raise DataError("; ".join(fatal))
        planted = () if self._plant is None else (self._plant.remark,)
        self.remarks = (*planted, *(finding.text for finding in findings))

    def _assembled(self, examples: list[Examples], rows: list[Rows], task: int, query: int) -> Draw:
        strata = self.sources[task].outputs if self.shots[task].per_class else 1
        lengths = (self.shots[task].support * strata, query * strata)
        return Draw(assemble(examples, rows, self.dtype, lengths), examples, rows)

    def _split(self, client: int) -> Split:
        place = self.roster.place(client)
        own = self.sources[place.task].examples(place.number)
        rng = stream(self.experiment.seed, "halves", client)
        shots = self.shots[place.task]
        if self._plant is not None:
            own = self._plant(self.experiment.seed, client, own, shots)
        training, evaluation = (half(strata(own, rows, shots)) for rows in halves(own, shots, rng))
        return Split(own, training, evaluation)


def _bytes(split: Split) -> int:
    own, training, evaluation = split
    arrays = [*training, *evaluation, *(field for field in own if isinstance(field, np.ndarray))]
    # an array and its owner cost some hundred bytes beside its numbers
    return sum(array.nbytes + 200 for array in arrays)


def origins(experiment: Experiment, own_people: tuple[int, int] | None = None) -> list[Origin]:
    """Return what the source of each of the run's tasks depends on; ``own_people`` as in ``Population``."""
    folders = [Path(name) for name in experiment.data_dir.split(os.pathsep) if name]
    data_dirs = tuple(dict.fromkeys([*folders, DEFAULT_DATA_DIR]))
    roster = Roster(experiment)
    made = [Origin(experiment.seed, data_dirs, first) for first in unseen_from(roster)]
    if own_people is None:
        return made
    numbers: list[list[int]] = [[] for _ in made]
    for client in range(own_people[0], experiment.clients, own_people[1]):
        place = roster.place(client)
        numbers[place.task].append(place.number)
    pairs = zip(made, numbers, strict=True)
    return [origin._replace(share=Share(*own_people, tuple(hosted))) for origin, hosted in pairs]


def sources(experiment: Experiment, of: Sequence[Origin] | None = None) -> tuple[Source, ...]:
    """Make the source of each of the run's tasks; nothing is read yet.

    Args:
        experiment: What is computed.
        of: What each depends on, where not all follows from the experiment.
    """
    pairs = zip(experiment.choices, origins(experiment) if of is None else of, strict=True)
    return tuple(choice.family.sources[choice.source](origin) for choice, origin in pairs)


def unseen_from(roster: Roster) -> list[int]:
    """Return, for each of the run's tasks, the first of its clients' numbers that is unseen."""
    # ids below the boundary are seen, and a task's numbers ascend with its clients' ids
    return roster.members(roster.seen)


def network(experiment: Experiment, family: Family, source: Source) -> Network:
    """Return the network of one family's clients."""
    part, outputs, image = family.name, source.outputs, family.image
    width, activation, norm = experiment.width, experiment.activation, experiment.norm
    filters = experiment.filters or family.filters
    kernels = resolve(experiment.kernels)
    kind = experiment.network_of(family)
    if kind == "mlp" or image is None:  # the experiment has refused other networks where there are no images
        return Mlp(part, outputs, source.features, width, experiment.depth, activation, kernels=kernels)
    if kind == "conv4":
        return Conv4(part, outputs, image, filters, norm, activation, kernels=kernels)
    return SmallConv(part, outputs, image, filters, width, norm, activation, kernels=kernels)


def tasks(experiment: Experiment) -> dict[str, Task]:
    """Return the network, loss and score of each family; no data are read."""
    pairs = zip(experiment.choices, sources(experiment), strict=True)
    return {
        choice.family.name: task_of(network(experiment, choice.family, source), choice.kind, source.environment)
        for choice, source in pairs
    }


def initial_theta(experiment: Experiment) -> dict[str, torch.Tensor]:
    """Return the network's initial parameters for all families; no data are read."""
    networks = {family: task.model for family, task in tasks(experiment).items()}
    return initialize(layout(networks), experiment.seed, getattr(torch, experiment.precision))


def shared_theta(experiment: Experiment) -> Params:
    """Return the initial θ as the server holds it: with what the algorithm adds, without what clients keep."""
    return experiment.algorithm.shared(initial_theta(experiment))


def layout_of(experiment: Experiment) -> Layout:
    """Return the layout of θ as the server holds it; no data are read."""
    return Layout({name: tuple(tensor.shape) for name, tensor in shared_theta(experiment).items()})
