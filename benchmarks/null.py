"""An algorithm that computes nothing: what is left of a round is what the federation costs."""

from collections.abc import Iterator

import torch

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


class Null(Descent):
    """Answers with zeros of θ's shape."""

    outer = Outer("sgd", 1.0)

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield θ."""
        for _ in range(steps + 1):
            yield start

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return zeros."""
        clients, rows = episode.query.mask.shape
        directions = {name: tensor.new_zeros(1).expand(clients, *tensor.shape) for name, tensor in theta.items()}
        zeros = torch.zeros(clients)
        return Update(directions, zeros, torch.zeros(clients, rows, task.model.outputs), zeros + 1, {}, 0)
