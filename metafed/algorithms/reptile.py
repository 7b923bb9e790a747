"""Reptile: Nichol, Achiam, Schulman, "On First-Order Meta-Learning Algorithms", 2018, arXiv 1803.02999.

A client takes K gradient steps on its rows from θ to w_k, and the server steps towards the mean,
θ ← θ + ε mean(w_k − θ): the direction is θ − w_k, and ε is the outer learning rate. Every client
counts the same; with ε = 1 and weights n_k it is FedAvg (Jiang et al. 2019, arXiv 1909.12488).

Ours: the K steps are full batch, on support and query rows, and ε does not anneal.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Stateless, descend, everywhere
from metafed.algorithms.local_training import all_rows, moved
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class Reptile(Stateless):
    """Reptile: move θ towards where clients' gradient steps lead."""

    name: Annotated[Literal["reptile"], tyro.conf.Suppress] = "reptile"

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    judged: ClassVar[bool] = False

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K."""
        return descend(task, start, support, [everywhere(start, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's θ − w_k, with weight 1."""
        rows, start = all_rows(episode), spread(theta, len(episode.support.mask))
        *_, trained = descend(task, start, rows, [everywhere(start, self.inner_lr)] * self.inner_steps)
        return moved(task, start, trained, episode.query, torch.ones_like(rows.mask[:, 0]))
