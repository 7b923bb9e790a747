"""Networks of the sizes that people use, as modules: ResNet-8, and an encoder of MiniLM's shape with adapters."""

from itertools import pairwise

import torch
from torch import nn

from metafed.models import Inputs


class Block(nn.Module):
    """Two convolutions with group norm, and a way around them (He et al. 2016, arXiv 1512.03385)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(2))
        self.around = nn.Identity() if stride == 1 and before == width else nn.Conv2d(before, width, 1, stride)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the block's output."""
        y = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(y)) + self.around(x))


class ResNet8(nn.Module):
    """Three blocks of 16, 32 and 64 filters; group norm, so that a row does not see the others."""

    def __init__(self, inputs: Inputs, outputs: int, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(inputs.shape[0], width, 3, 1, 1)
        widths = (width, width, 2 * width, 4 * width)
        self.blocks = nn.Sequential(*(Block(before, own, 1 + (own > before)) for before, own in pairwise(widths)))
        self.head = nn.Linear(4 * width, outputs)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(N, outputs)``."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Adapted(nn.Module):
    """A frozen linear layer with an adapter of rank r that is trained (Hu et al. 2022, LoRA, arXiv 2106.09685)."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.whole = nn.Linear(width, width).requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, width) / width)
        self.up = nn.Parameter(torch.randn(width, rank) * 1e-3)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the layer's output."""
        return self.whole(x) + x @ self.down.T @ self.up.T  # type: ignore[no-any-return]


class Layer(nn.Module):
    """An encoder's layer: attention whose queries and values have adapters, and a frozen perceptron."""

    def __init__(self, width: int, heads: int, rank: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.value = Adapted(width, rank), Adapted(width, rank)
        self.key, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        for frozen in (self.key, self.out, self.wide, self.narrow, self.norms):
            frozen.requires_grad_(False)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the layer's output ``(N, T, width)``."""
        query, key, value = (
            each(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.query, self.key, self.value)
        )
        weights = torch.softmax(query @ key.mT / query.shape[-1] ** 0.5, -1)
        x = self.norms[0](x + self.out((weights @ value).transpose(1, 2).flatten(2)))
        return self.norms[1](x + self.narrow(nn.functional.gelu(self.wide(x))))  # type: ignore[no-any-return]


class MiniLm(nn.Module):
    """An encoder of MiniLM's shape with random weights: 6 layers of 384, 12 heads, adapters of rank 8, a trained head.

    It reads 64 numbers as 16 tokens of four: what is measured is time, which does not depend on the weights.
    """

    def __init__(self, inputs: Inputs, outputs: int, width: int = 384, depth: int = 6, rank: int = 8) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width).requires_grad_(False)
        self.layers = nn.Sequential(*(Layer(width, max(1, width // 32), rank) for _ in range(depth)))
        self.head = nn.Linear(width, outputs)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(N, outputs)``."""
        return self.head(self.layers(self.embed(x.unflatten(1, (-1, 4)))).mean(1))  # type: ignore[no-any-return]
