"""Nonlinearities that act on each number by itself."""

from typing import Literal, TypeAlias

import torch

Activation: TypeAlias = Literal["relu", "tanh"]


def activate(activation: Activation, x: "torch.Tensor") -> "torch.Tensor":
    """Return ReLU or tanh of ``x``; both are monotone, so that they commute with max-pooling."""
    return torch.relu(x) if activation == "relu" else torch.tanh(x)
