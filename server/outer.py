"""The outer optimizer: torch.optim's rules on the pseudo-gradient, with moments kept over rounds.

The functions behind torch.optim's classes are called, not the classes: a class imports PyTorch's compiler when it is
first used, which takes a second at the start of every run. Tests hold the two equal, bit by bit.
"""

from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from math import cos, pi
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import torch

from metafed.core.parameters import Vectors
from server.yogi import yogi

# where a command has put PyTorch off, it must be whole before a part of it is imported, or that part is run twice
_ = torch.Tensor

from torch.optim.adagrad import adagrad  # noqa: E402
from torch.optim.adam import adam  # noqa: E402
from torch.optim.sgd import sgd  # noqa: E402

Moments: TypeAlias = "MutableMapping[str, torch.Tensor]"
"""What a rule keeps of one part from round to round, by name; empty at first."""
Rule: TypeAlias = "Callable[[torch.Tensor, torch.Tensor, Moments, float], None]"
"""Steps θ's part along the pseudo-gradient, both ``(size,)``, in place: ``rule(theta, slope, moments, rate)``."""

PLAIN: dict[str, Any] = {"weight_decay": 0.0, "maximize": False, "foreach": False}


def step_sgd(
    theta: "torch.Tensor", slope: "torch.Tensor", moments: Moments, rate: float, momentum: float = 0.0
) -> None:
    """``torch.optim.SGD``."""
    kept = [moments.get("momentum")]
    sgd([theta], [slope], kept, lr=rate, momentum=momentum, dampening=0.0, nesterov=False, **PLAIN)
    if kept[0] is not None:
        moments["momentum"] = kept[0]


def step_adam(theta: "torch.Tensor", slope: "torch.Tensor", moments: Moments, rate: float) -> None:
    """``torch.optim.Adam``, with its defaults."""
    if not moments:
        moments.update({"mean": torch.zeros_like(theta), "square": torch.zeros_like(theta), "steps": torch.tensor(0.0)})
    kept: dict[str, Any] = {"exp_avgs": [moments["mean"]], "exp_avg_sqs": [moments["square"]], "max_exp_avg_sqs": []}
    rest: dict[str, Any] = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False}
    adam([theta], [slope], **kept, state_steps=[moments["steps"]], lr=rate, **rest, **PLAIN)


def step_adagrad(theta: "torch.Tensor", slope: "torch.Tensor", moments: Moments, rate: float) -> None:
    """``torch.optim.Adagrad``, with its defaults."""
    if not moments:
        moments.update({"sum": torch.zeros_like(theta), "steps": torch.tensor(0.0)})
    adagrad([theta], [slope], [moments["sum"]], [moments["steps"]], lr=rate, lr_decay=0.0, eps=1e-10, **PLAIN)


OPTIMIZERS: dict[str, Rule] = {
    "sgd": step_sgd,
    "momentum": partial(step_sgd, momentum=0.9),
    "adam": step_adam,
    "adagrad": step_adagrad,
    "yogi": yogi,
}

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + cos(pi * done)) / 2,
}
"""What β is multiplied by where a share ``done`` of a run's rounds is done, from 0 on."""


def factor(schedule: str, server_round: int, rounds: int) -> float:
    """Return what β is multiplied by in a round: 1 in the first, and it would be 0 in the one after the last.

    Sources: ``linear``, Nichol, Achiam, Schulman 2018, arXiv 1803.02999 (Reptile); ``cosine``, Antoniou, Edwards,
    Storkey 2019, arXiv 1810.09502 (MAML++), without restarts and down to 0.

    Args:
        schedule: Its name.
        server_round: The round, from 1 on.
        rounds: Rounds of the whole run.
    """
    return SCHEDULES[schedule]((server_round - 1) / rounds)


class Outer:
    """θ as flat parts, and an optimizer that steps each part for which a round brought a direction.

    A part that no sampled client holds keeps its values and its moments.

    Args:
        theta: The initial θ.
        optimizer: Its name.
        rate: β.
        beside: Which numbers ``(size,)`` of a part are no model's: they move by their direction, θ − direction.
    """

    def __init__(
        self, theta: Vectors, optimizer: str, rate: float, beside: Mapping[str, np.ndarray] = MappingProxyType({})
    ) -> None:
        self._parts = {part: torch.from_numpy(np.array(vector)) for part, vector in theta.items()}
        self._moments: dict[str, dict[str, torch.Tensor]] = {part: {} for part in theta}
        self._rule, self._rate = OPTIMIZERS[optimizer], rate
        self._beside = {part: torch.from_numpy(marked) for part, marked in beside.items()}

    @property
    def theta(self) -> dict[str, np.ndarray]:
        """Return a copy of θ, ``(size,)`` a part."""
        return {part: tensor.numpy().copy() for part, tensor in self._parts.items()}

    @property
    def state(self) -> dict[str, Any]:
        """Return a copy of the optimizer's moments and counters, by part and name, for a checkpoint."""
        return {part: {n: t.numpy().copy() for n, t in kept.items()} for part, kept in self._moments.items()}

    def restore(self, theta: Vectors, moments: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Go on from a θ and the ``state`` of that time."""
        self._parts = {part: torch.from_numpy(np.array(theta[part])) for part in self._parts}
        self._moments = {
            part: {name: torch.from_numpy(np.array(kept)) for name, kept in moments.get(part, {}).items()}
            for part in self._parts
        }

    @torch.no_grad()
    def step(self, directions: Mapping[str, np.ndarray], factor: float = 1.0) -> list[str]:
        """Step θ along the pseudo-gradient ``(size,)`` of each part, and return the parts that a step did not move.

        Args:
            directions: The pseudo-gradients, by part.
            factor: What β is multiplied by in this step.
        """
        still, rate = [], self._rate * factor
        for part, tensor in self._parts.items():
            if (direction := directions.get(part)) is not None:
                slope = torch.from_numpy(np.asarray(direction)).to(tensor.dtype)
                before = tensor.clone()
                if (beside := self._beside.get(part)) is None:
                    self._rule(tensor, slope, self._moments[part], rate)
                else:
                    own = tensor[~beside]
                    self._rule(own, slope[~beside], self._moments[part], rate)
                    tensor[~beside], tensor[beside] = own, tensor[beside] - slope[beside]
                if torch.equal(before, tensor) and bool(slope.any()):
                    still.append(part)
        return still

    def infinite(self) -> str | None:
        """Return what is not finite: θ, or what the optimizer keeps from round to round; None if all is."""
        for part, tensor in self._parts.items():
            if not bool(torch.isfinite(tensor).all()):
                return "θ"
            if not all(bool(torch.isfinite(kept).all()) for kept in self._moments[part].values()):
                return f"what the outer optimizer keeps of {part!r}"
        return None
