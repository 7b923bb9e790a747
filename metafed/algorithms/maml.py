"""MAML: Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning", ICML 2017, arXiv 1703.03400, equation 1.

φ_0 = θ, φ_{i+1} = φ_i − α ∇L(φ_i; S), and the outer direction is ∇_θ L(φ_K(θ); Q), through all K
steps: exactly second order. ``first_order`` drops the second derivatives (FOMAML, section 5.2 there).
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import Algorithm, Outer, Update
from metafed.algorithms.inner import gradient_step
from metafed.episodes import Batch, Episode
from metafed.parameters import Params, spread
from metafed.tasks import Task


class Maml(Algorithm):
    """MAML with any number of inner steps."""

    name: Annotated[Literal["maml"], tyro.conf.Suppress] = "maml"
    inner_steps: Annotated[int, tyro.conf.arg(aliases=("--inner-steps",))] = Field(
        5, ge=0, description="Inner steps K in meta-training."
    )
    inner_lr: Annotated[float, tyro.conf.arg(aliases=("--inner-lr",))] = Field(
        0.1, gt=0, allow_inf_nan=False, description="Inner learning rate α."
    )
    first_order: bool = Field(False, description="Drop second derivatives (FOMAML).")

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    @property
    def training_steps(self) -> int:
        """K."""
        return self.inner_steps

    @property
    def evaluation_steps(self) -> int:
        """K, too."""
        return self.inner_steps

    def shared(self, theta: Params) -> Params:
        """θ and nothing else."""
        return theta

    def personal(self, theta: Params) -> Params:
        """Nothing: a client starts from θ every time."""
        return {}

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K; no graph is kept from one step to the next."""
        params = start
        yield params
        for _ in range(steps):
            stepped = gradient_step(task, params, support, self.inner_lr, differentiable=False)
            params = {name: phi.detach().requires_grad_() for name, phi in stepped.items()}
            yield params

    def update(
        self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int
    ) -> Update:
        """Return each client's meta-gradient ∇_θ L(φ_K(θ); Q)."""
        support, query = episode
        start = spread(theta, len(support.mask))
        params: Params = start
        for _ in range(self.inner_steps):
            params = gradient_step(task, params, support, self.inner_lr, differentiable=not self.first_order)
        output = task.predict(params, query.x)
        losses = task.loss(output, query)
        gradients = torch.autograd.grad(losses.sum(), list(start.values()))
        directions = dict(zip(start, gradients, strict=True))
        return Update(directions, losses.detach(), output.detach(), torch.ones_like(losses), {})
