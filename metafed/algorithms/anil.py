"""ANIL: Raghu, Raghu, Bengio, Vinyals, "Rapid Learning or Feature Reuse?", ICLR 2020, arXiv 1909.09157.

MAML whose inner loop moves the head only: φ_{i+1} = φ_i − α ∇_head L(φ_i; S). The outer direction
∇_θ L(φ_K(θ); Q) is exact and has body and head.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Stateless, descend, everywhere, meta_update
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.models import is_head
from metafed.tasks.task import Task


@final
class Anil(Stateless):
    """Almost no inner loop: MAML that adapts the head only."""

    name: Annotated[Literal["anil"], tyro.conf.Suppress] = "anil"

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K; the body is θ's in all of them."""
        return descend(task, start, support, [everywhere(filter(is_head, start), self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's meta-gradient ∇_θ L(φ_K(θ); Q)."""
        start = spread(theta, len(episode.support.mask))
        rates = [everywhere(filter(is_head, start), self.inner_lr)] * self.inner_steps
        *_, adapted = descend(task, start, episode.support, rates, graph=True)
        return meta_update(task, adapted, episode.query, wrt=start, step=self.inner_steps)
