"""The worlds as gymnasium environments, to look at them and to use them elsewhere; needs the package gymnasium.

``gymnasium.make("metafed/Navigation-v0", goal=(0.3, -0.2))`` once this module is imported. Nothing else imports it:
metafed itself acts in the vectorised worlds, and these are the same equations.
"""

from typing import Any, SupportsFloat, TypeAlias, final

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from metafed.environments.cartpole import CartPole
from metafed.environments.navigation import GOALS, STEP, Navigation

Numbers: TypeAlias = NDArray[np.float32]

SIZE = 128
"""Pixels of a side of the picture."""


@final
class NavigationEnv(gymnasium.Env[Numbers, Numbers]):
    """2-D navigation for one client. The reward is the negative distance from the goal.

    Args:
        goal: The client's own goal ``(x, y)``; None draws another one at every reset.
        render_mode: ``"rgb_array"``, or None.
        horizon: Steps of an episode.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  # gymnasium has it so

    def __init__(
        self, goal: tuple[float, float] | None = None, render_mode: str | None = None, horizon: int = 100
    ) -> None:
        self.world = Navigation(horizon)
        self.goal = goal
        self.render_mode = render_mode
        farthest = STEP * horizon
        self.observation_space = gymnasium.spaces.Box(-farthest, farthest, (2,), np.float32)
        self.action_space = gymnasium.spaces.Box(-STEP, STEP, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Numbers, dict[str, Any]]:
        """Go back to the origin; ``info`` has the goal, which a policy must not see."""
        super().reset(seed=seed)
        goal = self.np_random.uniform(-GOALS, GOALS, 2) if self.goal is None else self.goal
        self._physics = torch.tensor(np.asarray(goal, np.float64)).view(1, 1, 2)
        self._state = self.world.start(self._physics, self._physics[..., :0])
        self._taken = 0
        return self._seen(), {"goal": self._physics[0, 0].numpy()}

    def step(self, action: Numbers) -> tuple[Numbers, SupportsFloat, bool, bool, dict[str, Any]]:
        """Move; terminated at the goal, truncated after ``horizon`` steps."""
        moved = torch.from_numpy(np.asarray(action, np.float64)).view(1, 1, 2)
        after = self.world.step(self._physics, self._state, moved)
        self._state, self._taken = after.state, self._taken + 1
        return self._seen(), -after.cost.item(), bool(after.over), self._taken >= self.world.horizon, {}

    def render(self) -> NDArray[np.uint8]:
        """Return a picture of the square in which goals lie: the goal green, the walker blue."""
        picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
        for place, colour in ((self._physics, (0, 150, 80)), (self._state, (0, 70, 200))):
            column, line = ((place[0, 0].numpy() * (1, -1) / (2 * GOALS) + 0.5) * (SIZE - 1)).round().astype(int)
            lines, columns = (slice(max(0, at - 2), max(0, at + 3)) for at in (line, column))
            picture[lines, columns] = colour
        return picture

    def _seen(self) -> Numbers:
        return self._state[0, 0].numpy().astype(np.float32)


gymnasium.register("metafed/Navigation-v0", entry_point=f"{__name__}:NavigationEnv")


def cartpole(physics: NDArray[np.float64], render_mode: str | None = None) -> "gymnasium.Env[Numbers, np.int64]":
    """Return gymnasium's CartPole with a client's own physics and our horizon.

    Args:
        physics: Gravity, mass and half length of the pole, force ``(4,)``; see ``CartPole.physics``.
        render_mode: Gymnasium's.
    """
    made = gymnasium.make("CartPole-v1", render_mode=render_mode, max_episode_steps=CartPole().horizon)
    own: Any = made.unwrapped
    own.gravity, own.masspole, own.length, own.force_mag = (float(number) for number in physics)
    # gymnasium computes these two when it is made
    own.total_mass, own.polemass_length = own.masscart + own.masspole, own.masspole * own.length
    return made
