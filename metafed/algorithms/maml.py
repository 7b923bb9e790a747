"""MAML: Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning", ICML 2017, arXiv 1703.03400, equation 1.

φ_0 = θ, φ_{i+1} = φ_i − α ∇L(φ_i; S), and the outer direction is ∇_θ L(φ_K(θ); Q), through all K
steps: exactly second order. Federated as FedMeta (Chen et al. 2018, arXiv 1802.07876): a client
sends the direction, the server takes an Adam step along the mean.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Stateless, descend, everywhere, maml_update
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


@final
class Maml(Stateless):
    """MAML with any number of inner steps, exactly second order."""

    name: Annotated[Literal["maml"], tyro.conf.Suppress] = "maml"

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K."""
        return descend(task, start, support, [everywhere(start, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's meta-gradient ∇_θ L(φ_K(θ); Q)."""
        return maml_update(task, theta, episode, [self.inner_lr] * self.inner_steps, second_order=True)
