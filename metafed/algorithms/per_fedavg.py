"""Per-FedAvg: Fallah, Mokhtari, Ozdaglar, NeurIPS 2020, arXiv 2002.07948, Algorithm 1.

A client takes τ meta-steps by itself, w ← w − β u(w) from w = θ, and the server averages what they
reached, θ ← mean w_k, uniformly: the direction is θ − w_k and the server's rate 1. The meta-gradient
u is first-order (FO) or Hessian-free (HF).

Ours: the paper draws fresh minibatches at each of the τ steps; here all use the round's one episode,
full batch by default. The paper adapts with K = 1 step; ours is 5, like that of all other methods, with half their α:
first order and α = 0.1 drift to a θ that is bad before adaptation on the avatar family.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import MOST_STEPS, Outer, Range, Table, Update
from metafed.algorithms.hf_maml import hessian_free
from metafed.algorithms.inner import Descent, InnerRate, descend, leaves
from metafed.algorithms.meta_gradient import first_order
from metafed.core.episodes import Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task
from metafed.training.batches import Dealt, Plan


@final
class PerFedavg(Descent):
    """Per-FedAvg: several meta-steps on the client, then averaging."""

    name: Annotated[Literal["per-fedavg"], tyro.conf.Suppress] = "per-fedavg"
    title: ClassVar[str] = "Per-FedAvg"
    inner_lr: InnerRate = 0.05
    meta_steps: int = Field(4, ge=1, le=MOST_STEPS, description="Meta-steps τ that a client takes in a round.")
    meta_lr: float = Field(0.1, gt=0, allow_inf_nan=False, description="Rate β of a client's meta-steps.")
    hessian: Literal["none", "difference"] = Field(
        "none", description="none: first order (FO); difference: Hessian-free (HF)."
    )
    delta: float = Field(1e-3, gt=0, allow_inf_nan=False, description="Step δ of the gradient difference (HF).")

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    searched: ClassVar[Mapping[str, Range]] = {**Descent.searched, "meta_lr": Range(0.01, 0.5)}

    @property
    def local_rate(self) -> float:
        """β."""
        return self.meta_lr

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's θ − w_k; it is evaluated where its first meta-step adapts to."""
        start = spread(theta, len(episode.support.mask))
        if plan is not None:
            return self._by_batches(task, start, episode, plan)
        first = here = self._meta_gradient(task, start, episode)
        reached = {n: start[n] - self.meta_lr * u for n, u in here.directions.items()}
        for _ in range(self.meta_steps - 1):
            here = self._meta_gradient(task, reached, episode)
            reached = {n: reached[n] - self.meta_lr * u for n, u in here.directions.items()}
        return first._replace(directions={n: (start[n] - reached[n]).detach() for n in start})

    def uses(self, table: Table) -> frozenset[str]:
        """Of local training what its own rates and numbers of steps leave open."""
        return frozenset({"batch_size", "rows"}) if table == "local" else super().uses(table)

    def _by_batches(self, task: Task, start: Params, episode: Episode, plan: Plan) -> Update:
        """Return each client's θ − w_k by meta-steps on batches of the support and of the query rows, as the paper."""
        support, query = Dealt(episode.support, plan), Dealt(episode.query, plan.again)
        reached: Params = start
        for number in range(self.meta_steps):
            batches = Episode(support.step(number), query.step(number))
            u = self._meta_gradient(task, leaves(reached), batches).directions
            reached = {n: (reached[n] - self.meta_lr * u[n]).detach() for n in u}
        *_, adapted = descend(task, start, support.step(0), self.rates(start, self.inner_steps))
        with torch.no_grad():
            output = task.predict(adapted, episode.query.x, episode.query.mask)
            losses = task.loss(output, episode.query)
        directions = {n: (start[n] - reached[n]).detach() for n in start}
        return Update(directions, losses, output, torch.ones_like(losses), {}, self.inner_steps)

    def _meta_gradient(self, task: Task, start: Params, episode: Episode) -> Update:
        if self.hessian == "difference":
            return hessian_free(task, start, episode, self.inner_lr, self.inner_steps, self.delta)
        return first_order(task, start, episode, self.rates(start, self.inner_steps))
