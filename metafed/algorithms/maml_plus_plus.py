"""MAML++: Antoniou, Edwards, Storkey, "How to train your MAML", ICLR 2019, arXiv 1810.09502.

φ_{i+1} = φ_i − a_i ∇L(φ_i; S) with a learned rate a_i for every layer's weight and bias at every step, and
the multi-step loss Σ_i v_i L(φ_i; Q) over i = 1 … K. The outer direction is its exact gradient with
respect to θ and the rates. The weights v start equal, 1/K, and anneal linearly over the first rounds
to the last step alone.

Ours: v anneals to 0 where the authors' code keeps 0.03/K until it drops to 0 at once; second order in
all rounds (the paper may begin in first order); no batch normalisation, hence none a step. The
outer learning rate is the server's affair.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Rates, descend, rate_name
from metafed.algorithms.meta_gradient import LearnedRates
from metafed.core.episodes import Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class MamlPlusPlus(LearnedRates):
    """MAML with a loss at every step and learned rates by layer and step."""

    name: Annotated[Literal["maml++"], tyro.conf.Suppress] = "maml++"
    title: ClassVar[str] = "MAML++"
    anneal_rounds: int = Field(
        20, ge=0, le=10**9, description="Rounds in which the multi-step loss becomes that of the last step; 0: at once."
    )

    outer: ClassVar[Outer] = Outer("adam", 0.003)
    beyond: ClassVar[str] = "the steps beyond them use the last one's and may diverge"

    def shared(self, theta: Params) -> Params:
        """θ, and K rates for every tensor of it."""
        rates = {rate_name(n): value.new_full((self.inner_steps,), self.inner_lr) for n, value in theta.items()}
        return {**theta, **rates}

    def rates(self, start: Params, steps: int) -> "Sequence[Rates]":
        """Return the learned rates ``(C, 1, …)`` of each tensor at each step."""

        def learned(step: int) -> Rates:
            column = min(step, self.inner_steps - 1)
            return {
                name: start[rate_name(name)][:, column].view(-1, *[1] * (phi.ndim - 1))
                for name, phi in start.items()
                if rate_name(name) in start
            }

        return [learned(step) for step in range(steps)]

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's gradient of the multi-step loss with respect to θ and the rates."""
        start = spread(theta, len(episode.support.mask))
        rates = self.rates(start, self.inner_steps)
        _, *path = descend(task, start, episode.support, rates, graph=True)
        outputs = [task.predict(phi, episode.query.x, episode.query.mask) for phi in path]
        losses = [task.loss(output, episode.query) for output in outputs]
        total = sum(v * loss for v, loss in zip(self.importance(server_round), losses, strict=True))
        assert isinstance(total, torch.Tensor), "there is one step at least"
        values = torch.autograd.grad(total.sum(), list(start.values()))
        directions, last = dict(zip(start, values, strict=True)), losses[-1].detach()
        return Update(directions, last, outputs[-1].detach(), torch.ones_like(last), {}, self.inner_steps)

    def importance(self, server_round: int) -> list[float]:
        """Return the weights v of the losses after each step; they add up to 1."""
        done = min(1.0, (server_round - 1) / self.anneal_rounds) if self.anneal_rounds else 1.0
        early = [(1 - done) / self.inner_steps] * (self.inner_steps - 1)
        return [*early, 1 - sum(early)]
