"""FedEM: Marfoq, Neglia, Bellet, Kameni, Vidal, NeurIPS 2021, arXiv 2108.10252, Algorithm 1.

The server holds M models, and a client is a mixture of them with weights π_k of its own. E step: row i is model m's by
q_i(m) ∝ π_m exp(−ℓ_m(x_i, y_i)), ℓ being the loss of the row. M step: π_k = mean of q_i, and model m is trained on
Σ_i q_i(m) ℓ_m(x_i, y_i) / n_k, K steps from θ_m to w_m. The server averages every model as FedAvg does, with weights
n_k. A client sends θ − w of all models and keeps π_k: M times the bytes each way. It predicts with the mixture, Σ_m π_m
p_m(y | x) of probabilities, or Σ_m π_m f_m(x) of numbers.

Ours: by default full-batch steps on support and query rows, as in ``fedavg``. The models begin as ``several`` says. In
evaluation θ stays and a step is an E step on the support set with the new π; step 0 has the π_k that a client kept, and
equal weights for one that was never asked, unseen ones among them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import Table
from metafed.algorithms.local_training import LocalTraining
from metafed.algorithms.several import Models, several
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models.mixture import WEIGHTS, Mixture, components
from metafed.tasks.task import Kind, Supervised, Task
from metafed.training.batches import Plan


@final
class Fedem(LocalTraining):
    """Clients as mixtures of several models."""

    name: Annotated[Literal["fedem"], tyro.conf.Suppress] = "fedem"
    title: ClassVar[str] = "FedEM"
    models: Models = 3

    kinds: ClassVar[tuple[Kind, ...]] = ("classification", "regression")
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"

    def uses(self, table: Table) -> frozenset[str]:
        """All in training; in evaluation nothing: an E step has no rate."""
        return super().uses(table) if table == "local" else frozenset()

    def private(self, name: str) -> bool:
        """π_k."""
        return name == WEIGHTS

    def adapts(self, name: str) -> bool:
        """The models."""
        return not self.private(name)

    def shared(self, theta: Params) -> Params:
        """M models."""
        return several(theta, self.models)

    def personal(self, theta: Params) -> Params:
        """Equal weights."""
        return {WEIGHTS: next(iter(theta.values())).new_zeros(self.models)}

    def predictor(self, task: Task) -> Task:
        """The mixture."""
        assert isinstance(task, Supervised), "other kinds are refused"
        model, classifies = task.model, task.kind == "classification"
        return replace(task, model=Mixture(model.part, model.outputs, model, classifies, kernels=model.kernels))

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield the mixture with the weights after each E step."""
        self.check(task.model.part, task.kind)
        whole = dict(self.begin(task, start, state, support))
        yield whole
        for _ in range(steps):
            whole = {**whole, WEIGHTS: weights_of(responsibilities(task, whole, support), support.mask)}
            yield whole

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return the models after the M step, and the new weights."""
        self.check(task.model.part, task.kind)
        shares = responsibilities(task, start, rows)
        y = rows.y if task.kind == "regression" else rows.y.unsqueeze(-1).to(shares)
        weighed = rows._replace(y=torch.cat([y, shares], -1))
        models = {name: value for name, value in start.items() if self.adapts(name)}
        *_, last = self.trains(Weighed(task.model, task), models, weighed, self.inner_steps, plan)
        return {**last, WEIGHTS: weights_of(shares, rows.mask)}


def responsibilities(task: Task, params: Params, rows: Batch) -> "torch.Tensor":
    """Return q_i(m) ``(C, N, M)``; of padding anything."""
    with torch.no_grad():
        losses = row_losses(task, components(task.predict, params, rows.x, rows.mask), rows.y)
        return (params[WEIGHTS].unsqueeze(1) - losses).softmax(-1)


def weights_of(shares: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Return the logarithm ``(C, M)`` of the mean of shares ``(C, N, M)`` over the rows that are real; it is finite."""
    mean = (shares * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
    return mean.clamp(min=torch.finfo(mean.dtype).tiny).log()


def row_losses(task: Task, output: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
    """Return the loss ``(C, N, M)`` of every row for outputs ``(C, N, M, …)``: as if each were a client's only row."""
    models = output.shape[2]
    alone = output.flatten(0, 2).unsqueeze(1)
    targets = y.unsqueeze(2).expand(*y.shape[:2], models, *y.shape[2:]).flatten(0, 2).unsqueeze(1)
    one = alone.new_ones(len(alone), 1)
    return task.loss(alone, Batch(one, targets, one)).view(output.shape[:3])


@final
@dataclass(frozen=True)
class Weighed(Task):
    """Every model's loss on rows that are its own in part: ``y`` has their shares ``(C, N, M)`` behind the targets."""

    task: Task

    kind: ClassVar[Kind] = "regression"

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return every model's outputs ``(C, N, M, outputs)``."""
        return components(self.task.predict, params, x, mask)

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return Σ_m Σ_i q_i(m) ℓ_m(x_i, y_i) / n."""
        y, shares = batch.y[..., : -output.shape[2]], batch.y[..., -output.shape[2] :]
        targets = y if self.task.kind == "regression" else y.squeeze(-1).long()
        rows = (shares * row_losses(self.task, output, targets)).sum(-1)
        return (rows * batch.mask).sum(1) / batch.mask.sum(1)

    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Nothing is scored."""
        return batch.mask.sum(1) * torch.nan
