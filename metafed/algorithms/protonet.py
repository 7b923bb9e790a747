"""ProtoNet: Snell, Swersky, Zemel, "Prototypical Networks", NeurIPS 2017, arXiv 1703.05175.

Class j has the prototype c_j = mean of f(x) over its support rows (equation 1), and p(y = j | x) is the
softmax of −‖f(x) − c_j‖² (equation 2). That is a linear head with w_j = 2 c_j and b_j = −‖c_j‖² (section
2.4), since ‖f(x)‖² is the same for every class: adaptation puts this head in the place of the network's,
and is done in one step. The outer direction is the exact gradient of the query loss with respect to the
body f, through the prototypes. The network's own head is not used, not sent and not held.

Ours: before adaptation all classes are equally likely (a head of zeros). A class without a support row
has the mean of all support rows for its prototype.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import NeedsHead, Outer, Update
from metafed.algorithms.local_training import body, detached
from metafed.algorithms.meta_gradient import meta_update
from metafed.algorithms.one_step import OneStep
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.models import is_head
from metafed.tasks.task import Kind, Task
from metafed.training.batches import Plan


@final
class Protonet(OneStep):
    """Prototypical networks: the nearest class mean in a learned space."""

    name: Annotated[Literal["protonet"], tyro.conf.Suppress] = "protonet"
    title: ClassVar[str] = "ProtoNet"

    outer: ClassVar[Outer] = Outer("adam", 0.003)
    kinds: ClassVar[tuple[Kind, ...]] = ("classification",)
    needs_head: ClassVar[NeedsHead] = "linear"

    @property
    def training_steps(self) -> int:
        """One: the prototypes."""
        return 1

    def shared(self, theta: Params) -> Params:
        """The body."""
        return body(theta)

    def personal(self, theta: Params) -> Params:
        """Nothing: prototypes are made anew from every support set."""
        return {}

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield f with a head of zeros, then with the prototypes for a head."""
        self.check(task.model.part, task.kind)
        adapted = detached(prototypes(task, start, support))
        yield {n: torch.zeros_like(t) if is_head(n) else t for n, t in adapted.items()}
        yield from [adapted] * steps

    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's ∇_f of the query loss, through the prototypes."""
        self.check(task.model.part, task.kind)
        start = spread(theta, len(episode.support.mask))
        adapted = prototypes(task, start, episode.support)
        return meta_update(task, adapted, episode.query, wrt=start, step=1)


def prototypes(task: Task, params: Params, support: Batch) -> "dict[str, torch.Tensor]":
    """Return ``params`` with the linear head that the classes' prototypes amount to."""
    classes = task.model.outputs
    features, mask = task.model.embed(params, support.x, support.mask), support.mask.unsqueeze(-1)
    member = torch.nn.functional.one_hot(support.y, classes) * mask  # (C, N, J)
    rows = member.sum(1).unsqueeze(-1)  # (C, J, 1)
    sums = member.mT @ features  # (C, J, F)
    middle = (features * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    means = torch.where(rows > 0, sums / torch.where(rows > 0, rows, 1), middle)
    return {**params, **task.model.linear_head(2 * means.mT, -means.square().sum(-1))}
