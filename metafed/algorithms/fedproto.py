"""FedProto: Tan, Long, Liu, Zhou, Lu, Jiang, Zhang, AAAI 2022, arXiv 2105.00243, Algorithm 1.

Clients exchange prototypes, not parameters. A client keeps a whole network v_k and takes K steps on
L(v) + λ Σ_j (n_j / n) ‖c_j(v) − C_j‖² / E, where c_j is the mean embedding, of E numbers, of its n_j of n rows that are
of class j, and C_j the server's prototype of that class. Then it sends the sum of the embeddings of its rows of each
class, and their number. The server's prototype is the mean over all rows of the class in the cohort; that of a class
that nobody had stays, and one that never was does not count in the loss.

Ours: by default full-batch steps on support and query rows, as in ``fedavg``; c_j is of the rows of a step. The
distance is a mean of squares over rows and numbers, as in the authors' code, which takes each row's own embedding for
c_j: the paper's sum over classes grows with their number and with the width, and λ = 1 diverges by the rates of the
loss. The paper's equation 6 divides by the number of clients besides, which no mean does. A client predicts with its
own head (the authors' code reports that and the nearest prototype), at step 0 with v_k, then after steps of the same
kind on the support set; unseen clients start from the initial network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.local_training import LocalTraining
from metafed.core.episodes import Batch
from metafed.core.parameters import Params, part_of
from metafed.models import is_head
from metafed.tasks.task import Kind, Task
from metafed.training.batches import Plan

PROTOTYPES, COUNTS = "prototypes", "counts"
"""What C ``(J, E)`` and the mean number of a client's rows ``(J,)`` are called within a part."""
ROUNDING = 1e-6
"""By how much a mean may differ from what it should be."""


@final
class Fedproto(LocalTraining):
    """Models of everybody's own that share the means of their classes."""

    name: Annotated[Literal["fedproto"], tyro.conf.Suppress] = "fedproto"
    title: ClassVar[str] = "FedProto"
    lam: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength λ of the pull towards the prototypes.")

    kinds: ClassVar[tuple[Kind, ...]] = ("classification",)
    counts_rows: ClassVar[bool] = True
    needs_head: ClassVar[NeedsHead] = "linear"

    def beside(self, name: str) -> bool:
        """All that the server holds."""
        return name.split(".")[1] in (PROTOTYPES, COUNTS)

    def private(self, name: str) -> bool:
        """The network."""
        return not self.beside(name)

    def adapts(self, name: str) -> bool:
        """The network."""
        return self.private(name)

    def shared(self, theta: Params) -> Params:
        """Prototypes for every family's head, of no rows yet."""
        found: dict[str, torch.Tensor] = {}
        for name, bias in theta.items():
            if is_head(name) and name.endswith(".bias"):
                part, classes = part_of(name), len(bias)
                width = theta[f"{part}.head.weight"].numel() // classes
                found[f"{part}.{PROTOTYPES}"] = bias.new_zeros(classes, width)
                found[f"{part}.{COUNTS}"] = bias.new_zeros(classes)
        return found

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield v_k and what becomes of it."""
        self.check(task.model.part, task.kind)
        return self.trains(self._guided(task, start), self.begin(task, start, state, support), support, steps, plan)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return v_k, and the sums and numbers of its embeddings by class."""
        self.check(task.model.part, task.kind)
        *_, last = self.trains(self._guided(task, start), start, rows, self.inner_steps, plan)
        with torch.no_grad():
            sums, counts = by_class(task.model.embed(last, rows.x, rows.mask), rows, task.model.outputs)
        return {**last, f"{task.model.part}.{PROTOTYPES}": sums, f"{task.model.part}.{COUNTS}": counts}

    def sent(self, start: Params, trained: Params) -> Params:
        """State sums and numbers."""
        return {name: value for name, value in trained.items() if self.beside(name)}

    def can_state(self, mean: Params, clients: int) -> bool:
        """Of a class there are no rows and no sum, or one row at least."""
        sums, counts = (mean[name] for name in names_of(mean))
        none = (counts == 0) & (sums == 0).all(1)
        return bool((none | (counts * clients > 1 - ROUNDING)).all())

    def outer_directions(self, theta: Params, mean: Params, share: float, kept: Params) -> tuple[Params, Params]:
        """Return the way to the means of the classes that somebody had."""
        sums, counts = names_of(mean)
        there = mean[counts] > 0
        means = mean[sums] / torch.where(there, mean[counts], 1).unsqueeze(1)
        new = {
            sums: torch.where(there.unsqueeze(1), means, theta[sums]),
            counts: torch.where(there, mean[counts], theta[counts]),
        }
        return {name: theta[name] - value for name, value in new.items()}, kept

    def _guided(self, task: Task, start: Params) -> "Guided":
        # θ is the same for all clients of a chunk
        prototypes, counts = (start[f"{task.model.part}.{what}"][0].detach() for what in (PROTOTYPES, COUNTS))
        return Guided(task.model, task, prototypes, counts > 0, self.lam)


def names_of(params: Params) -> list[str]:
    """Return what prototypes and counts are called in a part."""
    return [next(name for name in params if name.split(".")[1] == what) for what in (PROTOTYPES, COUNTS)]


def by_class(features: "torch.Tensor", rows: Batch, classes: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return sums ``(C, J, E)`` of embeddings and numbers ``(C, J)`` of rows by class."""
    member = torch.nn.functional.one_hot(rows.y, classes) * rows.mask.unsqueeze(-1)
    return member.mT @ features, member.sum(1)


@final
@dataclass(frozen=True, eq=False)
class Guided(Task):
    """A task with a pull of its classes' mean embeddings towards prototypes.

    Attributes:
        task: The task.
        prototypes: ``(J, E)``.
        known: Which of them there are ``(J,)``.
        strength: λ.
    """

    task: Task
    prototypes: "torch.Tensor"
    known: "torch.Tensor"
    strength: float

    kind: ClassVar[Kind] = "classification"

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return outputs and embeddings ``(C, N, outputs + E)``."""
        return torch.cat([self.task.predict(params, x, mask), self.model.embed(params, x, mask)], -1)

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's loss with the pull."""
        outputs, features = output.tensor_split([self.model.outputs], -1)
        sums, counts = by_class(features, batch, self.model.outputs)
        away = sums / counts.clamp(min=1).unsqueeze(-1) - self.prototypes
        pull = (away.square().mean(-1) * counts * self.known).sum(1) / counts.sum(1).clamp(min=1)
        return self.task.loss(outputs, batch) + self.strength * pull

    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return the task's score."""
        return self.task.score(output[..., : self.model.outputs], batch)
