"""FedRoD: Chen, Chao, ICLR 2022, arXiv 2107.00778, Algorithm 1, with linear personal heads.

Body b and generic head h descend on a balanced loss and are averaged, θ = (b, h), as in FedAvg. A client keeps a head
g_k of its own, which descends on the plain loss of both heads' sum h(z) + g_k(z), where b, z and h are constants. It
predicts with the sum. The balanced loss is the balanced softmax: cross-entropy of the logits + log n_y, with n_y the
client's rows of class y. A client sends θ − w_k with weight n_k; heads g_k are never sent.

Ours: a class without rows counts as 1e-6 rows, for a finite logarithm; n_y is of support and query rows together; by
default full-batch steps on these, as in ``fedavg``. g_k begins at 0, so that an unseen client's step 0 is the generic
model, and K steps of g_k on the support set follow; the paper's hypernetwork that makes heads for new clients is left
out. Classification only.
"""

from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.beside import Beside
from metafed.algorithms.inner import is_own, own_name
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models import is_head
from metafed.tasks.task import Kind, Task
from metafed.training.batches import Plan

FEWEST = 1e-6
"""Rows of a class that a client has none of."""


@final
class Fedrod(Beside):
    """A generic model on a balanced loss, and a head of one's own that is added to its head."""

    name: Annotated[Literal["fedrod"], tyro.conf.Suppress] = "fedrod"
    title: ClassVar[str] = "FedRoD"

    kinds: ClassVar[tuple[Kind, ...]] = ("classification",)
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_head: ClassVar[NeedsHead] = "linear"

    def personal(self, theta: Params) -> Params:
        """A head g_k of zeros."""
        return {own_name(n): torch.zeros_like(value) for n, value in theta.items() if is_head(n)}

    def composed(self, whole: Params) -> Params:
        """The model whose head is the sum of the two: both are linear."""
        shared = {n: value for n, value in whole.items() if not is_own(n)}
        return {n: value + whole[own_name(n)] if is_head(n) else value for n, value in shared.items()}

    def shared_output(self, params: Params, output: "torch.Tensor") -> "torch.Tensor":
        """Return the logits of the balanced softmax, in training."""
        counts = next((value for n, value in params.items() if n.endswith(ROWS)), None)
        return output if counts is None else output + counts.log().unsqueeze(1)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return body and both heads after K steps."""
        self.check(task.model.part, task.kind)
        member = torch.nn.functional.one_hot(rows.y, task.model.outputs) * rows.mask.unsqueeze(-1)
        counts = {f"{task.model.part}.{ROWS}": member.sum(1).clamp(min=FEWEST)}
        *_, last = self.trains(task, {**start, **counts}, rows, self.inner_steps, plan, names=start)
        return {name: last[name] for name in start}


ROWS = "rows.of.class"
"""Where the rows of each class ``(C, J)`` stand among the parameters while a client trains."""
