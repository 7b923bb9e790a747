"""PropFair: Zhang, Malekmohammadi, Chen, Yu, "Proportional Fairness in Federated Learning", arXiv 2202.01666.

maximise Σ w_k log(M − F_k), the clients' utilities M − F_k in the sense of Nash's bargaining; beyond F = M − ε the
logarithm goes on as its tangent. We minimise −M Σ w_k log(1 − F_k / M) / Σ w_k, the same up to the factor M and a
constant, so that M → ∞ is ``mean``: a_k = w_k M / max(M − F_k, ε), b_k = w_k. Of two clients with the same
slope, the one whose loss is nearer to the bound M counts for more; ε is how near it can count.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, final

import tyro
from pydantic import Field, model_validator

from metafed.objectives.base import ClientUpdates, Contribution, Objective, Plain, summed


@final
class Propfair(Objective):
    """PropFair: the product of the clients' utilities, bound minus loss."""

    name: Annotated[Literal["propfair"], tyro.conf.Suppress] = "propfair"
    bound: float = Field(
        5.0, gt=0, allow_inf_nan=False, description="Bound M, above the losses that are to be expected."
    )
    eps: float = Field(0.2, gt=0, allow_inf_nan=False, description="Utility ε below which the logarithm is a line.")

    separability: ClassVar[Literal["updates", "sums", "no"]] = "updates"

    @model_validator(mode="after")
    def _below_the_bound(self) -> Self:
        if self.eps > self.bound:
            raise ValueError(
                f"--objective.eps {self.eps:g} exceeds --objective.bound {self.bound:g}; choose a smaller eps"
            )
        return self

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the directions by the slopes of the logarithm, and the weights."""
        weights = updates.weights.double()
        utilities = (self.bound - updates.losses.double()).clamp(min=self.eps)
        return summed(updates, weights * self.bound / utilities, weights)
