"""One step of the optimizers of ``torch.optim``, for many clients at once and as pure functions of their state.

The formulas are those of PyTorch's documentation (``torch.optim.SGD`` with dampening 0, ``Adam``, ``AdamW``) with their
default constants, but the momentum, which is Adam's β₁ too. Each client has a number of steps of its own, for Adam's
bias correction (Kingma and Ba, 2015, arXiv 1412.6980, Algorithm 1).
"""

from typing import Final, NamedTuple

import torch

from metafed.core.parameters import Params
from metafed.training.settings import MOMENTUM, Training

SECOND, EPSILON = 0.999, 1e-8
"""β₂ and ε of Adam."""
ROUNDING: Final = 1e-6
"""What ``torch.nn.utils.clip_grad_norm_`` adds to a length."""


class Moments(NamedTuple):
    """An optimizer's state.

    Attributes:
        first: Momentum, or Adam's first moments ``(C, …)``; empty where the optimizer has none.
        second: Adam's second moments ``(C, …)``; empty where it has none.
        steps: Steps taken ``(C,)``, by the name ""; empty where nobody asks.
    """

    first: Params
    second: Params
    steps: Params


def moments(settings: Training, moved: Params) -> Moments:
    """Return the state in which an optimizer of the parameters ``moved (C, …)`` starts."""
    adam = settings.optimizer in ("adam", "adamw")
    zero = {name: torch.zeros_like(value).detach() for name, value in moved.items()}
    some = next(iter(moved.values()), None)
    steps = {"": torch.zeros(len(some), dtype=some.dtype, device=some.device)} if adam and some is not None else {}
    return Moments({} if settings.optimizer == "sgd" else zero, zero if adam else {}, steps)


def clipped(slopes: Params, longest: float | None) -> Params:
    """Return each client's gradient, scaled so that it is at most ``longest`` long over all parameters together."""
    if longest is None or not slopes:
        return slopes
    length = torch.stack([slope.flatten(1).square().sum(1) for slope in slopes.values()]).sum(0).sqrt()
    scale = (longest / (length + ROUNDING)).clamp(max=1)
    return {name: slope * wide(scale, slope) for name, slope in slopes.items()}


def step(
    settings: Training, rate: float, phi: Params, slopes: Params, state: Moments
) -> "tuple[dict[str, torch.Tensor], Moments]":
    """Return the parameters that have a slope after one step, and the optimizer's new state.

    Args:
        settings: Which optimizer, its momentum, weight decay and clip.
        rate: The learning rate.
        phi: Parameters ``(C, …)``.
        slopes: Gradients ``(C, …)`` of those that move.
        state: The optimizer's state.
    """
    slopes = clipped(slopes, settings.clip)
    if settings.weight_decay and settings.optimizer == "adamw":
        phi = {n: phi[n] * (1 - rate * settings.weight_decay) for n in slopes}
    elif settings.weight_decay:
        slopes = {n: torch.add(g, phi[n], alpha=settings.weight_decay) for n, g in slopes.items()}
    factor = MOMENTUM if settings.momentum is None else settings.momentum
    if settings.optimizer in ("adam", "adamw"):
        return _adam(rate, factor, phi, slopes, state)
    if settings.optimizer != "sgd":
        first = {n: torch.add(g, state.first[n], alpha=factor) for n, g in slopes.items()}
        ahead = settings.optimizer == "nesterov"
        slopes = {n: torch.add(g, first[n], alpha=factor) for n, g in slopes.items()} if ahead else first
        state = state._replace(first=first)
    return {n: torch.add(phi[n], g, alpha=-rate) for n, g in slopes.items()}, state


def _adam(
    rate: float, beta: float, phi: Params, slopes: Params, state: Moments
) -> "tuple[dict[str, torch.Tensor], Moments]":
    steps = state.steps[""] + 1
    first = {n: torch.lerp(state.first[n], g, 1 - beta) for n, g in slopes.items()}
    second = {n: SECOND * state.second[n] + (1 - SECOND) * g.square() for n, g in slopes.items()}
    size, root = rate / (1 - beta**steps), (1 - SECOND**steps).sqrt()
    moved = {
        n: phi[n] - wide(size, g) * first[n] / (second[n].sqrt() / wide(root, g) + EPSILON) for n, g in slopes.items()
    }
    return moved, Moments(first, second, {"": steps})


def wide(values: "torch.Tensor", like: "torch.Tensor") -> "torch.Tensor":
    """Return values ``(C,)`` as ``(C, 1, …)``, to go with a tensor ``(C, …)``."""
    return values.view(-1, *[1] * (like.ndim - 1))
