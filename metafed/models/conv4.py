"""Conv4: the network of few-shot learning (Vinyals et al. 2016, section 4.1; Snell et al. 2017; Finn et al. 2017).

Four blocks: 3 × 3 convolution → norm → nonlinearity → 2 × 2 max-pooling; then a linear head. An Omniglot
image of 28 × 28 becomes ``filters`` numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from metafed.core.parameters import Params
from metafed.models.base import Network
from metafed.models.blocks import block, channels_first, first_block, natively
from metafed.models.convolution import Norm, convolutions, convolve, embeddings, images
from metafed.models.pointwise import Activation, activate

BLOCKS = 4


@final
@dataclass(frozen=True)
class Conv4(Network):
    """Four convolutional blocks on images ``image = (channels, H, W)``."""

    image: tuple[int, int, int]
    filters: int
    norm: Norm
    activation: Activation

    settings: ClassVar[frozenset[str]] = frozenset({"filters", "norm", "activation"})
    # each block halves height and width, and one pixel is left
    smallest: ClassVar[int] = 2**BLOCKS

    @property
    def embedding(self) -> int:
        """Filters times the pixels that four poolings leave."""
        _, height, width = self.image
        return self.filters * (height >> BLOCKS) * (width >> BLOCKS)

    @property
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """The four convolutions with their norms."""
        inputs = [self.image[0], *[self.filters] * (BLOCKS - 1)]
        return convolutions(self.part, {i: (inputs[i], self.filters) for i in range(BLOCKS)}, self.norm)

    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return what the blocks make of flattened images ``(C, N, channels · H · W)``."""
        if natively(self.kernels, self.norm, x):
            x = first_block(params, self.part, x, self.image, self.norm, self.activation, 1, mask)
            for number in range(1, BLOCKS):
                x = block(params, self.part, number, x, self.norm, self.activation, 1, mask)
            return channels_first(x, self.filters).flatten(2)
        clients, x = len(x), images(x, self.image)
        for number in range(BLOCKS):
            x = convolve(params, self.part, number, x, self.norm, 1, mask)
            # pooling first gives the same, at a quarter of the work: the nonlinearity is monotone
            x = activate(self.activation, torch.nn.functional.max_pool2d(x, 2))
        return embeddings(x, clients)
