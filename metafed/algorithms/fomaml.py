"""FOMAML: first-order MAML, Finn, Abbeel, Levine 2017, arXiv 1703.03400, section 5.2.

φ_{i+1} = φ_i − α ∇L(φ_i; S) as in MAML, but the outer direction is ∇_φ L(φ_K; Q), at φ_K and with
respect to φ_K: the inner gradients count as constants.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Rates, Stateless, descend, everywhere, maml_update, meta_update
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


@final
class Fomaml(Stateless):
    """First-order MAML: the query gradient at the adapted parameters."""

    name: Annotated[Literal["fomaml"], tyro.conf.Suppress] = "fomaml"

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K."""
        return descend(task, start, support, [everywhere(start, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's ∇L(φ_K; Q)."""
        return maml_update(task, theta, episode, [self.inner_lr] * self.inner_steps, second_order=False)


def first_order(task: Task, start: Params, episode: Episode, rates: list[Rates]) -> Update:
    """Return the first-order update at ``start`` ``(C, …)``."""
    *_, adapted = descend(task, start, episode.support, rates)
    return meta_update(task, adapted, episode.query, wrt=adapted, step=len(rates))
