"""Acting in a world: trajectories of a network's policy, and what a controller reaches."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from metafed.core.parameters import Params
from metafed.environments.base import Environment
from metafed.models import Network


class Trajectories(NamedTuple):
    """What happened, step by step, in ``T`` steps of ``C`` clients' ``N`` episodes.

    Attributes:
        log_prob: Log-probability of the action taken ``(C, N, T)``, the one thing with a gradient; 0 once over.
        cost: Cost ``(C, N, T)``; NaN where the network's outputs were not finite.
        running: 1 where the step was taken, 0 where the episode was over before ``(C, N, T)``.
        seen: Observations before the step ``(C, N, T, O)``.
    """

    log_prob: "torch.Tensor"
    cost: "torch.Tensor"
    running: "torch.Tensor"
    seen: "torch.Tensor"

    def pack(self) -> "torch.Tensor":
        """Return all of it as one tensor ``(C, N, T, 3 + O)``."""
        return torch.cat([torch.stack(self[:3], -1), self.seen], -1)

    @classmethod
    def unpack(cls, packed: "torch.Tensor") -> "Trajectories":
        """Undo ``pack``."""
        log_prob, cost, running = packed[..., :3].unbind(-1)
        return cls(log_prob, cost, running, packed[..., 3:])


def act(environment: Environment, model: Network, params: Params, x: "torch.Tensor") -> Trajectories:
    """Let each client's own policy act in its own world, once for every row.

    Args:
        environment: The world.
        model: The policy's network.
        params: Its parameters ``(C, …)``.
        x: Rows ``(C, N, width)``: physics and all randomness.
    """
    physics, begin, noise = environment.unpack(x)
    policy, steps = environment.policy, []
    with torch.no_grad():
        state = environment.start(physics, begin)
        running = torch.ones_like(state[..., 0], dtype=torch.bool)
        for moment in range(environment.horizon):
            seen = environment.observe(state)
            output = model.predict(params, seen)
            action = policy.act(output, noise[:, :, moment])
            after = environment.step(physics, state, action)
            cost = torch.where(running, after.cost, environment.lost)
            # a world may turn any action into a harmless one: a policy that is not finite must not pass for one
            cost = torch.where(output.isfinite().all(-1), cost, torch.nan)
            steps.append((seen, action, cost, running))
            state = torch.where(running.unsqueeze(-1), after.state, state)
            running = running & ~after.over
        seen, action, cost, taken = (torch.stack(parts, 2) for parts in zip(*steps, strict=True))
    # observations and actions are data now: one call of the network has the log-probabilities of all steps
    output = model.predict(params, seen.flatten(1, 2)).unflatten(1, seen.shape[1:3])
    return Trajectories(policy.log_prob(output, action) * taken, cost, taken.to(cost.dtype), seen)


def reached(
    environment: Environment, physics: np.ndarray, start: np.ndarray, act: "Callable[[torch.Tensor, int], torch.Tensor]"
) -> np.ndarray:
    """Return the mean cost a step ``(N,)`` of a controller in one client's world, in float64.

    Args:
        environment: The world.
        physics: The client's own ``(P,)``.
        start: Random numbers of the first states ``(N, B)``.
        act: Actions ``(1, N, A)`` by states ``(1, N, S)`` and the number of the step.
    """
    own = torch.from_numpy(np.broadcast_to(physics, (1, len(start), len(physics))).astype(np.float64))
    state = environment.start(own, torch.from_numpy(start).unsqueeze(0))
    running = torch.ones_like(state[..., 0], dtype=torch.bool)
    total = torch.zeros_like(state[..., 0])
    for moment in range(environment.horizon):
        if not running.any():
            total += environment.lost * (environment.horizon - moment)
            break
        after = environment.step(own, state, act(state, moment))
        total += torch.where(running, after.cost, environment.lost)
        state = torch.where(running.unsqueeze(-1), after.state, state)
        running = running & ~after.over
    return np.asarray(total[0].numpy() / environment.horizon)


class Anchors(NamedTuple):
    """Mean cost a step of a policy that acts at random, and of the expert."""

    aimless: float
    expert: float


EPISODES = 256
"""Episodes of the policy that acts at random."""
EXPERT_EPISODES = 32


def anchors(environment: Environment, physics: np.ndarray, rng: np.random.Generator) -> Anchors:
    """Have a policy that acts at random and the expert act in one client's world, and return their costs."""
    start = rng.random((EPISODES, environment.start_noise))
    noise = torch.from_numpy(rng.random((1, environment.horizon, EPISODES, environment.policy.noise)))
    aimless = reached(environment, physics, start, lambda state, moment: environment.aimless(noise[:, moment]))
    expert = environment.expert(physics)
    best = reached(environment, physics, start[:EXPERT_EPISODES], lambda state, moment: expert(state))
    return Anchors(float(aimless.mean()), float(best.mean()))
