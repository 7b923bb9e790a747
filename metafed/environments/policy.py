"""How a network's outputs become actions: normal around its outputs, or a choice of two by logits."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
import torch


@dataclass(frozen=True)
class Policy(ABC):
    """A distribution of actions, as a function of a network's outputs."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Outputs that the network must have."""

    @property
    @abstractmethod
    def noise(self) -> int:
        """Random numbers that one action takes."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw the random numbers of actions ``(*shape, noise)``."""

    @abstractmethod
    def act(self, output: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Return the actions ``(…, A)`` for outputs ``(…, outputs)`` and noise ``(…, noise)``."""

    @abstractmethod
    def log_prob(self, output: "torch.Tensor", action: "torch.Tensor") -> "torch.Tensor":
        """Return the log-probabilities (densities) ``(…,)`` of actions ``(…, A)``, up to a constant."""


@final
@dataclass(frozen=True)
class Gaussian(Policy):
    """Independent normal numbers around the network's outputs.

    The deviation is fixed. A network's own deviation would depend on the state, and grow with it.

    Attributes:
        size: Numbers in an action.
        unit: What an output of 1 means.
        deviation: Standard deviation, in ``unit``.
    """

    size: int
    unit: float
    deviation: float

    @property
    def outputs(self) -> int:
        """The means."""
        return self.size

    @property
    def noise(self) -> int:
        """Standard normal numbers."""
        return self.size

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw standard normal numbers."""
        return rng.standard_normal((*shape, self.size))

    def act(self, output: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Return ``unit · (output + deviation · noise)``."""
        return self.unit * (output + self.deviation * noise)

    def log_prob(self, output: "torch.Tensor", action: "torch.Tensor") -> "torch.Tensor":
        """Return −½ ‖(action / unit − output) / deviation‖²."""
        return -0.5 * ((action / self.unit - output) / self.deviation).square().sum(-1)


@final
@dataclass(frozen=True)
class Choice(Policy):
    """One of two actions, 0 or 1, by two logits."""

    @property
    def outputs(self) -> int:
        """Logits."""
        return 2

    @property
    def noise(self) -> int:
        """A number uniform in 0…1."""
        return 1

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw uniform numbers."""
        return rng.random((*shape, 1))

    def act(self, output: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Return 1 where the noise is below the chance of 1."""
        return (noise < torch.sigmoid(output[..., 1:] - output[..., :1])).to(output.dtype)

    def log_prob(self, output: "torch.Tensor", action: "torch.Tensor") -> "torch.Tensor":
        """Return log σ(± the difference of the logits)."""
        lead = output[..., 1] - output[..., 0]
        return torch.nn.functional.logsigmoid((2 * action[..., 0] - 1) * lead)
