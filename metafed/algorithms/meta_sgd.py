"""Meta-SGD: Li, Zhou, Chen, Li, "Meta-SGD: Learning to Learn Quickly", 2017, arXiv 1707.09835.

φ_{i+1} = φ_i − a ⊙ ∇L(φ_i; S) with a rate a for every scalar of θ, learned like θ itself: the outer
direction is ∇_(θ, a) L(φ_K(θ, a); Q), exactly second order. After one step its half for a is
−∇L(θ; S) ⊙ ∇L(φ_1; Q), not the half for θ. The rates travel with θ: twice the bytes.

Ours: rates start at ``inner_lr``, all equal (the paper draws them at random), and K is 5, like that of
all other methods (the paper takes one step).
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent, Rates, SomeInnerSteps, descend, meta_update, rate_name
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task


@final
class MetaSgd(Descent):
    """MAML that learns a rate for every parameter, along with θ."""

    name: Annotated[Literal["meta-sgd"], tyro.conf.Suppress] = "meta-sgd"
    inner_steps: SomeInnerSteps = 5

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def trap(self, steps: int) -> str | None:
        """Learned rates are good for as many steps as they were learned with."""
        if steps <= self.inner_steps:
            return None
        return (
            f"--eval-steps {steps} is more than the --inner-steps {self.inner_steps} that {self.name} learns its"
            " rates for; beyond them such rates often diverge"
        )

    def shared(self, theta: Params) -> Params:
        """θ, and a rate for every scalar of it."""
        return {**theta, **{rate_name(n): torch.full_like(value, self.inner_lr) for n, value in theta.items()}}

    def personal(self, theta: Params) -> Params:
        """Nothing: a client starts from θ every time."""
        return {}

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield φ_0 … φ_K."""
        return descend(task, start, support, [learned(start)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return each client's meta-gradient with respect to θ and the rates."""
        start = spread(theta, len(episode.support.mask))
        *_, adapted = descend(task, start, episode.support, [learned(start)] * self.inner_steps, graph=True)
        return meta_update(task, adapted, episode.query, wrt=start, step=self.inner_steps)


def learned(start: Params) -> Rates:
    """Return the learned rates ``(C, …)`` of the network's parameters."""
    return {name: start[rate_name(name)] for name in start if rate_name(name) in start}
