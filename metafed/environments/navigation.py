"""2-D navigation: walk from the origin to a goal that one has to find out (Finn et al. 2017, section 5.3).

A step is at most 0.1 in either coordinate, goals lie in [−½, ½]², an episode takes 100 steps or ends within
0.01 of the goal. The paper names the negative *squared* distance as reward; its code
(cbfinn/maml_rl, ``point_env_randgoal.py``) and those of others after it (learn2learn's ``Particles2DEnv``) have the
negative distance, and so have the published returns. So have we: the return is minus the sum of the costs.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch

from metafed.environments.base import Controller, Environment, Step
from metafed.environments.policy import Gaussian, Policy

STEP = 0.1
"""Longest move in a coordinate."""
ARRIVED = 0.01
"""The episode is over nearer to the goal than this, in both coordinates."""
GOALS = 0.5
"""Goals lie in ± this."""


@final
@dataclass(frozen=True)
class Navigation(Environment):
    """A point that moves as far as it wants to, up to ``STEP``; physics are the goal."""

    horizon: int = 100

    physics: ClassVar[tuple[str, ...]] = ("goal_x", "goal_y")
    start_noise: ClassVar[int] = 0
    observation: ClassVar[int] = 2
    policy: ClassVar[Policy] = Gaussian(2, unit=STEP, deviation=0.3)
    lost: ClassVar[float] = 0.0
    optimal: ClassVar[bool] = True

    def start(self, physics: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Return the origin."""
        return torch.zeros_like(physics)

    def observe(self, state: "torch.Tensor") -> "torch.Tensor":
        """Return the place as it is."""
        return state

    def step(self, physics: "torch.Tensor", state: "torch.Tensor", action: "torch.Tensor") -> Step:
        """Move by the action, cut to ± ``STEP``; the cost is the distance from the goal after that."""
        state = state + action.clamp(-STEP, STEP)
        away = state - physics
        return Step(state, away.square().sum(-1).sqrt(), (away.abs() < ARRIVED).all(-1))

    def aimless(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Return moves uniform in ± ``STEP``."""
        return STEP * (2 * noise - 1)

    def expert(self, physics: np.ndarray) -> Controller:
        """Return the best controller that there is: in each coordinate as near to the goal as a step can be.

        No policy is nearer in either coordinate at any time, so none has a smaller distance or arrives before.
        """
        goal = torch.from_numpy(physics)
        return lambda state: (goal - state).clamp(-STEP, STEP)
