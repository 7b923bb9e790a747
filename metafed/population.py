"""The clients with their data, made or read only when asked for."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from metafed.episodes import Episode, Examples, Rows, assemble, draw, halves
from metafed.experiment import Experiment
from metafed.families.base import DataError, Family, Origin, Source
from metafed.models import Conv4, Mlp, Network, SmallConv, initialize, layout
from metafed.parameters import Layout, Params
from metafed.roster import Roster
from metafed.shelf import Shelf
from metafed.streams import stream
from metafed.tasks import Task

DEFAULT_DATA_DIR = Path("data")
KEPT = 256 * 2**20
"""Bytes of clients' rows that stay in memory; the others are made or read again."""


class Draw(NamedTuple):
    """One episode of each of ``C`` clients, with the sizes behind it."""

    episode: Episode
    examples: list[Examples]
    rows: list[Rows]


class Population:
    """Data of an experiment's clients."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.roster = Roster(experiment)
        self.sources = sources(experiment)
        self.shots = [
            source.shots or choice.family.shots for choice, source in zip(experiment.choices, self.sources, strict=True)
        ]
        self.dtype = getattr(torch, experiment.precision)
        # who keeps parameters of its own from round to round learns its own slots by them: they must stay
        self.deals_slots = not experiment.algorithm.personal(initial_theta(experiment))
        self._halves = Shelf(self._split, _bytes, KEPT)

    def training(self, clients: list[int], server_round: int) -> Draw:
        """Draw a fresh episode of each client from its meta-training rows; clients of one family only."""
        return self._draw(clients, "episode", server_round)

    def evaluation(self, clients: list[int]) -> Draw:
        """Return the fixed episode of each client from its evaluation rows; clients of one family only."""
        return self._draw(clients, "evaluation", None)

    def check(self) -> None:
        """Read what must be there before a run starts.

        Raises:
            DataError: A data set is missing, damaged, or has too few clients.
        """
        tasks = len(self.experiment.choices)
        for choice, source in zip(self.experiment.choices, self.sources, strict=True):
            needed = -(-self.experiment.clients // tasks)
            if source.clients is not None and source.clients < needed:
                raise DataError(
                    f"--clients {self.experiment.clients} asks for {needed} clients of"
                    f" {choice.family.name}:{choice.source}, which has {source.clients};"
                    f" choose at most {source.clients * tasks}"
                )

    def _draw(self, clients: list[int], name: str, server_round: int | None) -> Draw:
        task = self.roster.place(clients[0]).task
        family, classes = self.experiment.choices[task].family, self.sources[task].outputs
        shots, training_draw = self.shots[task], server_round is not None
        query = shots.query if training_draw else shots.judge
        examples, rows = [], []
        for client in clients:
            own, training, evaluation = self._halves(client)
            key = (client,) if server_round is None else (server_round, client)
            rng = stream(self.experiment.seed, name, *key)
            rows.append(draw(own, training if training_draw else evaluation, shots, query, rng))
            if family.anonymous and training_draw and self.deals_slots:
                own = own._replace(y=rng.permutation(classes)[own.y])
            examples.append(own)
        strata = classes if shots.per_class else 1
        # evaluation asks for all rows that a client has: there the chunk's longest is much shorter
        lengths = (shots.support * strata, query * strata if training_draw else 0)
        return Draw(assemble(examples, rows, self.dtype, lengths), examples, rows)

    def _split(self, client: int) -> tuple[Examples, np.ndarray, np.ndarray]:
        place = self.roster.place(client)
        own = self.sources[place.task].examples(place.number)
        rng = stream(self.experiment.seed, "halves", client)
        return own, *halves(own, self.shots[place.task], rng)


def _bytes(split: tuple[Examples, np.ndarray, np.ndarray]) -> int:
    own, *halves_of_rows = split
    arrays = [*halves_of_rows, *(field for field in own if isinstance(field, np.ndarray))]
    # an array and its owner cost some hundred bytes beside its numbers
    return sum(array.nbytes + 200 for array in arrays)


def sources(experiment: Experiment) -> tuple[Source, ...]:
    """Make the source of each of the run's tasks; nothing is read yet."""
    folders = [Path(name) for name in experiment.data_dir.split(os.pathsep) if name]
    data_dirs = tuple(dict.fromkeys([*folders, DEFAULT_DATA_DIR]))
    pairs = zip(experiment.choices, unseen_from(Roster(experiment)), strict=True)
    return tuple(
        choice.family.sources[choice.source](Origin(experiment.seed, data_dirs, first)) for choice, first in pairs
    )


def unseen_from(roster: Roster) -> list[int]:
    """Return, for each of the run's tasks, the first of its clients' numbers that is unseen."""
    tasks = len(roster.experiment.choices)
    block = roster.seen // tasks
    # in the block of the boundary some tasks' clients are seen and some are not
    held_out = {roster.place(c).task: c >= roster.seen for c in range(block * tasks, (block + 1) * tasks)}
    return [block if held_out[task] else block + 1 for task in range(tasks)]


def network(experiment: Experiment, family: Family, source: Source) -> Network:
    """Return the network of one family's clients."""
    part, outputs, image = family.name, source.outputs, family.image
    width, activation, filters, norm = experiment.width, experiment.activation, experiment.filters, experiment.norm
    kind = experiment.network_of(family)
    if kind == "mlp" or image is None:  # the experiment has refused other networks where there are no images
        return Mlp(part, outputs, source.features, width, experiment.depth, activation)
    if kind == "conv4":
        return Conv4(part, outputs, image, filters, norm, activation)
    return SmallConv(part, outputs, image, filters, width, norm, activation)


def tasks(experiment: Experiment) -> dict[str, Task]:
    """Return the network, loss and score of each family; no data are read."""
    pairs = zip(experiment.choices, sources(experiment), strict=True)
    return {
        choice.family.name: Task(network(experiment, choice.family, source), choice.family.kind)
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
