"""FedAvg with fine-tuning, "FedAvg(Meta)" in Chen et al., 2018, arXiv 1802.07876, section 4.

Meta-training is FedAvg's, θ ← Σ n_k w_k / Σ n_k; in evaluation a client adapts θ by K gradient steps
on its support set, φ_{i+1} = φ_i − α ∇L(φ_i; S).
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.fedavg import Fedavg
from metafed.algorithms.inner import Stateless, descend, everywhere
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


@final
class FedavgFt(Stateless):
    """FedAvg whose clients fine-tune θ on their support set."""

    name: Annotated[Literal["fedavg-ft"], tyro.conf.Suppress] = "fedavg-ft"

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    judged: ClassVar[bool] = False
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K."""
        return descend(task, start, support, [everywhere(start, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return FedAvg's update."""
        fedavg = Fedavg(inner_steps=self.inner_steps, inner_lr=self.inner_lr)
        return fedavg.update(task, theta, state, episode, server_round)
