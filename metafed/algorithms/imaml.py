"""iMAML: Rajeswaran, Finn, Kakade, Levine, NeurIPS 2019, arXiv 1909.04630, Algorithms 1 and 2.

φ* = argmin L(φ; S) + ½ λ ‖φ − θ‖², approached by K steps φ ← φ − α (∇L(φ; S) + λ (φ − θ)) from θ. The outer direction
is the implicit gradient (I + ∇²L(φ; S) / λ)⁻¹ ∇L(φ; Q) (lemma 1), by conjugate gradients with products of the
Hessian: no path is kept, and memory does not grow with K. It is the exact meta-gradient where φ is φ*, the
conjugate gradients have converged and nothing damps them.

Damping δ: (I + ∇²L(φ; S) / (λ + δ))⁻¹ is taken. Algorithm 2 has none; its authors' code solves
(2 I + ∇²L(φ; S) / (λ + 10)) u = ∇L(φ; Q), which for λ = 2 has the direction of δ = 22. Without it, and with few inner
steps, θ drifts to where the loss is so steep that the steps of adaptation diverge.

Ours: conjugate gradients begin at ∇L(φ; Q), not at 0, so that without a step of them the direction is first order; a
client stops where the curvature is not positive. K is 5, like that of all other methods (the paper takes 16 and
more).
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import MOST_STEPS, Outer, Update
from metafed.algorithms.inner import gradient
from metafed.algorithms.local_training import Proximal
from metafed.algorithms.meta_gradient import meta_update
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class Imaml(Proximal):
    """MAML by implicit gradients: no graph of the inner steps is kept."""

    name: Annotated[Literal["imaml"], tyro.conf.Suppress] = "imaml"
    title: ClassVar[str] = "iMAML"
    lam: float = Field(2.0, gt=0, allow_inf_nan=False, description="Strength λ of the pull towards θ.")
    cg_steps: int = Field(5, ge=0, le=MOST_STEPS, description="Steps of conjugate gradients.")
    cg_damping: float = Field(22.0, ge=0, allow_inf_nan=False, description="Damping δ of the Hessian; 0: none.")

    outer: ClassVar[Outer] = Outer("adam", 0.003)
    pulls: ClassVar[str] = "lam"

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's implicit gradient."""
        start = spread(theta, len(episode.support.mask))
        *_, phi = self.trains(task, start, episode.support, self.inner_steps, None, pull=self.pull(start))
        update = meta_update(task, phi, episode.query, wrt=phi, step=self.inner_steps)
        return update._replace(directions=self._implicit(task, phi, episode.support, update.directions))

    def _implicit(self, task: Task, phi: Params, support: Batch, right: Params) -> Params:
        """Solve (I + ∇²L(φ; S) / (λ + δ)) u = right for each client's u ``(C, …)``."""
        names = list(right)
        slopes = gradient(task, phi, support, names, graph=True)
        clients = len(support.mask)
        sizes = [right[name][0].numel() for name in names]

        def joined(values: "list[torch.Tensor]") -> "torch.Tensor":
            return torch.cat([value.reshape(clients, -1) for value in values], 1)

        def split(flat: "torch.Tensor") -> "list[torch.Tensor]":
            return [piece.reshape(right[n].shape) for n, piece in zip(names, flat.split(sizes, 1), strict=True)]

        def product(flat: "torch.Tensor") -> "torch.Tensor":
            # clients are independent: the product with the Hessian of the sum is the stack of their own
            bent = torch.autograd.grad(
                [slopes[n] for n in names],
                [phi[n] for n in names],
                split(flat),
                retain_graph=True,
                materialize_grads=True,
            )
            return flat + joined(list(bent)) / (self.lam + self.cg_damping)

        found = conjugate_gradients(product, joined([right[n] for n in names]), self.cg_steps)
        return dict(zip(names, split(found), strict=True))


def conjugate_gradients(
    product: "Callable[[torch.Tensor], torch.Tensor]", right: "torch.Tensor", steps: int
) -> "torch.Tensor":
    """Solve A u = ``right`` ``(C, D)`` for each client, A symmetric, from u = ``right``.

    A client stops where it has the solution, or meets a direction of no positive curvature.
    """
    u = right
    if steps == 0:
        return u
    away = right - product(u)
    way, length = away, away.square().sum(1, keepdim=True)
    for _ in range(steps):
        image = product(way)
        curvature = (way * image).sum(1, keepdim=True)
        goes = curvature > 0
        step = torch.where(goes, length / curvature, 0.0)
        u, away = u + step * way, away - step * image
        new = away.square().sum(1, keepdim=True)
        way = torch.where(goes, away + new / length * way, 0.0)
        length = new
    return u
