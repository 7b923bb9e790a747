"""q-FFL: Li, Sanjabi, Beirami, Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020, arXiv 1905.10497.

minimise Σ w_k F_k^(q+1) / (q + 1), by q-FedSGD and q-FedAvg (Algorithms 1 and 2 there): θ ← θ − Σ Δ_k / Σ h_k with
Δ_k = F_k^q g_k and h_k = q F_k^(q−1) ‖g_k‖² + L F_k^q, where L is the Lipschitz constant of F's gradient, estimated
as the inverse of the rate that is good for q = 0. h_k bounds the curvature of F^(q+1) / (q + 1), so that one rate
serves all q.

Here the server takes the step −β · (our direction), so ours is Σ a_k g_k / Σ b_k with a_k = w_k F_k^q and
b_k = w_k h_k / L: at q = 0 exactly ``mean``. L is 1 / β, and for algorithms that send θ − w_k, r g_k with r the rate
of the client's own steps, 1 / (β r): q-FedAvg with its L = 1 / r where β = 1. ‖g_k‖ is over all of a client's parts.
The sums are multiples of exp(reference), so that no power overflows or vanishes. A loss of 0 counts as 1e-10.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.objectives.base import NOTHING, ClientUpdates, Contribution, Objective, Plain, exponential, summed

SMALLEST = 1e-10
"""A loss below counts as this; the authors' code adds as much."""


@final
class Qffl(Objective):
    """q-FFL: losses to the power q + 1, so that large ones count for more."""

    name: Annotated[Literal["qffl"], tyro.conf.Suppress] = "qffl"
    q: float = Field(1.0, ge=0, allow_inf_nan=False, description="Power q of the loss in a client's weight; 0: mean.")
    lipschitz: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Lipschitz constant L of the loss's gradient. Default: 1 / (outer rate · client's own rate).",
    )

    separability: ClassVar[Literal["updates", "sums", "no"]] = "sums"
    reads_rates: ClassVar[bool] = True
    scaled: ClassVar[bool] = True

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum Δ_k and h_k / L."""
        losses, weights = updates.losses.double(), updates.weights.double()
        if (losses < 0).any():
            raise ValueError(f"q-FFL takes powers of losses, which must not be below 0, got {float(losses.min()):g}")
        if not (weights > 0).any():
            return NOTHING
        losses = losses.clamp(min=SMALLEST)
        outer, local = updates.rates
        lipschitz = self.lipschitz or 1 / (outer * local)
        squares = torch.stack([rows.double().square().sum(1) for rows in updates.directions.values()]).sum(0) / local**2
        factors, scale = exponential(weights, self.q * losses.log())
        return summed(updates, factors, factors * (1 + self.q * squares / (lipschitz * losses)), scale)
