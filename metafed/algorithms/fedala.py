"""FedALA: Zhang et al., "Adaptive Local Aggregation for Personalized FL", AAAI 2023, arXiv 2212.01197, Algorithm 1.

A client keeps the top layers u_k of the model that it trained last, and a weight in [0, 1] for every number of them,
W_k. It begins a round with ŵ = u + (θ − u) ⊙ W in these layers and with θ below. First W is learned on the client's
rows, W ← W − η ∇L(ŵ) ⊙ (θ − u), cut to [0, 1]; then ŵ descends as in FedAvg to w_k, K times. The client sends θ − w_k
with weight n_k.

Ours: the top layers are the head (the paper's p = 1), or all. W takes M steps in every round on all rows of the
episode, where the paper goes on to convergence the first time, and then takes an epoch on a part of the rows. By
default full-batch steps on support and query rows, as in ``fedavg``. Step 0 of evaluation is ŵ with the client's last
W; then W is learned on the support set, and K steps follow. An unseen client has u = θ, for which ŵ is θ whatever W
is.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import MOST_STEPS, NeedsHead
from metafed.algorithms.inner import is_own, leaves, own_name
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models import is_head
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class Fedala(LocalTraining):
    """FedAvg whose clients begin between θ and their last model, number by number."""

    name: Annotated[Literal["fedala"], tyro.conf.Suppress] = "fedala"
    title: ClassVar[str] = "FedALA"
    mixes: Literal["head", "all"] = Field("head", description="Layers that are mixed with the client's last model.")
    weight_steps: int = Field(1, ge=0, le=MOST_STEPS, description="Steps M of the weights W, before each training.")
    weight_lr: float = Field(1.0, gt=0, allow_inf_nan=False, description="Rate η of the weights W.")

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_head: ClassVar[NeedsHead] = "any"

    def private(self, name: str) -> bool:
        """The last model's layers, and W."""
        return is_own(name) or is_weight(name)

    def adapts(self, name: str) -> bool:
        """The model, in training and in evaluation."""
        return not self.private(name)

    def personal(self, theta: Params) -> Params:
        """The top layers u_k, at first those of θ, and W of ones."""
        top = {n: value for n, value in theta.items() if self._mixed(n)}
        weights = {weight_name(n): torch.ones_like(value) for n, value in top.items()}
        return {**{own_name(n): value for n, value in top.items()}, **weights}

    def composed(self, whole: Params) -> Params:
        """ŵ, where the client's own is at hand."""
        shared = {n: value for n, value in whole.items() if not self.private(n)}
        return {
            n: torch.lerp(whole[own_name(n)], value, whole[weight_name(n)]) if own_name(n) in whole else value
            for n, value in shared.items()
        }

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield ŵ, then the model after W and it were trained on the support set."""
        whole = {**start, **state}
        yield leaves(self.composed(whole))
        path = self.trains(task, self.composed(self._weighed(task, whole, support)), support, steps, plan)
        next(path)  # ŵ by the new W is not among the answers
        yield from path

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k, with its top layers as u_k, and W."""
        whole = self._weighed(task, start, rows)
        *_, last = self.trains(task, self.composed(whole), rows, self.inner_steps, plan)
        own = {own_name(n): value for n, value in last.items() if self._mixed(n)}
        return {**last, **own, **{n: value for n, value in whole.items() if is_weight(n)}}

    def _mixed(self, name: str) -> bool:
        return not self.private(name) and (self.mixes == "all" or is_head(name))

    def _weighed(self, task: Task, whole: Params, rows: Batch) -> Params:
        """Return what the client holds after M steps of W."""
        for _ in range(self.weight_steps):
            whole = leaves(whole)
            weights = {n: value for n, value in whole.items() if is_weight(n)}
            loss = task.loss(task.predict(self.composed(whole), rows.x, rows.mask), rows)
            slopes = torch.autograd.grad(loss.sum(), list(weights.values()))
            with torch.no_grad():
                moved = {
                    n: (w - self.weight_lr * g).clamp(0, 1) for (n, w), g in zip(weights.items(), slopes, strict=True)
                }
            whole = {**whole, **moved}
        return whole


def weight_name(name: str) -> str:
    """Return the name of the weight of parameter ``name``: ``avatar.head.bias`` → ``avatar.mix.head.bias``."""
    return own_name(name).replace(".own.", ".mix.", 1)


def is_weight(name: str) -> bool:
    """Say whether ``name`` is of a weight."""
    return name.split(".")[1] == "mix"
