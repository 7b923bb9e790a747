"""Yogi, the one adaptive outer optimizer of the field that torch.optim lacks.

Zaheer et al., "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018, algorithm 2; used as
FedYogi by Reddi et al., "Adaptive Federated Optimization", ICLR 2021, arXiv 2003.00295, algorithm 2,
from which come the absence of bias correction and the constants.
"""

from collections.abc import MutableMapping

import torch

FIRST, SECOND, FLOOR = 0.9, 0.99, 1e-3
"""β₁, β₂ and τ of FedYogi's experiments."""


def yogi(
    theta: "torch.Tensor", slope: "torch.Tensor", moments: "MutableMapping[str, torch.Tensor]", rate: float
) -> None:
    """``v ← v − (1 − β₂) g² sign(v − g²)``, ``m ← β₁ m + (1 − β₁) g``, ``θ ← θ − β m / (√v + τ)``; v starts at τ².

    Args:
        theta: θ's part ``(size,)``, stepped in place.
        slope: The pseudo-gradient g ``(size,)``.
        moments: m and v of this part, kept from round to round; empty at first.
        rate: β.
    """
    if not moments:
        moments.update({"m": torch.zeros_like(theta), "v": torch.full_like(theta, FLOOR**2)})
    square = slope.square()
    moments["m"].lerp_(slope, 1 - FIRST)
    moments["v"].addcmul_(square, (moments["v"] - square).sign(), value=SECOND - 1)
    theta.addcdiv_(moments["m"], moments["v"].sqrt().add_(FLOOR), value=-rate)
