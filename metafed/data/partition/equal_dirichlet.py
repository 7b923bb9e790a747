"""Label skew with equal numbers of rows: each client has its own shares of classes."""

from typing import ClassVar, Literal, final

import numpy as np

from metafed.data.partition.base import Alpha, Partition


@final
class EqualDirichlet(Partition):
    """Each client draws shares q ~ Dir(α p) of the classes, and then its rows by q, without replacement.

    Hsu, Qi, Brown 2019, arXiv:1909.06335, section 3. p are the classes' shares of all rows; a class that has no row
    left is left out of q. Numbers of rows differ by one at most; the last clients get what is left.

    Attributes:
        alpha: The sum of the concentrations: who writes Dir(α, …, α) for K classes means K α here.
    """

    kind: Literal["equal-dirichlet"] = "equal-dirichlet"
    alpha: Alpha
    goes_by: ClassVar = "class"
    about: ClassVar = "with label skew, shares of classes ~ Dir(alpha p), equally many rows each (Hsu et al. 2019)"

    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        place, left = np.unique(labels, return_inverse=True, return_counts=True)[1:]
        pools = [rng.permutation(np.flatnonzero(place == number)) for number in range(len(left))]
        prior = left / len(labels)
        client = np.empty(len(labels), np.int64)
        for number, wanted in enumerate(np.bincount(np.arange(len(labels)) % self.clients)):
            # a very small concentration underflows: the classes then get the chances of what is left
            liking = np.nan_to_num(rng.dirichlet(self.alpha * prior))
            while wanted:
                chance = np.where(left > 0, liking, 0.0)
                chance = chance / chance.sum() if chance.sum() > 0 else left / left.sum()
                got = np.minimum(rng.multinomial(wanted, chance), left)
                for pool, end, taken in zip(pools, left, got, strict=True):
                    client[pool[end - taken : end]] = number
                left, wanted = left - got, wanted - got.sum()
        return client
