"""HF-MAML, Hessian-free: Fallah, Mokhtari, Ozdaglar, AISTATS 2020, arXiv 1908.10400.

The chain rule through a step φ_{i+1} = φ_i − α ∇L(φ_i; S) is u_i = u_{i+1} − α ∇²L(φ_i; S) u_{i+1}, from
u_K = ∇L(φ_K; Q) down to the outer direction u_0. The product with the Hessian is a difference of
gradients, [∇L(φ_i + δ u; S) − ∇L(φ_i − δ u; S)] / 2δ: the error is O(δ²), and no graph is kept.
The paper, and Per-FedAvg (HF) after it, takes one step; more steps apply the same formula to each.

Ours: the Hessian is of S, the batch of the inner gradient; the papers draw a third batch for it.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro
from pydantic import Field

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent, descend, everywhere, gradient, leaves
from metafed.algorithms.meta_gradient import first_order
from metafed.core.episodes import Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class HfMaml(Descent):
    """Hessian-free MAML: second order by differences of gradients."""

    name: Annotated[Literal["hf-maml"], tyro.conf.Suppress] = "hf-maml"
    title: ClassVar[str] = "HF-MAML"
    delta: float = Field(1e-3, gt=0, allow_inf_nan=False, description="Step δ of the gradient difference.")

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's meta-gradient to O(δ²)."""
        start = spread(theta, len(episode.support.mask))
        return hessian_free(task, start, episode, self.inner_lr, self.inner_steps, self.delta)


def hessian_free(task: Task, start: Params, episode: Episode, rate: float, steps: int, delta: float) -> Update:
    """Return the Hessian-free update at ``start`` ``(C, …)``."""
    rates = [everywhere(start, rate)] * steps
    update = first_order(task, start, episode, rates)
    u = update.directions
    *path, _ = descend(task, start, episode.support, rates)
    for phi in reversed(path):
        ahead, behind = (
            gradient(task, leaves({n: phi[n] + d * u[n] for n in u}), episode.support, u) for d in (delta, -delta)
        )
        u = {n: u[n] - rate * (ahead[n] - behind[n]) / (2 * delta) for n in u}
    return update._replace(directions=u)
