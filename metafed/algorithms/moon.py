"""MOON: Li, He, Song, "Model-Contrastive Federated Learning", CVPR 2021, arXiv 2103.16257, Algorithm 1.

FedAvg whose clients minimise L(w) + μ mean ℓ, where ℓ draws what the head sees of a row, z, to what it sees under θ,
z_θ, and away from what it saw under the client's last model u_k, z_u: ℓ = −log exp(cos(z, z_θ)/τ) / (exp(cos(z,
z_θ)/τ) + exp(cos(z, z_u)/τ)). z_θ and z_u are constants. A client sends θ − w_k with weight n_k and keeps w_k as u_k;
every client predicts with θ.

Ours: z is what the head sees; there is no projection head (the paper's two further layers). By default full-batch
steps on support and query rows, as in ``fedavg``; τ = 0.5 as in the paper, which tunes μ. Until a client has trained
once, u_k is θ, and ℓ has no gradient. Where steps are asked for in evaluation, θ is fine-tuned on the plain loss.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.inner import Learnable, is_own, own_name
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Kind, Task, masked_mean
from metafed.training.batches import Plan


@final
class Moon(LocalTraining):
    """FedAvg with a contrastive term that keeps what clients see near what θ sees."""

    name: Annotated[Literal["moon"], tyro.conf.Suppress] = "moon"
    title: ClassVar[str] = "MOON"
    mu: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength μ of the contrastive term.")
    temperature: float = Field(0.5, gt=0, allow_inf_nan=False, description="Temperature τ of the contrastive term.")

    kinds: ClassVar[tuple[Kind, ...]] = ("classification", "regression")
    weighable_losses: ClassVar[bool] = True
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_head: ClassVar[NeedsHead] = "any"
    fine_tunes: ClassVar[bool] = False

    @property
    def local_rate(self) -> float:
        """α."""
        return self.inner_lr

    def private(self, name: str) -> bool:
        """The last model."""
        return is_own(name)

    def adapts(self, name: str) -> bool:
        """The model."""
        return "." in name and name.split(".")[1] not in ("own", ROUND)

    def personal(self, theta: Params) -> Params:
        """A whole model u_k, at first θ."""
        return {own_name(n): value for n, value in theta.items()}

    def composed(self, whole: Params) -> Params:
        """θ: the last model predicts nothing."""
        return {n: value for n, value in whole.items() if self.adapts(n)}

    def local_objective(self, task: Task) -> Learnable:
        """The loss with the contrastive term, where there is what it contrasts."""
        return Contrast(task, self.mu, self.temperature)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k, and it as the last model."""
        self.check(task.model.part, task.kind)
        model = self.composed(start)
        anchor = {round_name(n): value for n, value in model.items()}
        *_, last = self.trains(task, {**start, **anchor}, rows, self.inner_steps, plan)
        trained = self.composed(last)
        return {**trained, **{own_name(n): value for n, value in trained.items()}}


ROUND = "round"
"""Marks θ's parameters as they were at the start of the round, while a client trains."""


def round_name(name: str) -> str:
    """Return the name of θ's parameter ``name`` at the start of the round."""
    return own_name(name).replace(".own.", f".{ROUND}.", 1)


@final
@dataclass(frozen=True)
class Contrast:
    """A task's loss + μ times the contrastive term, where the parameters have what that needs."""

    task: Task
    mu: float
    temperature: float

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs, with ℓ of each row as one more: ``(C, N, outputs + 1)``."""
        model = {n: value for n, value in params.items() if round_name(n) in params}
        output = self.task.predict(model or params, x, mask)
        if not model:
            return torch.cat([output, torch.zeros_like(output[..., :1])], -1)
        z = self.task.model.embed(model, x, mask)
        with torch.no_grad():
            fixed = [
                self.task.model.embed({n: params[name(n)] for n in model}, x, mask) for name in (round_name, own_name)
            ]
        near = torch.stack([torch.nn.functional.cosine_similarity(z, other, -1) for other in fixed], -1)
        row = -(near / self.temperature).log_softmax(-1)[..., :1]
        return torch.cat([output, row], -1)

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's loss and its mean of ℓ."""
        return self.task.loss(output[..., :-1], batch) + self.mu * masked_mean(output[..., -1], batch.mask)
