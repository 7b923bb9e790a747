"""What a world is: pure functions of physics, state and action, for ``C`` clients and ``N`` trajectories at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias, final

import numpy as np
import torch

from metafed.environments.policy import Policy

Controller: TypeAlias = "Callable[[torch.Tensor], torch.Tensor]"
"""Actions ``(…, A)`` by states ``(…, S)``, with no randomness of its own."""


class Row(NamedTuple):
    """Rows of x, taken apart.

    Attributes:
        physics: The clients' hidden physics ``(C, N, P)``.
        start: Random numbers of the first state ``(C, N, B)``.
        actions: Random numbers of the actions ``(C, N, T, A)``.
    """

    physics: "torch.Tensor"
    start: "torch.Tensor"
    actions: "torch.Tensor"


class Step(NamedTuple):
    """What a step leads to: the next state ``(C, N, S)``, what it cost ``(C, N)``, whether the episode is over."""

    state: "torch.Tensor"
    cost: "torch.Tensor"
    over: "torch.Tensor"


@dataclass(frozen=True)
class Environment(ABC):
    """A world. A cost is at least 0, and minus the cost plus a constant is the reward that others write of.

    A row of x is one trajectory to be: the client's hidden physics, then every random number that an
    episode takes. A policy and a row make one trajectory and no other, and a policy never sees a row.

    Attributes:
        horizon: Steps T of an episode, which may be over before.
        physics: Names of the hidden numbers that tell clients' worlds apart.
        start_noise: Random numbers that the first state takes, uniform in 0…1.
        observation: Numbers that a policy sees.
        policy: How a network's outputs become actions.
        lost: Cost of every step that is not taken since the episode was over before.
        optimal: Whether nothing can beat the expert, by proof.
    """

    horizon: int

    physics: ClassVar[tuple[str, ...]]
    start_noise: ClassVar[int]
    observation: ClassVar[int]
    policy: ClassVar[Policy]
    lost: ClassVar[float]
    optimal: ClassVar[bool]

    @abstractmethod
    def start(self, physics: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Return the first state ``(C, N, S)`` for physics ``(C, N, P)`` and noise ``(C, N, B)``."""

    @abstractmethod
    def observe(self, state: "torch.Tensor") -> "torch.Tensor":
        """Return what a policy sees of a state, at about unit scale ``(C, N, observation)``."""

    @abstractmethod
    def step(self, physics: "torch.Tensor", state: "torch.Tensor", action: "torch.Tensor") -> Step:
        """Take one step from ``state (C, N, S)`` with ``action (C, N, A)``."""

    @abstractmethod
    def aimless(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Return the actions ``(…, A)`` of a policy that acts at random, for noise uniform in 0…1 ``(…, A)``."""

    @abstractmethod
    def expert(self, physics: np.ndarray) -> Controller:
        """Return a controller that knows one client's ``physics (P,)``."""

    @property
    @final
    def width(self) -> int:
        """Numbers in a row of x."""
        return len(self.physics) + self.start_noise + self.horizon * self.policy.noise

    @final
    def rows(self, physics: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``count`` rows of x for one client with ``physics (P,)``: ``(count, width)``, float32."""
        known = np.broadcast_to(physics, (count, len(physics)))
        start = rng.random((count, self.start_noise))
        actions = self.policy.draw(rng, (count, self.horizon)).reshape(count, -1)
        return np.concatenate([known, start, actions], axis=1).astype(np.float32)

    @final
    def unpack(self, x: "torch.Tensor") -> Row:
        """Take rows ``(C, N, width)`` apart.

        Raises:
            ValueError: The rows are of another world.
        """
        if x.shape[-1] != self.width:
            raise ValueError(f"rows of {type(self).__name__} have {self.width} numbers, got {x.shape[-1]}")
        per_action = self.policy.noise
        physics, start, actions = x.split((len(self.physics), self.start_noise, self.horizon * per_action), dim=-1)
        return Row(physics, start, actions.unflatten(-1, (self.horizon, per_action)))
