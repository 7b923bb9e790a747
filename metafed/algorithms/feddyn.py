"""FedDyn: Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama, ICLR 2021, arXiv 2111.04263, Algorithm 1.

A client minimises L(w) − ⟨λ_k, w⟩ + ½ α ‖w − θ‖² to w_k and takes λ_k ← λ_k − α (w_k − θ), which is ∇L(w_k) at the
minimum: where all clients agree, so do θ and the minimum of the mean. The server keeps h, with
h ← h + α |S| / N mean(θ − w_k) over the cohort S of N clients, and takes θ ← mean w_k − h / α. A client sends θ − w_k
and keeps λ_k; nobody gets h. λ_k and h begin at 0.

Ours: the minimum is approached in K steps w ← w − η (∇L(w) − λ_k + α (w − θ)), by default on the full batch of support
and query rows, as in ``fedavg``. S and N are counted part by part. With an outer rate β the server takes
θ ← θ − β (θ − mean w_k + h / α). Fine-tuning, where it is asked for, is ``fedprox``'s with μ = α.
"""

from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.inner import Pull, beside_name
from metafed.algorithms.local_training import LocalTraining, Proximal
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Task
from metafed.training.batches import Plan

SLOPE = "slope"
"""What λ_k is called within a part."""


@final
class Feddyn(Proximal, LocalTraining):
    """FedAvg with a dynamic regularizer, whose fixed point is the minimum of the clients' mean loss."""

    name: Annotated[Literal["feddyn"], tyro.conf.Suppress] = "feddyn"
    title: ClassVar[str] = "FedDyn"
    alpha: float = Field(0.1, gt=0, allow_inf_nan=False, description="Strength α of the pull towards θ.")

    weighable_losses: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = False
    pulls: ClassVar[str] = "alpha"

    def private(self, name: str) -> bool:
        """λ_k."""
        return name.split(".")[1] == SLOPE

    def adapts(self, name: str) -> bool:
        """The network."""
        return not self.private(name)

    def personal(self, theta: Params) -> Params:
        """λ_k = 0."""
        return {beside_name(SLOPE, n): torch.zeros_like(value) for n, value in theta.items()}

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k, and the new λ_k."""
        theta = {n: start[n].detach() for n in start if self.adapts(n)}
        slopes = {n: start[beside_name(SLOPE, n)].detach() for n in theta}
        pull = Pull(theta, self.alpha, {n: -slope for n, slope in slopes.items()})
        *_, last = self.trains(task, start, rows, self.inner_steps, plan, pull=pull)
        with torch.no_grad():
            renewed = {beside_name(SLOPE, n): slopes[n] - self.alpha * (last[n] - theta[n]) for n in theta}
        return {**last, **renewed}

    def outer_directions(self, theta: Params, mean: Params, share: float, kept: Params) -> tuple[Params, Params]:
        """Return θ − mean w_k + h / α, and h."""
        h = {n: kept.get(n, torch.zeros_like(d)) + self.alpha * share * d for n, d in mean.items()}
        return {n: d + h[n] / self.alpha for n, d in mean.items()}, h
