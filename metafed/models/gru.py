"""A gated recurrent unit over a sequence: Cho et al., EMNLP 2014, arXiv 1406.1078, as ``torch.nn.GRU`` has its gates.

The cell is written out, since ``torch.vmap`` has no rule for ``nn.GRU``.
"""

import torch
from torch import nn

from metafed.models.inputs import SEQUENCE, Inputs
from metafed.models.moments import Moments


class Gru(nn.Module):
    """One recurrent layer and a linear head on its last state.

    Args:
        inputs: A sequence.
        outputs: Classes, or numbers to predict.
        hidden: Width of the state, and of a token's embedding.
    """

    inputs = SEQUENCE

    def __init__(self, inputs: Inputs, outputs: int, hidden: int = 32) -> None:
        super().__init__()
        self.moments = Moments(inputs, hidden)
        self.input = nn.Linear(self.moments.width, 3 * hidden)
        self.state = nn.Linear(hidden, 3 * hidden)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(N, outputs)`` of sequences ``(N, moments, …)``; padding leaves the state as it is."""
        values, there = self.moments(x)
        h = values.new_zeros(len(x), self.head.in_features)
        for now, real in zip(self.input(values).unbind(1), there.unbind(1), strict=True):
            (reset, keep, new), (r, z, n) = now.chunk(3, 1), self.state(h).chunk(3, 1)
            keep = torch.sigmoid(keep + z)
            new = torch.tanh(new + torch.sigmoid(reset + r) * n)
            h = torch.where(real, keep * h + (1 - keep) * new, h)
        return self.head(h)  # type: ignore[no-any-return]
