"""FedRep: Collins, Hassani, Mokhtari, Shakkottai, ICML 2021, arXiv 2102.07078, Algorithm 1.

The server holds the body b, a client keeps its own head h_k. First K steps of the head,
h_k ← h_k − α ∇_h L(b, h_k), then J steps of the body, b_k ← b_k − α ∇_b L(b_k, h_k). The server averages
the bodies uniformly: the direction is b − b_k with weight 1. Heads are never sent.

Ours: the head is the last layer; by default full-batch steps on support and query rows, as in ``fedavg``. Step 0 of
evaluation is (b, h_k), and K steps of the head on the support set follow; an unseen client starts with
the initial head.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import tyro
from pydantic import Field

from metafed.algorithms.base import MOST_STEPS, NeedsHead
from metafed.algorithms.local_training import LocalTraining, body
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models import is_head
from metafed.tasks.task import Task
from metafed.training.batches import Plan
from metafed.training.settings import MOST_EPOCHS


@final
class Fedrep(LocalTraining):
    """A shared body and a private head, trained in turn."""

    name: Annotated[Literal["fedrep"], tyro.conf.Suppress] = "fedrep"
    title: ClassVar[str] = "FedRep"
    body_steps: int = Field(5, ge=0, le=MOST_STEPS, description="Steps J of the body, after K of the head.")
    body_epochs: int = Field(
        1,
        ge=0,
        le=MOST_EPOCHS,
        description="Epochs of the body, after --local.epochs of the head, where these are set.",
    )

    replaced: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "epochs": ("inner_steps", "body_steps"),
        "steps": ("inner_steps",),
    }
    with_epochs: ClassVar[tuple[str, ...]] = ("body_epochs",)
    needs_head: ClassVar[NeedsHead] = "any"

    def private(self, name: str) -> bool:
        """The head."""
        return is_head(name)

    def adapts(self, name: str) -> bool:
        """The head."""
        return is_head(name)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return body and head after K steps of the head, then J of the body."""
        *_, headed = self.trains(task, start, rows, self.inner_steps, plan)
        again = None if plan is None else plan.lasting(self.body_epochs).again
        *_, last = self.trains(task, headed, rows, self.body_steps, again, names=body(start))
        return last
