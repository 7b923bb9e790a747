"""Factories of networks that runs name as ``tests.integration.own_modules:NAME``."""

import os

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from tests.metafed.models.modules import Cnn, Gru, NormedMlp, ResNet, Transformer

__all__ = [
    "BatchNormed",
    "Cnn",
    "Deep",
    "Frozen",
    "Gru",
    "Headless",
    "NormedMlp",
    "ResNet",
    "Transformer",
    "Unpicklable",
    "broken",
]


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


class BatchNormed(Headless):
    """A batch norm over rows, one value a channel of a row."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs, track_running_stats=False)

    def forward(self, x):
        return self.norm(super().forward(x))


class Frozen(NormedMlp):
    """Frozen values and buffers of several types, which say in which process they were made; it counts its calls."""

    def __init__(self, inputs, outputs, calls=""):
        super().__init__(inputs, outputs)
        if calls:
            with open(calls, "a") as file:
                file.write(f"{os.getpid()}\n")
        self.scale = nn.Parameter(torch.full((5, 1), os.getpid() / 2**22), requires_grad=False)
        self.register_buffer("order", torch.tensor([4, 3, 2, 1, 0]))
        self.register_buffer("shift", torch.full((5,), os.getpid() / 2**22, dtype=torch.bfloat16))

    def forward(self, x):
        return super().forward(x * (self.scale.mean() + self.shift.to(x.dtype)[self.order].mean()))


class Unpicklable(Frozen):
    """The same with a parametrization, which PyTorch does not pickle."""

    def __init__(self, inputs, outputs, calls=""):
        super().__init__(inputs, outputs, calls)
        self.stem = weight_norm(self.stem)


def broken(inputs, outputs):
    """Raise."""
    raise FileNotFoundError("weights.pt")


NOT_CALLABLE = 3
