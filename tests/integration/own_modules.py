"""Factories of networks that runs name as ``tests.integration.own_modules:NAME``."""

import torch
from torch import nn

from tests.metafed.models.modules import Cnn, Gru, NormedMlp, ResNet

__all__ = ["Cnn", "Deep", "Gru", "Headless", "NormedMlp", "ResNet", "broken"]


class Headless(nn.Module):
    """A network whose one layer is no linear one."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs.size, outputs) / inputs.size)

    def forward(self, x):
        return x @ self.weight


class Deep(NormedMlp):
    """A trunk that is unlike ``NormedMlp``'s."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, width=6)


def broken(inputs, outputs):
    """Raise."""
    raise FileNotFoundError("weights.pt")


NOT_CALLABLE = 3
