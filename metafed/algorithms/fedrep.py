"""FedRep: Collins, Hassani, Mokhtari, Shakkottai, ICML 2021, arXiv 2102.07078, Algorithm 1.

The server holds the body b, a client keeps its own head h_k. First K steps of the head,
h_k ← h_k − α ∇_h L(b, h_k), then J steps of the body, b_k ← b_k − α ∇_b L(b_k, h_k). The server averages
the bodies uniformly: the direction is b − b_k with weight 1. Heads are never sent.

Ours: the head is the last layer; full-batch steps on support and query rows, as in ``fedavg``. Step 0 of
evaluation is (b, h_k), and K steps of the head on the support set follow; an unseen client starts with
the initial head.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent, descend, everywhere
from metafed.algorithms.local_training import all_rows, body, detached, head, moved
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class Fedrep(Descent):
    """A shared body and a private head, trained in turn."""

    name: Annotated[Literal["fedrep"], tyro.conf.Suppress] = "fedrep"
    body_steps: int = Field(5, ge=0, description="Steps J of the body, after K of the head.")

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    judged: ClassVar[bool] = False

    def trap(self, steps: int) -> str | None:
        """None."""
        return None

    def shared(self, theta: Params) -> Params:
        """The body."""
        return body(theta)

    def personal(self, theta: Params) -> Params:
        """The head."""
        return head(theta)

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield (b, h_k), then (b, h_k) after each step of the head."""
        return descend(task, {**start, **state}, support, [everywhere(state, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's b − b_k, with weight 1, and its new head."""
        rows, whole = all_rows(episode), {**spread(theta, len(episode.support.mask)), **state}
        head_first = [everywhere(state, self.inner_lr)] * self.inner_steps
        then_body = [everywhere(theta, self.inner_lr)] * self.body_steps
        *_, trained = descend(task, whole, rows, head_first + then_body)
        update = moved(task, whole, trained, episode.query, torch.ones_like(rows.mask[:, 0]))
        return update._replace(directions=body(update.directions), state=detached(head(trained)))
