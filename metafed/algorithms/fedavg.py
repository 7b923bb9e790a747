"""FedAvg: McMahan, Moore, Ramage, Hampson, Agüera y Arcas, AISTATS 2017, arXiv 1602.05629, Algorithm 1.

A client takes K gradient steps on its rows from θ to w_k, and the server averages,
θ ← Σ n_k w_k / Σ n_k: the direction is θ − w_k with weight n_k, and the server's rate is 1.
There is no adaptation: every client predicts with θ.

Ours: where the paper has E epochs of minibatches, a step is full batch, on the episode's support and
query rows; n_k is their number.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Stateless, descend, everywhere
from metafed.algorithms.local_training import all_rows, moved
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class Fedavg(Stateless):
    """FedAvg: one model for all, not adapted."""

    name: Annotated[Literal["fedavg"], tyro.conf.Suppress] = "fedavg"

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    adapts: ClassVar[bool] = False

    @property
    def local_rate(self) -> float:
        """α."""
        return self.inner_lr

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield θ, and where more is asked for, θ fine-tuned."""
        return descend(task, start, support, [everywhere(start, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's θ − w_k, with weight n_k."""
        rows, start = all_rows(episode), spread(theta, len(episode.support.mask))
        *_, trained = descend(task, start, rows, [everywhere(start, self.inner_lr)] * self.inner_steps)
        return moved(task, start, trained, episode.query, rows.mask.sum(1))
