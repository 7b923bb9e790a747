"""The outer optimizer: torch.optim on the pseudo-gradient, with moments kept over rounds."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from metafed.parameters import Vectors
from server.yogi import Yogi

OPTIMIZERS: dict[str, Callable[[list[torch.Tensor], float], torch.optim.Optimizer]] = {
    "sgd": lambda parts, rate: torch.optim.SGD(parts, lr=rate),
    "momentum": lambda parts, rate: torch.optim.SGD(parts, lr=rate, momentum=0.9),
    "adam": lambda parts, rate: torch.optim.Adam(parts, lr=rate),
    "adagrad": lambda parts, rate: torch.optim.Adagrad(parts, lr=rate),
    "yogi": Yogi,
}


class Outer:
    """θ as flat parts, and an optimizer that steps each part for which a round brought a direction.

    A part that no sampled client holds keeps its values and its moments.
    """

    def __init__(self, theta: Vectors, optimizer: str, rate: float) -> None:
        self._parts = {part: torch.nn.Parameter(torch.from_numpy(np.array(vector))) for part, vector in theta.items()}
        self._optimizer = OPTIMIZERS[optimizer](list(self._parts.values()), rate)

    @property
    def theta(self) -> dict[str, np.ndarray]:
        """Return a copy of θ, ``(size,)`` a part."""
        return {part: tensor.detach().numpy().copy() for part, tensor in self._parts.items()}

    @property
    def state(self) -> dict[str, Any]:
        """Return the optimizer's moments and counters, for a checkpoint."""
        return self._optimizer.state_dict()

    def step(self, directions: Mapping[str, np.ndarray]) -> None:
        """Step θ along the pseudo-gradient ``(size,)`` of each part."""
        for part, tensor in self._parts.items():
            direction = directions.get(part)
            tensor.grad = None if direction is None else torch.from_numpy(direction).to(tensor.dtype)
        self._optimizer.step()
