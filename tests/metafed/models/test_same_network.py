"""Our networks of convolutions are those that the same layers of PyTorch make, run as a user's module."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from metafed.algorithms import ALGORITHMS
from metafed.core.episodes import Batch, Episode
from metafed.core.streams import stream
from metafed.models import Conv4, Inputs, SmallConv, initialize, layout, without_running_statistics
from metafed.models.making import make
from metafed.tasks.task import task_of
from tests.metafed.models.problems import relative, tensor

IMAGE, FILTERS, OUTPUTS = (1, 16, 16), 4, 3
NORM = {
    "batch": lambda: nn.BatchNorm2d(FILTERS),
    "group": lambda: nn.GroupNorm(FILTERS, FILTERS),
    "none": nn.Identity,
}


class Blocks(nn.Module):
    """Convolutions with their norms: an image's channels, then ``FILTERS`` everywhere."""

    def __init__(self, channels, number, padding, norm):
        super().__init__()
        sizes = pairwise([channels, *[FILTERS] * number])
        self.conv = nn.ModuleList(nn.Conv2d(*size, 3, padding=padding, bias=norm == "none") for size in sizes)
        self.norm = nn.ModuleList(NORM[norm]() for _ in range(number))
        without_running_statistics(self)


class FourBlocks(Blocks):
    """Conv4."""

    def __init__(self, inputs, outputs, norm):
        super().__init__(inputs.shape[0], 4, 1, norm)
        self.head = nn.Linear(FILTERS, outputs)

    def forward(self, x):
        for conv, norm in zip(self.conv, self.norm, strict=True):
            x = nn.functional.max_pool2d(torch.tanh(norm(conv(x))), 2)
        return self.head(x.flatten(1))


class TwoBlocks(Blocks):
    """The small network."""

    def __init__(self, inputs, outputs, norm):
        super().__init__(inputs.shape[0], 2, 0, norm)
        self.hidden, self.head = nn.Linear(FILTERS * 25, 6), nn.Linear(6, outputs)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.tanh(self.norm[0](self.conv[0](x))), 2)
        x = nn.functional.adaptive_avg_pool2d(torch.tanh(self.norm[1](self.conv[1](x))), 5)
        return self.head(torch.tanh(self.hidden(x.flatten(1))))


def renamed(params):
    """Return parameters of ours as the module names them and has them: weights are ``(outputs, inputs)``."""
    found = {}
    for name, value in params.items():
        part, layer, *rest = name.split(".")
        if layer == "norm":
            rest = ["norm", rest[0], {"scale": "weight", "shift": "bias"}[rest[1]]]
        elif layer != "head":
            layer, rest = "body", [layer, *rest]
        flat = name.endswith(("head.weight", "hidden.weight"))
        found[".".join([part, layer, *rest])] = value.mT if flat else value
    return found


def episode():
    """Return an episode of three clients, one of which has fewer rows than the others."""
    rng = stream(0, "same")

    def batch(rows):
        mask = torch.ones(3, rows, dtype=torch.float64)
        mask[-1, -1] = 0
        x = tensor(rng, 3, rows, IMAGE[1] * IMAGE[2]) * mask.unsqueeze(-1)
        return Batch(x, torch.from_numpy(rng.integers(0, OUTPUTS, (3, rows))), mask)

    return Episode(batch(4), batch(5))


@pytest.mark.parametrize("kernels", ["torch", pytest.param("native", marks=pytest.mark.compiler)])
@pytest.mark.parametrize("norm", NORM)
@pytest.mark.parametrize("kind", [FourBlocks, TwoBlocks])
@pytest.mark.parametrize("name", ["maml", "fedrep"])
def test_ours_equals_the_same_network_as_a_module(kind, norm, kernels, name):
    shape = {"norm": norm, "activation": "tanh", "kernels": kernels}
    ours = (
        Conv4("toy", OUTPUTS, IMAGE, FILTERS, **shape)
        if kind is FourBlocks
        else SmallConv("toy", OUTPUTS, IMAGE, FILTERS, 6, **shape)
    )
    model = make(kind, "toy", Inputs("image", IMAGE), OUTPUTS, {"norm": norm}, 0, torch.float64)
    algorithm, data, rng = ALGORITHMS[name](inner_steps=2, inner_lr=0.1), episode(), stream(0, "theta")
    theta = initialize(layout({"toy": replace(ours, kernels="torch")}), 0, torch.float64)
    theta = {n: value + 0.1 * tensor(rng, *value.shape) for n, value in theta.items()}
    assert {n: tuple(value.shape) for n, value in renamed(theta).items()} == dict(model.shapes)

    def update(network, start):
        state = {n: v.unsqueeze(0).repeat(3, *[1] * v.ndim) for n, v in algorithm.personal(start).items()}
        return algorithm.update(task_of(network, "classification"), algorithm.shared(start), state, data, 1)

    left, right = update(ours, theta), update(model, renamed(theta))
    torch.testing.assert_close(left.losses, right.losses, rtol=1e-12, atol=1e-12)
    assert relative(right.directions, renamed(left.directions)) < 1e-10
