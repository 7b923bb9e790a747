"""FedAvg whose clients fine-tune the head alone: a reference in Oh, Kim, Yun, ICLR 2022, arXiv 2106.06042 (FedBABU).

Meta-training is FedAvg's on body and head, θ ← Σ n_k w_k / Σ n_k; in evaluation a client moves the head alone by K
gradient steps on its support set, h_{i+1} = h_i − α ∇_h L(b, h_i; S).

Ours: the head is the last layer.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models import is_head
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class FedavgFtHead(LocalTraining):
    """FedAvg whose clients fine-tune the head of θ on their support set."""

    name: Annotated[Literal["fedavg-ft-head"], tyro.conf.Suppress] = "fedavg-ft-head"
    title: ClassVar[str] = "FedAvg+FT head"

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_head: ClassVar[NeedsHead] = "any"

    def adapts(self, name: str) -> bool:
        """In evaluation the head."""
        return is_head(name)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return FedAvg's w_k: all of it is trained."""
        *_, last = self.trains(task, start, rows, self.inner_steps, plan, names=start)
        return last
