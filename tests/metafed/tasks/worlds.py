"""Small worlds whose expected costs are known, and all outcomes of a few episodes in them."""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np
import torch

from metafed.core.episodes import Batch
from metafed.environments.base import Environment, Step
from metafed.environments.policy import Choice, Gaussian, Policy
from metafed.tasks.rollout import Trajectories


@dataclass(frozen=True)
class Walk(Environment):
    """Go up or down by a hidden stride; the cost is the squared distance from 1; over above 1.4."""

    physics: ClassVar[tuple[str, ...]] = ("stride",)
    start_noise: ClassVar[int] = 0
    observation: ClassVar[int] = 2
    policy: ClassVar[Policy] = Choice()
    lost: ClassVar[float] = 0.3
    optimal: ClassVar[bool] = False

    def start(self, physics, noise):
        return torch.zeros_like(physics)

    def observe(self, state):
        return torch.cat([state, torch.ones_like(state)], -1)

    def step(self, physics, state, action):
        state = state + physics * (2 * action - 1)
        return Step(state, (state[..., 0] - 1).square(), state[..., 0] > 1.4)

    def aimless(self, noise):
        return (noise < 0.5).to(noise.dtype)

    def expert(self, physics):
        return torch.ones_like


@dataclass(frozen=True)
class Drift(Walk):
    """The same with real moves, and never over."""

    policy: ClassVar[Policy] = Gaussian(1, unit=0.5, deviation=0.7)

    def step(self, physics, state, action):
        state = state + physics * action
        return Step(state, (state[..., 0] - 1).square(), torch.zeros_like(state[..., 0], dtype=torch.bool))


class Linear:
    """A policy's network without layers: outputs = observation · w, w ``(C, O, outputs)``."""

    part = "toy"

    def predict(self, params, x, mask=None):
        return x @ params["trunk.w"]


def theta(environment, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(0, 0.6, (environment.observation, environment.policy.outputs)))


def batch(environment, noise, physics):
    """Return a batch of clients ``(C, N, width)`` with the noise of actions ``(C, N, T · A)`` given."""
    noise = torch.as_tensor(noise, dtype=torch.float64)
    x = torch.cat([torch.full((*noise.shape[:2], 1), physics, dtype=torch.float64), noise], -1)
    y = torch.tensor([2.0, 0.5], dtype=torch.float64).expand(*noise.shape[:2], 2)
    return Batch(x, y, torch.ones(noise.shape[:2], dtype=torch.float64))


def all_outcomes(environment, episodes, physics=0.6):
    """Return a batch with a client for every outcome of so many episodes: noise 0 forces action 1, noise 1 action 0."""
    patterns = list(product((0.0, 1.0), repeat=environment.horizon * episodes))
    return batch(environment, np.array(patterns).reshape(len(patterns), episodes, environment.horizon), physics)


def chances(task, params, rows):
    """Return each client's chance of the outcome that it stands for ``(C,)``, differentiable.

    Once an episode is over, what the noise would force does not matter: those outcomes share their chance.
    """
    seen = Trajectories.unpack(task.predict(params, rows.x))
    return seen.log_prob.sum((1, 2)).exp() * 0.5 ** (1 - seen.running).sum((1, 2))


def spread(w, clients):
    return {"trunk.w": w.unsqueeze(0).expand(clients, *w.shape)}
