"""The clients with their data, made or read only when asked for."""

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from metafed.episodes import Episode, Examples, Rows, assemble, draw, halves
from metafed.experiment import Experiment, TaskChoice
from metafed.families.base import DataError, Origin, Source
from metafed.models import Mlp, initialize, layout
from metafed.parameters import Layout, Params
from metafed.roster import Roster
from metafed.streams import stream
from metafed.tasks import Task

DEFAULT_DATA_DIR = Path("data")
KEPT = 128
"""Clients whose rows stay in memory; the others are made or read again."""


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
        self.dtype = getattr(torch, experiment.precision)
        self._halves = lru_cache(maxsize=KEPT)(self._split)

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
        shots, training_draw = family.shots, server_round is not None
        query = shots.query if training_draw else shots.judge
        examples, rows = [], []
        for client in clients:
            own, training, evaluation = self._halves(client)
            key = (client,) if server_round is None else (server_round, client)
            rng = stream(self.experiment.seed, name, *key)
            rows.append(draw(own, training if training_draw else evaluation, shots, query, rng))
            if family.anonymous and training_draw:
                own = own._replace(y=rng.permutation(classes)[own.y])
            examples.append(own)
        strata = classes if shots.per_class else 1
        # evaluation asks for all rows that a client has: there the chunk's longest is much shorter
        lengths = (shots.support * strata, query * strata if training_draw else 0)
        return Draw(assemble(examples, rows, self.dtype, lengths), examples, rows)

    def _split(self, client: int) -> tuple[Examples, np.ndarray, np.ndarray]:
        place = self.roster.place(client)
        own = self.sources[place.task].examples(place.number)
        shots = self.experiment.choices[place.task].family.shots
        rng = stream(self.experiment.seed, "halves", client)
        return own, *halves(own, shots, rng)


def sources(experiment: Experiment) -> tuple[Source, ...]:
    """Make the source of each of the run's tasks; nothing is read yet."""
    folders = [Path(name) for name in experiment.data_dir.split(os.pathsep) if name]
    origin = Origin(experiment.seed, tuple(dict.fromkeys([*folders, DEFAULT_DATA_DIR])))
    return tuple(choice.family.sources[choice.source](origin) for choice in experiment.choices)


def tasks(experiment: Experiment) -> dict[str, Task]:
    """Return the network, loss and score of each family; no data are read."""

    def task(choice: TaskChoice, source: Source) -> Task:
        model = Mlp(
            part=choice.family.name,
            features=source.features,
            outputs=source.outputs,
            width=experiment.width,
            depth=experiment.depth,
            activation=experiment.activation,
        )
        return Task(model, choice.family.kind)

    pairs = zip(experiment.choices, sources(experiment), strict=True)
    return {choice.family.name: task(choice, source) for choice, source in pairs}


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
