"""What an algorithm may know of a client's task: a network, a loss and a score, nothing of data or families."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from metafed.episodes import Batch
from metafed.models import Network
from metafed.parameters import Params

Kind: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True)
class Task:
    """A network with the loss and the score of its kind. All results are per client, shape ``(C,)``."""

    model: Network
    kind: Kind

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs ``(C, N, outputs)``; ``mask (C, N)`` says which rows of ``x`` are real, None that all are.

        A network may judge rows by the company that they are in (batch norm), so a batch's mask goes with its rows.
        """
        return self.model.predict(params, x, mask)

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's mean loss over its rows: cross-entropy (nats) or mean squared error."""
        if self.kind == "classification":
            rows = torch.nn.functional.cross_entropy(output.flatten(0, 1), batch.y.flatten(), reduction="none")
            return masked_mean(rows.view(batch.mask.shape), batch.mask)
        return masked_mean((output - batch.y).square().mean(-1), batch.mask)

    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's score: accuracy, or skill = 1 − MSE / MSE of the client's constant predictor.

        The constant predictor answers with the mean of the client's own query targets: the best
        constant there is, so skill is the coefficient of determination.
        """
        if self.kind == "classification":
            return masked_mean((output.argmax(-1) == batch.y).to(batch.mask.dtype), batch.mask)
        return 1 - self.loss(output, batch) / constant_error(batch)


def masked_mean(rows: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Mean of ``rows (C, N)`` over the rows that ``mask (C, N)`` marks, ``(C,)``; padding may hold anything finite."""
    return (rows * mask).sum(1) / mask.sum(1)


def constant_error(batch: Batch) -> "torch.Tensor":
    """Mean squared error ``(C,)`` of the best constant predictor of each client's targets ``(C, N, D)``."""
    mask = batch.mask.unsqueeze(-1)
    mean = (batch.y * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    return masked_mean((batch.y - mean).square().mean(-1), batch.mask)
