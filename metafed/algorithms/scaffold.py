"""SCAFFOLD: Karimireddy, Kale, Mohri, Reddi, Stich, Suresh, ICML 2020, arXiv 1910.06378, Algorithm 1, option II.

FedAvg whose clients correct every step for their drift: y ← y − η (∇L(y) − c_k + c), K times from θ. The control
variate c_k is the client's, c is the server's. Then c_k⁺ = c_k − c + (θ − y) / (K η), which is the mean of the client's
gradients on its way. A client sends θ − y and c_k⁺ − c_k, and gets θ and c: twice the bytes each way. The server takes
θ ← θ − η_g mean(θ − y), η_g being the outer rate, and c ← c + |S| / N mean(c_k⁺ − c_k) over the cohort S of N clients.
All c begin at 0: the first round is FedAvg's, with a uniform mean.

Ours: by default full-batch steps on support and query rows, as in ``fedavg``. S and N are counted part by part, over
the seen clients that hold it. Clients are evaluated, and fine-tuned where that is asked for, without correction, so
unseen clients need no c_k.
"""

from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import Table
from metafed.algorithms.inner import Pull, SomeInnerSteps, beside_name
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Task
from metafed.training.batches import Plan
from metafed.training.optimizers import wide

CONTROL, OWN_CONTROL = "control", "own_control"
"""What c and c_k are called within a part."""


@final
class Scaffold(LocalTraining):
    """FedAvg with control variates against clients' drift."""

    name: Annotated[Literal["scaffold"], tyro.conf.Suppress] = "scaffold"
    title: ClassVar[str] = "SCAFFOLD"
    inner_steps: SomeInnerSteps = 5

    weighable_losses: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = False

    def uses(self, table: Table) -> frozenset[str]:
        """Of local training what leaves every step η long: c_k⁺ is a mean of gradients."""
        if table == "local":
            return frozenset({"epochs", "steps", "batch_size", "weight_decay", "rows", "round_decay"})
        return super().uses(table)

    def beside(self, name: str) -> bool:
        """C."""
        return name.split(".")[1] == CONTROL

    def private(self, name: str) -> bool:
        """c_k."""
        return name.split(".")[1] == OWN_CONTROL

    def adapts(self, name: str) -> bool:
        """The network."""
        return not (self.beside(name) or self.private(name))

    def shared(self, theta: Params) -> Params:
        """θ, and c = 0."""
        return {**theta, **{beside_name(CONTROL, n): torch.zeros_like(value) for n, value in theta.items()}}

    def personal(self, theta: Params) -> Params:
        """c_k = 0."""
        return {beside_name(OWN_CONTROL, n): torch.zeros_like(v) for n, v in theta.items() if self.adapts(n)}

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return y, c_k⁺, and c + c_k⁺ − c_k, of which the client sends the difference to c."""
        names = list(filter(self.adapts, start))
        c, own = ({n: start[beside_name(what, n)].detach() for n in names} for what in (CONTROL, OWN_CONTROL))
        correction = Pull({}, 0.0, {n: c[n] - own[n] for n in names})
        *_, last = self.trains(task, start, rows, self.inner_steps, plan, pull=correction)
        rate = self.inner_lr * (1.0 if plan is None else plan.settings.rate_in(plan.server_round))
        length = rate * self.taken(rows, plan)
        with torch.no_grad():
            away = {n: (start[n] - last[n]) / wide(length, start[n]) for n in names}
        renewed = {beside_name(OWN_CONTROL, n): own[n] - c[n] + away[n] for n in names}
        return {**last, **renewed, **{beside_name(CONTROL, n): away[n] for n in names}}

    def outer_directions(self, theta: Params, mean: Params, share: float, kept: Params) -> tuple[Params, Params]:
        """Return the mean, of c as much as the cohort is of all."""
        return {name: share * value if self.beside(name) else value for name, value in mean.items()}, kept
