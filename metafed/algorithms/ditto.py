"""Ditto: Li, Hu, Beirami, Smith, "Ditto", ICML 2021, arXiv 2012.04221, Algorithm 1.

θ is trained as in FedAvg. Besides, a client keeps a model v_k of its own that is pulled to the θ of the
round: v ← v − α (∇L(v) + λ (v − θ)), K times. With λ = 0 it is local training, with a large λ it is θ.
A client sends θ − w_k only; the server's mean is uniform.

Ours: full-batch steps on support and query rows, as in ``fedavg``, with K and α the same for w and v.
Step 0 of evaluation is θ, what Ditto would be without personalization; steps 1 … are proximal steps of
v_k on the support set, from θ where a client has no v_k yet.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self, final

import torch
import tyro
from pydantic import Field, model_validator

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.fedavg import Fedavg
from metafed.algorithms.inner import Descent, Pull, descend, everywhere
from metafed.algorithms.local_training import all_rows, check_pull, detached
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class Ditto(Descent):
    """FedAvg, and a model of one's own near it."""

    name: Annotated[Literal["ditto"], tyro.conf.Suppress] = "ditto"
    lam: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength λ of the pull towards θ.")

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    judged: ClassVar[bool] = False

    @model_validator(mode="after")
    def _converges(self) -> Self:
        check_pull(self.inner_lr, self.lam, "--algorithm.lam")
        return self

    def trap(self, steps: int) -> str | None:
        """None."""
        return None

    def shared(self, theta: Params) -> Params:
        """θ and nothing else."""
        return theta

    def personal(self, theta: Params) -> Params:
        """A whole model v_k, at first θ."""
        return theta

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield θ, then v_k after each proximal step."""
        path = self._personal_path(task, state, support, start, steps)
        next(path)  # v_k itself is not among the answers
        yield start
        yield from path

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return FedAvg's θ − w_k with weight 1, and the new v_k."""
        fedavg = Fedavg(inner_steps=self.inner_steps, inner_lr=self.inner_lr)
        update = fedavg.update(task, theta, {}, episode, server_round)
        rows, start = all_rows(episode), spread(theta, len(episode.support.mask))
        *_, trained = self._personal_path(task, state, rows, start, self.inner_steps)
        return update._replace(weights=torch.ones_like(update.weights), state=detached(trained))

    def _personal_path(self, task: Task, state: Params, rows: Batch, theta: Params, steps: int) -> Iterator[Params]:
        rates = [everywhere(state, self.inner_lr)] * steps
        return descend(task, state, rows, rates, pull=Pull(theta, self.lam))
