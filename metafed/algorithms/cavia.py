"""CAVIA: Zintgraf et al., "Fast Context Adaptation via Meta-Learning", ICML 2019, arXiv 1810.03642, Algorithm 1.

A client adapts a short vector c, the context, and nothing else: c_0 = 0, c_{i+1} = c_i − α ∇_c L(θ, c_i; S). Contexts
are inputs of the first layer beside x, which computes W x + U c + b; U is learned like the rest of θ. The outer
direction ∇_θ L(θ, c_K(θ); Q), where θ has U, is exactly second order. Contexts are neither sent nor kept, and an
unseen client begins like all others.

Ours: c is added to the first bias of a family's own layers, or to the shift of its first norm. For a linear first
layer that is the same as further inputs; for a convolution it is a context for each channel, where the paper scales
and shifts the channels of a later layer (FiLM). U begins with variance 1/k, by numbers that are the same for every
seed. K is 5, like that of all other methods. The rate of a context is 1 unless a family or somebody says otherwise: by
0.1, which suits weights, five numbers that begin at 0 hardly move in five steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent, InnerRate, Learnable, descend
from metafed.algorithms.meta_gradient import meta_update
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import TRUNK, Params, part_of, spread
from metafed.core.streams import stream
from metafed.models import is_head
from metafed.tasks.task import Task
from metafed.training.batches import Plan

USE, CONTEXT = "context.weight", "context.value"
"""How U and c are called in a family's part."""


@final
class Cavia(Descent):
    """MAML that adapts a context, an input of the first layer, and no weights."""

    name: Annotated[Literal["cavia"], tyro.conf.Suppress] = "cavia"
    title: ClassVar[str] = "CAVIA"
    inner_lr: InnerRate = 1.0
    context: int = Field(5, ge=1, le=10**4, description="Numbers k of a client's context.")

    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def adapts(self, name: str) -> bool:
        """The context."""
        return name.endswith(f".{CONTEXT}")

    def shared(self, theta: Params) -> Params:
        """θ, and U ``(k, width)`` for every family."""
        uses = {}
        for part in dict.fromkeys(map(part_of, theta)):
            if part != TRUNK:
                bias = theta[first_bias(theta, part)]
                drawn = stream(0, f"cavia/{part}").standard_normal((self.context, *bias.shape)) / self.context**0.5
                uses[f"{part}.{USE}"] = torch.from_numpy(drawn).to(bias)
        return {**theta, **uses}

    def composed(self, whole: Params) -> Params:
        """θ with the context in its bias."""
        params = {n: value for n, value in whole.items() if not n.endswith((f".{USE}", f".{CONTEXT}"))}
        for name in whole:
            if self.adapts(name):
                part = part_of(name)
                bias = first_bias(params, part)
                params[bias] = params[bias] + torch.einsum("ck,ckw->cw", whole[name], whole[f"{part}.{USE}"])
        return params

    def local_objective(self, task: Task) -> Learnable:
        """The task's loss of θ with the context."""
        return WithContext(task, self)

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield θ with the context after each step."""
        whole = {**start, **self._contexts(start)}
        return map(self.composed, self.trains(task, whole, support, steps, plan))

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's exact gradient for θ and U, through the steps of the context."""
        start = spread(theta, len(episode.support.mask))
        whole, learned = {**start, **self._contexts(start)}, WithContext(task, self)
        rates = self.rates(whole, self.inner_steps)
        *_, adapted = descend(learned, whole, episode.support, rates, graph=True)
        composed = self.composed(adapted)
        return meta_update(task, composed, episode.query, wrt=start, step=self.inner_steps)

    def _contexts(self, start: Params) -> Params:
        """Return contexts of zeros ``(C, k)``."""
        return {
            n.replace(USE, CONTEXT): torch.zeros_like(use.detach()[..., 0]).requires_grad_()
            for n, use in start.items()
            if n.endswith(f".{USE}")
        }


@final
@dataclass(frozen=True)
class WithContext:
    """A task whose network has the context in its first layer."""

    task: Task
    algorithm: Cavia

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the task's outputs."""
        return self.task.predict(self.algorithm.composed(params), x, mask)

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return the task's loss."""
        return self.task.loss(output, batch)


def first_bias(params: Params, part: str) -> str:
    """Return the name of the first bias, or shift of a norm, below the head of ``part``.

    Raises:
        ValueError: There is none.
    """
    own = (n for n in params if part_of(n) == part and not is_head(n))
    found = next((n for n in own if n.rpartition(".")[2].startswith(("bias", "shift"))), None)
    if found is None:
        raise ValueError(f"the network of {part} has no bias below its head, where cavia puts the context")
    return found
