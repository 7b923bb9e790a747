"""FedProx: Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith, MLSys 2020, arXiv 1812.06127, equation 2.

FedAvg whose clients minimise L(w) + ½ μ ‖w − θ‖²: w ← w − α (∇L(w) + μ (w − θ)), K times from θ.
With μ = 0 it is FedAvg.

Ours: full-batch steps on support and query rows, as in ``fedavg``; weights n_k, since clients are
sampled uniformly (the paper samples them by n_k and averages uniformly); the same K for all clients.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self, final

import tyro
from pydantic import Field, model_validator

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Pull, Stateless, descend, everywhere
from metafed.algorithms.local_training import all_rows, check_pull, moved
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class Fedprox(Stateless):
    """FedAvg with a proximal term that keeps clients near θ."""

    name: Annotated[Literal["fedprox"], tyro.conf.Suppress] = "fedprox"
    mu: float = Field(0.1, ge=0, allow_inf_nan=False, description="Strength μ of the pull towards θ.")

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    adapts: ClassVar[bool] = False

    @property
    def local_rate(self) -> float:
        """α."""
        return self.inner_lr

    @model_validator(mode="after")
    def _converges(self) -> Self:
        check_pull(self.inner_lr, self.mu, "--algorithm.mu")
        return self

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield θ, and where more is asked for, θ fine-tuned with the proximal term."""
        rates = [everywhere(start, self.inner_lr)] * steps
        return descend(task, start, support, rates, pull=Pull(start, self.mu))

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's θ − w_k, with weight n_k."""
        rows, start = all_rows(episode), spread(theta, len(episode.support.mask))
        rates = [everywhere(start, self.inner_lr)] * self.inner_steps
        *_, trained = descend(task, start, rows, rates, pull=Pull(start, self.mu))
        return moved(task, start, trained, episode.query, rows.mask.sum(1))
