"""The small network of the article that this project grew from: two convolutions and a hidden layer.

Two 3 × 3 convolutions of 64 filters, a hidden layer of 64, a linear head. The article's flattened size
does not fit 28 × 28 images; here the second feature map is pooled to 5 × 5, whatever the image's size.

Ours: no padding, 2 × 2 max-pooling after the first convolution, adaptive average-pooling after the second.
The article names no norm: ``norm = "none"`` is its setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from metafed.core.parameters import Params
from metafed.models.base import Network, affine_shapes
from metafed.models.blocks import block, channels_first, first_block, natively
from metafed.models.convolution import Norm, convolutions, convolve, embeddings, images
from metafed.models.pointwise import Activation, activate

POOLED = 5
"""Height and width of the last feature map."""


@final
@dataclass(frozen=True)
class SmallConv(Network):
    """Two convolutions of ``filters`` and a hidden layer of ``width``, on images ``(channels, H, W)``."""

    image: tuple[int, int, int]
    filters: int
    width: int
    norm: Norm
    activation: Activation

    settings: ClassVar[frozenset[str]] = frozenset({"filters", "width", "norm", "activation"})
    # a convolution takes 2 of height and width, and pooling half: of what is left the second one makes a pixel
    smallest: ClassVar[int] = 2 * (1 + 2) + 2

    @property
    def embedding(self) -> int:
        """The width of the hidden layer."""
        return self.width

    @property
    def hidden(self) -> tuple[str, int, int]:
        """The hidden layer, as ``(name, inputs, outputs)``."""
        return (f"{self.part}.hidden", self.filters * POOLED * POOLED, self.width)

    @property
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """The convolutions with their norms, and the hidden layer."""
        plan = {0: (self.image[0], self.filters), 1: (self.filters, self.filters)}
        return {**convolutions(self.part, plan, self.norm), **affine_shapes(*self.hidden)}

    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the hidden layer ``(C, N, width)`` for flattened images ``(C, N, channels · H · W)``."""
        return self.affine(params, self.hidden[0], self._pooled(params, x, mask), self.activation)

    def _pooled(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
        """Return what the convolutions make of the images, ``(C, N, filters · POOLED²)``."""
        if natively(self.kernels, self.norm, x):
            rows = x.shape[:2]
            x = first_block(params, self.part, x, self.image, self.norm, self.activation, 0, mask)
            x = block(params, self.part, 1, x, self.norm, self.activation, 0, mask, pool=False)
            x = torch.nn.functional.adaptive_avg_pool2d(channels_first(x, self.filters).flatten(0, 1), POOLED)
            return x.reshape(*rows, -1)
        clients, x = len(x), images(x, self.image)
        x = convolve(params, self.part, 0, x, self.norm, 0, mask)
        x = activate(self.activation, torch.nn.functional.max_pool2d(x, 2))
        x = activate(self.activation, convolve(params, self.part, 1, x, self.norm, 0, mask))
        return embeddings(torch.nn.functional.adaptive_avg_pool2d(x, POOLED), clients)
