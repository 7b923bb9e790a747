"""A network beside which the rows of a client vote, by the distances of their embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch

from metafed.core.parameters import Params
from metafed.models.base import Network

FEATURES, LABELS, SHARE = "memory.features", "memory.labels", "memory.share"
"""Parameters that a client's rows are: embeddings ``(C, N, E)``, labels ``(C, N, J)``, the share of their vote."""


@final
@dataclass(frozen=True)
class Neighbours(Network):
    """p(y | x) = (1 − λ) p of the network + λ vote of the nearest rows.

    Attributes:
        network: The network.
        number: How many rows vote.
    """

    network: Network
    number: int

    settings = frozenset()

    @property
    def embedding(self) -> int:
        """Width of what the head sees."""
        return self.network.embedding

    @property
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the parameters below the head."""
        return self.network.body

    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return what the head sees, ``(C, N, embedding)``."""
        return self.network.embed(own(params), x, mask)

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the logarithms of p(y | x), ``(C, N, classes)``; of the network alone where there are no rows."""
        if SHARE not in params:
            return self.network.predict(params, x, mask).log_softmax(-1)
        apart = distances(self.embed(params, x, mask), params[FEATURES])
        nearby = nearest_labels(apart, params[LABELS], self.number)
        return mixed(self.network.predict(own(params), x, mask), nearby, params[SHARE])


def own(params: Params) -> "dict[str, torch.Tensor]":
    """Return the network's own parameters."""
    return {name: value for name, value in params.items() if name not in (FEATURES, LABELS, SHARE)}


def distances(left: "torch.Tensor", right: "torch.Tensor") -> "torch.Tensor":
    """Return Euclidean distances ``(C, A, B)``, each computed by itself, whoever else is in the batch."""
    return torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")


def nearest_labels(apart: "torch.Tensor", labels: "torch.Tensor", number: int) -> "torch.Tensor":
    """Return the vote ``(C, A, J)`` of the nearest rows: Σ exp(−distance) by label, as shares; 0 where nobody votes.

    Args:
        apart: Distances ``(C, A, B)`` of A rows to B rows that may vote; one at an infinite distance has none.
        labels: What they vote for ``(C, B, J)``; padding votes for nothing.
        number: How many vote.
    """
    apart = apart.masked_fill(labels.sum(-1).unsqueeze(1) == 0, torch.inf)
    near, which = apart.topk(min(number, apart.shape[2]), dim=2, largest=False)
    # the nearest has weight 1: only proportions count
    weights = (near[..., :1] - near).exp().masked_fill(near.isinf(), 0)
    spread = torch.zeros_like(apart).scatter(2, which, weights)
    return (spread @ labels) / weights.sum(-1, keepdim=True).clamp(min=1)


def mixed(logits: "torch.Tensor", nearby: "torch.Tensor", share: "torch.Tensor") -> "torch.Tensor":
    """Return log((1 − λ) softmax(logits) + λ nearby) for shares λ ``(C,)`` below 1."""
    share = share[:, None, None]
    return torch.logaddexp((1 - share).log() + logits.log_softmax(-1), share.log() + nearby.log())
