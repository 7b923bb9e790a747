"""Yogi, the one adaptive outer optimizer of the field that torch.optim lacks.

Zaheer et al., "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018, algorithm 2; used as
FedYogi by Reddi et al., "Adaptive Federated Optimization", ICLR 2021, arXiv 2003.00295, algorithm 2,
from which come the absence of bias correction and the constants.
"""

from collections.abc import Callable
from typing import Any

import torch

FIRST, SECOND, FLOOR = 0.9, 0.99, 1e-3
"""β₁, β₂ and τ of FedYogi's experiments."""


class Yogi(torch.optim.Optimizer):
    """``v ← v − (1 − β₂) g² sign(v − g²)``, ``m ← β₁ m + (1 − β₁) g``, ``θ ← θ − β m / (√v + τ)``; v starts at τ²."""

    def __init__(self, params: list[torch.Tensor], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step for every parameter that has a gradient."""
        for group in self.param_groups:
            for theta in group["params"]:
                if theta.grad is None:
                    continue
                state = self.state[theta]
                if not state:
                    state["m"], state["v"] = torch.zeros_like(theta), torch.full_like(theta, FLOOR**2)
                square = theta.grad.square()
                state["m"].lerp_(theta.grad, 1 - FIRST)
                state["v"].addcmul_(square, (state["v"] - square).sign(), value=SECOND - 1)
                theta.addcdiv_(state["m"], state["v"].sqrt().add_(FLOOR), value=-group["lr"])
