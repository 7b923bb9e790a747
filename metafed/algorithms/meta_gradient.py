"""What the methods share whose outer direction is the gradient of the query loss after the inner steps.

∇_θ L(φ_K(θ); Q) through all K steps is MAML's, exactly second order; ∇_φ L(φ_K; Q) at φ_K is the first-order one.
What tells the methods apart is which parameters the inner steps move, at which rates, and the order.
"""

from abc import ABC
from collections import deque
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import torch
import tyro
from pydantic import Field, model_validator

from metafed.algorithms.base import Outer, Update, hook
from metafed.algorithms.inner import Descent, Rates, SomeInnerSteps, descend
from metafed.algorithms.remat import rematerialized
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task
from metafed.training.batches import Plan


class MetaGradient(Descent, ABC):
    """MAML with any number of inner steps, and what ``Descent``'s hooks and ``first_order`` make of it."""

    remat: Annotated[bool, tyro.conf.arg(aliases=("--remat",)), tyro.conf.FlagCreatePairsOff] = Field(
        False,
        description="Keep the graph of one inner step at a time, and make the others again on the way back: less"
        " memory, more time, the same meta-gradient up to rounding.",
    )

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    @model_validator(mode="after")
    def _has_a_graph(self) -> Self:
        if self.remat and self.first_order:
            raise ValueError("--remat does nothing: a first-order method keeps no graph of its inner steps")
        return self

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's meta-gradient ∇_θ L(φ_K(θ); Q), or the first-order one.

        Where kernels can run whole episodes (``metafed.algorithms.whole``) they do; else autograd does, to the same
        result.
        """
        start = spread(theta, len(episode.support.mask))
        rates = self.rates(start, self.inner_steps)
        if self.remat:
            return rematerialized(task, start, episode, rates)
        # a task of somebody else's need not be a network at all
        if getattr(getattr(task, "model", None), "kernels", "torch") == "native":
            from metafed.algorithms.whole import episodes, fits

            numbers = alike(rates, theta)
            if numbers is not None and fits(task, theta):
                directions, losses, output = episodes(task, theta, episode, numbers, not self.first_order)
                return Update(directions, losses, output, torch.ones_like(losses), {}, len(rates))
        if self.first_order:
            return first_order(task, start, episode, rates)
        *_, adapted = descend(task, start, episode.support, rates, graph=True)
        return meta_update(task, adapted, episode.query, wrt=start, step=len(rates))


class LearnedRates(Descent, ABC):
    """A method whose server learns the rates along with θ; they are good for as many steps as were trained with."""

    inner_steps: SomeInnerSteps = 5

    beyond: ClassVar[str]
    """What becomes of steps beyond those."""

    @hook
    def evaluation_warning(self, steps: int) -> str | None:
        """Learned rates are good for as many steps as they were learned with."""
        if steps <= self.inner_steps:
            return None
        return (
            f"--eval-steps {steps} is more than the --inner-steps {self.inner_steps} that {type(self).__name__} learns"
            f" its rates for; {self.beyond}"
        )


def alike(rates: Sequence[Rates], theta: Params) -> list[float] | None:
    """Return one number a step where it is the rate of all parameters of θ; None where it is not so."""
    numbers = []
    for step in rates:
        found = {None if isinstance(rate, torch.Tensor) else rate for rate in step.values()}
        number = found.pop() if len(found) == 1 and step.keys() == theta.keys() else None
        if number is None:
            return None
        numbers.append(number)
    return numbers


def first_order(task: Task, start: Params, episode: Episode, rates: Sequence[Rates]) -> Update:
    """Return the first-order update at ``start`` ``(C, …)``."""
    # not ``*_, adapted``, which would keep the parameters of every step
    adapted = deque(descend(task, start, episode.support, rates), maxlen=1).pop()
    return meta_update(task, adapted, episode.query, wrt=adapted, step=len(rates))


def meta_update(task: Task, adapted: Params, query: Batch, wrt: Params, step: int) -> Update:
    """Return the update with direction ∇L(φ; query) at φ = ``adapted``, with respect to ``wrt``.

    With respect to θ, at the end of a path whose graph was kept, it is the exact meta-gradient; with
    respect to φ itself it is the first-order one.
    """
    output = task.predict(adapted, query.x, query.mask)
    losses = task.loss(output, query)
    values = torch.autograd.grad(losses.sum(), list(wrt.values()))
    directions = dict(zip(wrt, values, strict=True))
    return Update(directions, losses.detach(), output.detach(), torch.ones_like(losses), {}, step)
