"""FedPer: Arivazhagan et al., "Federated Learning with Personalization Layers", 2019, arXiv 1912.00818.

The server holds the body b, a client keeps its own head h_k. Both descend together,
(b, h_k) ← (b, h_k) − α ∇L(b, h_k), K times, and the server averages the bodies,
b ← Σ n_k b_k / Σ n_k: the direction is b − b_k with weight n_k. Heads are never sent.

Ours: the head is the last layer; full-batch steps on support and query rows, as in ``fedavg``. Step 0 of
evaluation is (b, h_k), and K such steps on the support set follow; an unseen client starts with the
initial head.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent, descend, everywhere
from metafed.algorithms.local_training import all_rows, body, detached, head, moved
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class Fedper(Descent):
    """A shared body and a private head, trained together."""

    name: Annotated[Literal["fedper"], tyro.conf.Suppress] = "fedper"

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    judged: ClassVar[bool] = False
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"

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
        """Yield (b, h_k), then both after each step."""
        whole = {**start, **state}
        return descend(task, whole, support, [everywhere(whole, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's b − b_k, with weight n_k, and its new head."""
        rows, whole = all_rows(episode), {**spread(theta, len(episode.support.mask)), **state}
        *_, trained = descend(task, whole, rows, [everywhere(whole, self.inner_lr)] * self.inner_steps)
        update = moved(task, whole, trained, episode.query, rows.mask.sum(1))
        return update._replace(directions=body(update.directions), state=detached(head(trained)))
