"""TERM: Li, Beirami, Sanjabi, Smith, "Tilted Empirical Risk Minimization", ICLR 2021, arXiv 2007.01162.

minimise (1 / t) log(Σ w_k exp(t F_k) / Σ w_k). Its gradient is the mean of the clients' by the weights
a_k = b_k = w_k exp(t F_k): t → 0 is ``mean``, t → ∞ the worst client; t < 0 turns away from clients of large loss.
The sums are multiples of exp(reference) with the largest t F_k as reference, so that nothing overflows.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import tyro
from pydantic import Field

from metafed.objectives.base import NOTHING, ClientUpdates, Contribution, Objective, Plain, exponential, summed


@final
class Tilted(Objective):
    """TERM: losses tilted by an exponential, so that large ones count for more."""

    name: Annotated[Literal["tilted"], tyro.conf.Suppress] = "tilted"
    t: float = Field(
        1.0, allow_inf_nan=False, description="Tilt t; 0: mean, large: the worst client, below 0: the best."
    )

    separability: ClassVar[Literal["updates", "sums", "no"]] = "sums"
    scaled: ClassVar[bool] = True

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the directions by the tilted weights, and these weights."""
        exponents, weights = self.t * updates.losses.double(), updates.weights.double()
        if not (weights > 0).any():
            return NOTHING
        factors, scale = exponential(weights, exponents)
        return summed(updates, factors, factors, scale)
