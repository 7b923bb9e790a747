"""The mean of the worst α: Rockafellar, Uryasev, "Optimization of Conditional Value-at-Risk", Journal of Risk 2000.

CVaR_α(F) = min over ν of ν + Σ w_k max(F_k − ν, 0) / (α Σ w_k), with our α for their 1 − β. Given ν the gradient has
a_k = w_k 1[F_k > ν] / α and b_k = w_k; the best ν is the loss that a share α of the clients exceeds.

The threshold ν must be known before directions are summed: it is the server's state. Hosts get it with the
question, and after every round it moves by ``rate`` towards the best ν of that round's losses, each client counted
once. In the first round, and with α = 1, all clients are in the tail: ``mean``.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, final

import numpy as np
import torch
import tyro
from pydantic import Field

from metafed.core.parameters import Vector
from metafed.objectives.base import ClientUpdates, Contribution, Objective, Plain, State, summed


@final
class Cvar(Objective):
    """CVaR: the mean over the clients of largest loss only."""

    name: Annotated[Literal["cvar"], tyro.conf.Suppress] = "cvar"
    alpha: float = Field(0.2, gt=0, le=1, description="Share α of the clients that makes up the tail; 1: mean.")
    rate: float = Field(0.5, gt=0, le=1, description="How far the threshold ν moves in a round to that round's best.")

    def start(self, seen: int) -> State:
        """No threshold."""
        return {"threshold": None}

    def ask(self, state: State, clients: Sequence[int]) -> dict[str, Plain]:
        """The threshold ν, once there is one."""
        return {} if state["threshold"] is None or self.alpha == 1 else {"threshold": float(state["threshold"])}

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the directions beyond the threshold, and all weights."""
        weights = updates.weights.double()
        if "threshold" not in ask:
            return summed(updates, weights, weights)
        threshold = float(str(ask["threshold"]))
        beyond = torch.where(updates.losses.double() > threshold, weights / self.alpha, torch.zeros_like(weights))
        return summed(updates, beyond, weights)

    def step(self, total: Contribution, state: State, losses: Mapping[int, float]) -> tuple[dict[str, Vector], State]:
        """Divide by all weights, and move the threshold."""
        directions, _ = super().step(total, state, losses)
        before, finite = state["threshold"], [loss for loss in losses.values() if np.isfinite(loss)]
        if not finite:
            return directions, state
        best = threshold_of(finite, self.alpha)
        return directions, {"threshold": best if before is None else before + self.rate * (best - before)}


def threshold_of(losses: Sequence[float], alpha: float) -> float:
    """Return the ν that minimises ν + mean of max(F − ν, 0) / α; the least where an interval does.

    For n losses that is the one that ⌊α n⌋ others exceed, if there are no ties.
    """
    ordered = np.sort(np.asarray(losses, np.float64))
    # a product that is whole but for its rounding counts as whole
    exceeding = int(np.floor(alpha * len(ordered) + 1e-9))
    return float(ordered[max(len(ordered) - exceeding - 1, 0)])
