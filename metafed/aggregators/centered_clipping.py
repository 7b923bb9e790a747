"""Centered clipping: Karimireddy, He, Jaggi, ICML 2021, arXiv 2012.10333, algorithm 2 (without the clients' momentum).

v ← v + mean of (update − v), each difference cut to the length τ, some times over, from the last round's v: a lie
must stay near what was, round after round. Before the first round v is 0. τ is given, or the median of the differences'
lengths, as for norm clipping.
"""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, shortened


@final
class CenteredClipping(Aggregator):
    """The mean of updates cut around the direction of the round before."""

    name: Annotated[Literal["centered-clipping"], tyro.conf.Suppress] = "centered-clipping"
    bound: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Length τ of a difference at most. Default: the median length."
    )
    steps: int = Field(3, ge=1, le=100, description="Times that the centre is moved in a round.")

    remembers: ClassVar[bool] = True

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the centre after the last step."""
        centre = np.zeros(updates.shape[1]) if before is None else before
        for _ in range(self.steps):
            off = updates - centre
            bound = self.bound or float(np.median(np.linalg.norm(off, axis=1)))
            centre = centre + shortened(off, bound).mean(0)
        return centre
