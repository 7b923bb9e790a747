"""The network of families whose inputs are plain numbers: family stem, shared trunk, family head.

A family's stem maps its own features to the trunk's width, the trunk is common to all families, the
head maps to the family's outputs. Only linear layers: no statistics of a batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from metafed.core.parameters import TRUNK, Params
from metafed.models.base import Network, affine_shapes
from metafed.models.pointwise import Activation


@final
@dataclass(frozen=True)
class Mlp(Network):
    """Stem and head of ``part``, around a trunk of ``depth`` layers ``width → width``."""

    features: int
    width: int
    depth: int
    activation: Activation

    settings: ClassVar[frozenset[str]] = frozenset({"width", "depth", "activation"})
    on_trunk: ClassVar[bool] = True

    @property
    def embedding(self) -> int:
        """The trunk's width."""
        return self.width

    @property
    def layers(self) -> tuple[tuple[str, int, int], ...]:
        """Layers below the head, as ``(name, inputs, outputs)``."""
        stem = (f"{self.part}.stem", self.features, self.width)
        return (stem, *((f"{TRUNK}.{i}", self.width, self.width) for i in range(self.depth)))

    @property
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """Stem and trunk."""
        return {name: shape for layer in self.layers for name, shape in affine_shapes(*layer).items()}

    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the trunk's output ``(C, N, width)``; rows do not touch one another, so no mask is needed."""
        for name, _, _ in self.layers:
            x = self.affine(params, name, x, self.activation)
        return x
