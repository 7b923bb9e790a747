"""kNN-Per: Marfoq, Neglia, Kameni, Vidal, "… through Local Memorization", ICML 2022, arXiv 2111.09360, Algorithm 1.

θ is trained as in FedAvg. A client does not change it: it remembers the embeddings and labels of its support rows, and
predicts p(y | x) = (1 − λ_k) softmax(f_θ(x)) + λ_k vote(x). The vote is that of the k rows whose embeddings are nearest
to x's, each with weight exp(−distance), equations 6 to 8. Nothing is sent beside FedAvg's θ − w_k, and nothing is kept:
unseen clients do just the same.

Ours: λ_k is the one of 0, 0.1, …, 0.9 with the largest likelihood of the support rows, each of which is left out when
its own neighbours vote (theirs by the accuracy on validation rows, up to 1, which gives probabilities of 0). Step 0 is
θ, step 1 has the vote.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.local_training import LocalTraining
from metafed.algorithms.one_step import OneStep
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.models.neighbours import FEATURES, LABELS, SHARE, Neighbours, distances, mixed, nearest_labels
from metafed.tasks.task import Kind, Supervised, Task
from metafed.training.batches import Plan

SHARES = 10
"""λ is one of so many, from 0 in steps of 0.1."""


@final
class KnnPer(OneStep, LocalTraining):
    """FedAvg, and the vote of a client's own nearest rows."""

    name: Annotated[Literal["knn-per"], tyro.conf.Suppress] = "knn-per"
    title: ClassVar[str] = "kNN-Per"
    neighbours: int = Field(10, ge=1, le=10**6, description="Rows k that vote.")

    kinds: ClassVar[tuple[Kind, ...]] = ("classification",)
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    counts_rows: ClassVar[bool] = True
    needs_head: ClassVar[NeedsHead] = "any"

    def predictor(self, task: Task) -> Task:
        """The network with the vote."""
        assert isinstance(task, Supervised), "other kinds are refused"
        model = task.model
        return replace(task, model=Neighbours(model.part, model.outputs, model, self.neighbours, kernels=model.kernels))

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield θ without the vote, then with it."""
        self.check(task.model.part, task.kind)
        with torch.no_grad():
            remembered = memory(task, start, support, self.neighbours)
        yield {**start, **remembered, SHARE: torch.zeros_like(remembered[SHARE])}
        yield from [{**start, **remembered}] * steps


def memory(task: Task, start: Params, support: Batch, neighbours: int) -> "dict[str, torch.Tensor]":
    """Return what a client remembers of its rows, and how much their vote counts: by rows that are left out."""
    features = task.model.embed(start, support.x, support.mask)
    labels = torch.nn.functional.one_hot(support.y, task.model.outputs) * support.mask.unsqueeze(-1)
    apart = distances(features, features)
    apart = apart + torch.diag(apart.new_full((len(apart[0]),), torch.inf))
    logits, nearby = task.model.predict(start, support.x, support.mask), nearest_labels(apart, labels, neighbours)
    shares = torch.arange(SHARES).to(apart) / SHARES
    likelihoods = [
        (mixed(logits, nearby, share.expand(len(apart))).masked_fill(labels == 0, 0)).sum((1, 2)) for share in shares
    ]
    return {FEATURES: features, LABELS: labels, SHARE: shares[torch.stack(likelihoods, 1).argmax(1)]}
