"""A mixture of networks of one kind: what several sets of parameters predict together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import torch

from metafed.core.parameters import Params
from metafed.models.base import Network

WEIGHTS = "mixture.weights"
"""The logarithms of how much each component counts, up to a constant, ``(C, M)``."""

Function = Callable[[Params, "torch.Tensor", "torch.Tensor | None"], "torch.Tensor"]


@final
@dataclass(frozen=True)
class Mixture(Network):
    """Its parameters are those of its components ``(C, M, …)``, and their weights.

    Attributes:
        network: What each component is.
        classifies: Whether outputs are logits, whose probabilities are mixed, or numbers, which are averaged.
    """

    network: Network
    classifies: bool

    settings = frozenset()

    @property
    def embedding(self) -> int:
        """Width of what the components' heads see together."""
        return self.network.embedding

    @property
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of a component's parameters below the head."""
        return self.network.body

    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return what each component's head sees, ``(C, N, M, embedding)``."""
        return components(self.network.embed, params, x, mask)

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return logarithms of mixed probabilities, or mixed numbers ``(C, N, outputs)``."""
        each = components(self.network.predict, params, x, mask)
        weights = params[WEIGHTS].log_softmax(-1)[:, None, :, None]
        if not self.classifies:
            return (weights.exp() * each).sum(2)
        return (weights + each.log_softmax(-1)).logsumexp(2)


def components(
    function: Function, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None
) -> "torch.Tensor":
    """Return what a function of parameters and rows gives for each component ``(C, N, M, …)``: as M times C clients."""
    own = {name: value for name, value in params.items() if name != WEIGHTS}
    models = next(iter(own.values())).shape[1]
    many = {name: value.flatten(0, 1) for name, value in own.items()}
    rows = mask if mask is None else mask.repeat_interleave(models, 0)
    found = function(many, x.repeat_interleave(models, 0), rows)
    return found.reshape(-1, models, *found.shape[1:]).transpose(1, 2)
