"""FedNova: Wang, Liu, Liang, Joshi, Poor, NeurIPS 2020, arXiv 2007.07481, equations 4 and 9, section 4.

FedAvg weighs a client that takes many steps more: its θ − w_k is a sum over them. FedNova takes the mean of a step from
each, and then as many steps as clients took on average: θ ← θ − τ Σ p_k (θ − w_k) / τ_k, where client k took τ_k steps,
τ = Σ p_k τ_k, and p_k is its share of the rows. A client sends (θ − w_k) / τ_k and τ_k. Where all take equally many
steps it is FedAvg. They do not with ``[local]`` epochs of minibatches, nor with ``--devices.late shorten``.

Ours: steps of plain gradient descent, for which ‖a_k‖₁ = τ_k (the paper has momentum and proximal terms as well). τ is
counted part by part, over the clients that hold it.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import MOST_STEPS, Table
from metafed.algorithms.inner import SomeInnerSteps
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params, part_of
from metafed.tasks.task import Task
from metafed.training.batches import Plan
from metafed.training.optimizers import wide

STEPS = "steps"
"""What τ is called within a part."""


@final
class Fednova(LocalTraining):
    """FedAvg, normalised by the number of steps that each client took."""

    name: Annotated[Literal["fednova"], tyro.conf.Suppress] = "fednova"
    title: ClassVar[str] = "FedNova"
    inner_steps: SomeInnerSteps = 5

    weighable_losses: ClassVar[bool] = True
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    fine_tunes: ClassVar[bool] = False

    def uses(self, table: Table) -> frozenset[str]:
        """Of local training what leaves every step a multiple of one gradient."""
        if table == "local":
            return frozenset({"epochs", "steps", "batch_size", "weight_decay", "clip", "rows", "round_decay"})
        return super().uses(table)

    def beside(self, name: str) -> bool:
        """τ."""
        return name.split(".")[1] == STEPS

    def adapts(self, name: str) -> bool:
        """The network."""
        return not self.beside(name)

    def shared(self, theta: Params) -> Params:
        """θ, and the mean number of steps of the last round, by part."""
        some = next(iter(theta.values()))
        return {**theta, **{f"{part}.{STEPS}": some.new_zeros(1) for part in dict.fromkeys(map(part_of, theta))}}

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k and τ_k."""
        *_, last = self.trains(task, start, rows, self.inner_steps, plan)
        steps = self.taken(rows, plan).unsqueeze(1)
        return {n: steps if self.beside(n) else value for n, value in last.items()}

    def sent(self, start: Params, trained: Params) -> Params:
        """Return (θ − w_k) / τ_k, and state τ_k."""
        (steps, *_) = (value.squeeze(1) for n, value in trained.items() if self.beside(n))
        return {n: v if self.beside(n) else (start[n] - v) / wide(steps, v) for n, v in trained.items()}

    def can_state(self, mean: Params, clients: int) -> bool:
        """Everybody took a step, and no more than there can be."""
        return all(1 - 1e-6 < float(v) < MOST_STEPS * (1 + 1e-6) for n, v in mean.items() if self.beside(n))

    def outer_directions(self, theta: Params, mean: Params, share: float, kept: Params) -> tuple[Params, Params]:
        """Return τ mean steps; of τ the way to its new value."""
        (steps,) = (name for name in mean if self.beside(name))
        return {n: theta[n] - d if n == steps else mean[steps] * d for n, d in mean.items()}, kept
