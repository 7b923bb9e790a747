"""APFL: Deng, Kamani, Mahdavi, "Adaptive Personalized Federated Learning", 2020, arXiv 2003.13461, Algorithm 1.

A client keeps a model v_k and a share a_k of it, and predicts with v̄ = a v + (1 − a) w. In a round w begins at θ and
descends as in FedAvg, w ← w − α ∇L(w), while v descends on the loss of the mixture, v ← v − α ∇_v L(v̄) = v − α a
∇L(v̄), K times. The share is learned: once a round a ← a − γ ⟨v − w, ∇L(v̄)⟩, cut to [0, 1], before the other steps,
as in the authors' code. A client sends θ − w_k; the server's mean is uniform.

Ours: by default full-batch steps on support and query rows, as in ``fedavg``; the share's step is always full batch,
and has a rate of its own. Step 0 of evaluation is v̄ with θ for w; K steps of v on the support set follow, with the
share as it is. The paper has no clients that join later: an unseen client begins with v = θ and the initial share, so
that its step 0 is θ.
"""

from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.beside import Beside
from metafed.algorithms.inner import is_own, leaves, own_name
from metafed.core.episodes import Batch
from metafed.core.parameters import Params, part_of
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class Apfl(Beside):
    """A mixture of θ and a model of one's own, the share of which is learned."""

    name: Annotated[Literal["apfl"], tyro.conf.Suppress] = "apfl"
    title: ClassVar[str] = "APFL"
    share: float = Field(0.5, ge=0, le=1, description="Initial share of a client's own model in its mixture.")
    share_lr: float = Field(0.1, ge=0, allow_inf_nan=False, description="Rate γ of the share; 0: it stays.")

    def personal(self, theta: Params) -> Params:
        """A whole model v_k, at first θ, and its share."""
        first = next(iter(theta.values()))
        share = torch.full((1,), self.share, dtype=first.dtype, device=first.device)
        return {**{own_name(n): value for n, value in theta.items()}, share_name(theta): share}

    def adapts(self, name: str) -> bool:
        """In evaluation v; the share stays."""
        return is_own(name) and not name.endswith(".own.share")

    def composed(self, whole: Params) -> Params:
        """The mixture v̄."""
        share = whole[share_name(whole)]
        return {n: mixed(share, whole[own_name(n)], w) for n, w in whole.items() if not is_own(n)}

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k, v_k and the share: that after one step, and then the others after K."""
        share, whole = share_name(start), leaves(start)
        loss = task.loss(task.predict(self.composed(whole), rows.x, rows.mask), rows)
        (slope,) = torch.autograd.grad(loss.sum(), [whole[share]])
        moved = (start[share] - self.share_lr * slope).clamp(0, 1)
        names = [name for name in start if name != share]
        *_, last = self.trains(task, {**start, share: moved}, rows, self.inner_steps, plan, names=names)
        return last


def share_name(params: Params) -> str:
    """Return the name of the share: it is in the first part that the client holds."""
    return f"{part_of(next(iter(params)))}.own.share"


def mixed(share: "torch.Tensor", own: "torch.Tensor", shared: "torch.Tensor") -> "torch.Tensor":
    """Return a v + (1 − a) w, for shares ``(C, 1)``."""
    return torch.lerp(shared, own, share.reshape(-1, *[1] * (own.ndim - 1)))
