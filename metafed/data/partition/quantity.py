"""Unequal numbers of rows; which rows, is left to chance."""

from typing import ClassVar, Literal, final

import numpy as np

from metafed.core.episodes import MINIMUM
from metafed.data.partition.base import Alpha, Partition


@final
class Quantity(Partition):
    """Shares of rows are drawn from Dir(α, …, α) (Li et al. 2022, arXiv:2102.02079).

    Everyone has ``MINIMUM`` rows; the shares are those of all further rows, so that no draw has to be repeated.

    Attributes:
        alpha: Concentration: small is uneven.
    """

    kind: Literal["quantity"] = "quantity"
    alpha: Alpha
    goes_by: ClassVar = "nothing"
    about: ClassVar = "with quantity skew, shares of rows ~ Dir(alpha) (Li et al. 2022)"

    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = len(labels)
        share = np.nan_to_num(rng.dirichlet(np.full(self.clients, self.alpha)), nan=1 / self.clients)
        sizes = MINIMUM + np.floor(share / share.sum() * (rows - MINIMUM * self.clients)).astype(np.int64)
        # rounding leaves a few rows: one more to each of the first
        sizes[: rows - sizes.sum()] += 1
        return rng.permutation(np.repeat(np.arange(self.clients), sizes))
