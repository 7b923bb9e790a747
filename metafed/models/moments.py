"""A sequence's moments as vectors, whatever they were: numbers, numbers with a mask, or tokens."""

import torch
from torch import nn

from metafed.models.inputs import Inputs


class Moments(nn.Module):
    """What a network for sequences begins with; tokens have an embedding.

    Args:
        inputs: A sequence.
        embedding: Width of a token's embedding.

    Raises:
        ValueError: The inputs are no sequence.
    """

    def __init__(self, inputs: Inputs, embedding: int) -> None:
        super().__init__()
        if inputs.kind != "sequence":
            raise ValueError(f"the inputs are {inputs.kind}, not a sequence")
        self.masked, self.length = inputs.masked, inputs.shape[0]
        self.embedding = nn.Embedding(inputs.vocabulary, embedding) if inputs.vocabulary else None
        self.width = embedding if inputs.vocabulary else inputs.shape[1] - inputs.masked

    def forward(self, x: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the moments ``(N, T, width)``, and which of them are real ``(N, T, 1)``, bool."""
        if self.embedding is not None:
            return self.embedding(x), (x != 0).unsqueeze(-1)
        if self.masked:
            return x[..., :-1], x[..., -1:] > 0
        return x, torch.ones_like(x[..., :1], dtype=torch.bool)
