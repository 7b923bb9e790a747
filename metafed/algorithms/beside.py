"""What the methods share whose clients train parameters of their own beside a shared model, in the same steps.

The shared model w descends on its own loss, as in FedAvg. The client's own parameters v descend on the loss of the
model that w and v make together, in which w counts as a constant. So v never moves w, and only θ − w_k is sent.
"""

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch

from metafed.algorithms.base import hook
from metafed.algorithms.inner import Learnable, is_own
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Task
from metafed.training.batches import Plan


class Beside(LocalTraining, ABC):
    """A shared model, and what its clients learn beside it; ``composed`` says what they make together."""

    @hook
    def private(self, name: str) -> bool:
        """What is beside."""
        return is_own(name)

    @hook
    def adapts(self, name: str) -> bool:
        """In evaluation what is beside."""
        return is_own(name)

    @hook
    def local_objective(self, task: Task) -> Learnable:
        """The two losses."""
        return BothLosses(task, self.composed, self.shared_output)

    @hook
    def shared_output(self, params: Params, output: "torch.Tensor") -> "torch.Tensor":
        """Return what the shared model's loss is taken of, from its output: just that."""
        return output

    @hook
    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k and v_k after K steps of both."""
        *_, last = self.trains(task, start, rows, self.inner_steps, plan, names=start)
        return last


@final
@dataclass(frozen=True)
class BothLosses:
    """The loss of the shared model, and that of the one that a client makes of it.

    Attributes:
        task: The client's network and loss.
        composed: Makes the client's model.
        shared_output: Makes of the shared model's output what its loss is taken of.
    """

    task: Task
    composed: Callable[[Params], Params]
    shared_output: "Callable[[Params, torch.Tensor], torch.Tensor]"

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs of both models, ``(2, C, N, …)``; of the client's alone ``(1, …)`` where w stays."""
        fixed = {n: value if is_own(n) else value.detach() for n, value in params.items()}
        own = [self.task.predict(self.composed(fixed), x, mask)]
        if any(value.requires_grad for n, value in params.items() if not is_own(n)):
            own.insert(0, self.shared_output(params, self.task.predict(params, x, mask)))
        return torch.stack(own)

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return the sum of the losses; each parameter is in one of them."""
        return torch.stack([self.task.loss(each, batch) for each in output]).sum(0)
