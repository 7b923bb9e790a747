"""The interface of simple references: what they are computed from, and what they answer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch

from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.references.training import Fit, fitted
from metafed.tasks.task import Task


@dataclass(frozen=True)
class Ground:
    """What the references of one family's clients are computed from; no evaluation row is in it.

    Attributes:
        task: The family's network, loss and score.
        start: The initial parameters θ₀ of that network, without a client axis.
        anonymous: Whether classes are slots of the client's own.
        rows: The meta-training rows of seen clients that the pooled model is chosen on, as one client ``(1, N, …)``.
        held: Rows of other clients, to choose by ``(1, M, …)``: those of validation clients, or of a fifth of the seen
            ones. None: there are no others.
        everyone: The meta-training rows of all seen clients ``(1, N, …)``.
        seed: The run's.
    """

    task: Task
    start: Params
    anonymous: bool
    rows: Batch
    held: Batch | None
    everyone: Batch
    seed: int

    @cached_property
    def pooled(self) -> Fit:
        """The pooled model, fitted once.

        Raises:
            ValueError: There are no rows to choose by.
        """
        if self.held is None:
            raise ValueError("there is no other client to choose by")
        return fitted(self.task, self.start, self.rows, self.held, self.everyone, self.seed)


class Reference(NamedTuple):
    """A reference.

    Attributes:
        outputs: Returns the outputs ``(C, N, outputs)`` for query rows, whose targets are not even an argument. It is
            given the ground; an episode of each client's meta-training rows, to choose by; the support rows of each
            client's evaluation episode; the inputs of its query rows ``(C, N, …)``; and which of these are real.
        undefined: Returns why there is no such reference of these clients; None where there is one.
    """

    outputs: "Callable[[Ground, Episode, Batch, torch.Tensor, torch.Tensor], torch.Tensor]"
    undefined: Callable[[Ground], str | None] = lambda ground: None


def counts(batch: Batch, classes: int) -> "torch.Tensor":
    """Return how many rows of each class each client has ``(C, K)``."""
    return (torch.nn.functional.one_hot(batch.y, classes) * batch.mask.unsqueeze(-1)).sum(1)
