"""PFLlib's network for images, as a module of one's own: ``--network benchmarks.pfllib:Cnn``.

Two convolutions of 5 × 5 with 32 and 64 filters, each pooled by 2 × 2, a dense layer of 512 units, and a linear head.

Ours: the ReLU comes after the pooling, with the same outputs. Pooling reads the channels of a pixel side by side, which
is faster on a CPU; ``vmap`` has no rule for it, so a loop over clients computes the network.
"""

import torch
from torch import nn

from metafed.models import Inputs


class Cnn(nn.Module):
    """The network, for images of ``(channels, height, width)``."""

    def __init__(self, inputs: Inputs, outputs: int) -> None:
        super().__init__()
        channels, height, width = inputs.shape
        self.conv1, self.conv2 = nn.Conv2d(channels, 32, 5), nn.Conv2d(32, 64, 5)
        left = [((size - 4) // 2 - 4) // 2 for size in (height, width)]
        self.dense, self.head = nn.Linear(64 * left[0] * left[1], 512), nn.Linear(512, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(N, outputs)`` of images ``(N, channels, height, width)``."""
        for layer in (self.conv1, self.conv2):
            found = layer(x).contiguous(memory_format=torch.channels_last)
            x = nn.functional.max_pool2d(found, 2).relu()
        return self.head(self.dense(x.flatten(1)).relu())  # type: ignore[no-any-return]
