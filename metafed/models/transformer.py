"""A small causal transformer over a sequence: Vaswani et al., NeurIPS 2017, arXiv 1706.03762, norms first.

Attention is written out: the fused kernels have no second derivative on a CPU.
"""

from math import sqrt

import torch
from torch import nn

from metafed.models.inputs import SEQUENCE, Inputs
from metafed.models.moments import Moments


class Attention(nn.Module):
    """Every moment sees itself and the real ones before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: "torch.Tensor", seen: "torch.Tensor") -> "torch.Tensor":
        """Return ``(N, T, width)``; ``seen (N, T, T)`` says which moments (last axis) each one sees."""
        query, key, value = self.project(x).unflatten(-1, (3 * self.heads, -1)).transpose(-3, -2).chunk(3, -3)
        likeness = query @ key.mT / sqrt(query.shape[-1])
        weights = likeness.masked_fill(~seen.unsqueeze(-3), -torch.inf).softmax(-1)
        return self.out((weights @ value).transpose(-3, -2).flatten(-2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then two layers at each moment by itself, each beside what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.second = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: "torch.Tensor", seen: "torch.Tensor") -> "torch.Tensor":
        """Return ``(N, T, width)``; arguments as in ``Attention``."""
        x = x + self.attention(self.first(x), seen)
        return x + self.layers(self.second(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Blocks of causal attention, and a linear head on the last moment.

    Args:
        inputs: A sequence.
        outputs: Classes, or numbers to predict.
        width: Numbers of a moment in between.
        heads: Heads of attention; they divide ``width``.
        layers: Blocks.

    Raises:
        ValueError: The heads do not divide the width.
    """

    inputs = SEQUENCE

    def __init__(self, inputs: Inputs, outputs: int, width: int = 32, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads {heads} do not divide width {width}")
        self.moments = Moments(inputs, width)
        self.embed = nn.Linear(self.moments.width, width)
        self.place = nn.Parameter(0.02 * torch.randn(self.moments.length, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(N, outputs)`` of sequences ``(N, moments, …)``; padding is seen by nobody else."""
        values, there = self.moments(x)
        x = self.embed(values) + self.place
        alone = torch.eye(self.moments.length, dtype=torch.bool, device=x.device)
        seen = (there.mT & alone.new_ones(alone.shape).tril()) | alone
        for block in self.blocks:
            x = block(x, seen)
        return self.head(self.norm(x[:, -1]))  # type: ignore[no-any-return]
