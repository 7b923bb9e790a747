"""FedBABU: Oh, Kim, Yun, ICLR 2022, arXiv 2106.06042, Algorithm 1.

The head h stays at its random initial value, the same for all, and clients train the body alone: b ← b − α ∇_b L(b,
h), K times. The server averages, b ← Σ n_k b_k / Σ n_k: the direction is b − b_k with weight n_k, and 0 for the head.
In evaluation a client fine-tunes the head on its support set, h ← h − α ∇_h L(b, h), or the whole model (``tunes``).

Ours: by default full-batch steps on support and query rows, as in ``fedavg``. θ has the head, as in the authors'
code: a client keeps nothing, and an unseen one begins like all others.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro
from pydantic import Field

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.local_training import LocalTraining, body
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models import is_head
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class Fedbabu(LocalTraining):
    """A shared body, trained under a head that stays random; clients fine-tune the head."""

    name: Annotated[Literal["fedbabu"], tyro.conf.Suppress] = "fedbabu"
    title: ClassVar[str] = "FedBABU"
    tunes: Literal["head", "all"] = Field("head", description="What a client fine-tunes in evaluation.")

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_head: ClassVar[NeedsHead] = "any"

    def adapts(self, name: str) -> bool:
        """In evaluation the head, or all."""
        return self.tunes == "all" or is_head(name)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return the model after K steps of the body."""
        *_, last = self.trains(task, start, rows, self.inner_steps, plan, names=body(start))
        return last
