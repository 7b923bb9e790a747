"""CartPole: keep a pole upright on a cart (Barto, Sutton, Anderson 1983), by personal physics.

Equations, constants, limits and the start are gymnasium's ``CartPole-v1``, but an episode takes 200 steps. What
is personal: gravity, the pole's mass and half length, and the force of a push. A negative force turns the
controls round. A cost of 1 is a step for which the pole was down: the return is the horizon minus the costs.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch

from metafed.environments.base import Controller, Environment, Step
from metafed.environments.policy import Choice, Policy

CART = 1.0
"""Mass of the cart, kg."""
TICK = 0.02
"""Seconds of a step."""
EDGE = 2.4
"""Metres from the middle beyond which the episode is over."""
TILT = np.radians(12.0)
"""Angle beyond which the episode is over."""
START = 0.05
"""The four numbers of the first state lie in ± this."""
SCALE = (1.0, 1.0, 0.1, 1.0)
"""Metres, metres a second, radians and radians a second that are 1 to a policy."""
EFFORT = 0.01
"""Price of a squared newton, where a metre, a radian and so on, squared, cost 1: of the expert."""


@final
@dataclass(frozen=True)
class CartPole(Environment):
    """A state is place, speed, angle and spin; action 1 pushes with the force, action 0 against it."""

    horizon: int = 200

    physics: ClassVar[tuple[str, ...]] = ("gravity", "pole_mass", "half_length", "force")
    start_noise: ClassVar[int] = 4
    observation: ClassVar[int] = 4
    policy: ClassVar[Policy] = Choice()
    lost: ClassVar[float] = 1.0
    optimal: ClassVar[bool] = False

    def start(self, physics: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Return nearly upright poles."""
        return START * (2 * noise - 1)

    def observe(self, state: "torch.Tensor") -> "torch.Tensor":
        """Return all of the state, by ``SCALE``."""
        return state / state.new_tensor(SCALE)

    def step(self, physics: "torch.Tensor", state: "torch.Tensor", action: "torch.Tensor") -> Step:
        """Take one Euler step; it costs nothing, even the one in which the pole falls."""
        gravity, mass, length, force = physics.unbind(-1)
        place, speed, angle, spin = state.unbind(-1)
        push = torch.where(action[..., 0] > 0.5, force, -force)
        cos, sin, total = angle.cos(), angle.sin(), CART + mass
        drive = (push + mass * length * spin.square() * sin) / total
        bend = (gravity * sin - cos * drive) / (length * (4 / 3 - mass * cos.square() / total))
        pull = drive - mass * length * bend * cos / total
        state = state + TICK * torch.stack([speed, pull, spin, bend], -1)
        over = (state[..., 0].abs() > EDGE) | (state[..., 2].abs() > TILT)
        return Step(state, torch.zeros_like(place), over)

    def aimless(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Return 0 or 1, each with chance ½."""
        return (noise < 0.5).to(noise.dtype)

    def expert(self, physics: np.ndarray) -> Controller:
        """Return a linear-quadratic regulator of the upright pole, cut down to its sign: push or pull."""
        gains = torch.from_numpy(_gains(physics))
        # the regulator's force is −gains · state; action 1 pushes in the force's own direction
        return lambda state: (-(state @ gains).unsqueeze(-1) * physics[3] > 0).to(state.dtype)


def _gains(physics: np.ndarray) -> np.ndarray:
    """Return the regulator's gains ``(4,)``, newtons a unit of state, of the linearised equations."""
    from scipy.linalg import solve_discrete_are

    gravity, mass, length, _ = physics
    total = CART + mass
    arm = length * (4 / 3 - mass / total)
    moves, pushes = np.eye(4), np.zeros((4, 1))
    moves[0, 1] = moves[2, 3] = TICK
    moves[3, 2], pushes[3, 0] = TICK * gravity / arm, -TICK / total / arm
    share = mass * length / total
    moves[1, 2], pushes[1, 0] = -share * moves[3, 2], TICK / total - share * pushes[3, 0]
    ahead = solve_discrete_are(moves, pushes, np.eye(4), np.array([[EFFORT]]))
    gains = np.linalg.solve(EFFORT + pushes.T @ ahead @ pushes, pushes.T @ ahead @ moves)
    return np.asarray(gains[0])
