"""Label skew with unequal numbers of rows: each class has its own shares of clients."""

from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from metafed.core.episodes import MINIMUM
from metafed.data.partition.base import Alpha, Partition

DRAWS = 1000
"""How often shares are drawn, at most, until every client has rows enough."""


@final
class Dirichlet(Partition):
    """Class by class, shares of clients are drawn from Dir(α, …, α); numbers of rows are unequal.

    Yurochkin et al. 2019, arXiv:1905.12022, section 4, in the form of PFLlib and of ``DirichletPartitioner`` of
    flwr-datasets: a client that has its n / clients rows gets none of the classes that follow, and all is drawn again
    until everyone has ``smallest`` rows.

    Attributes:
        alpha: Concentration: with a small one a client has few classes.
        smallest: Rows that every client has at least.
    """

    kind: Literal["dirichlet"] = "dirichlet"
    alpha: Alpha
    smallest: int = Field(10, ge=MINIMUM, le=10**9)
    goes_by: ClassVar = "class"
    about: ClassVar = "with label skew, each class in shares ~ Dir(alpha) of the clients (Yurochkin et al. 2019)"

    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if len(labels) < self.smallest * self.clients:
            raise ValueError(
                f"{len(labels):,} rows are too few for {self.clients:,} clients of smallest = {self.smallest:,} rows:"
                f" at most {len(labels) // self.smallest:,} clients can be made"
            )
        place, totals = np.unique(labels, return_inverse=True, return_counts=True)[1:]
        counts = self._enough(totals, rng)
        client = np.empty(len(labels), np.int64)
        for number, own in enumerate(counts):
            client[rng.permutation(np.flatnonzero(place == number))] = np.repeat(np.arange(self.clients), own)
        return client

    def _enough(self, totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for _ in range(DRAWS):
            counts = self._counts(totals, rng)
            if counts.sum(0).min() >= self.smallest:
                return counts
        raise ValueError(
            f"in {DRAWS:,} draws there was always a client with fewer than smallest = {self.smallest:,} rows: choose"
            f" fewer clients than {self.clients:,}, a larger alpha than {self.alpha:g}, or a smaller smallest"
            f" ({MINIMUM} at least)"
        )

    def _counts(self, totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw how many rows of each class each client gets ``(classes, clients)``; zeros where a draw fails."""
        counts = np.zeros((len(totals), self.clients), np.int64)
        for number, total in enumerate(totals):
            open_ = counts.sum(0) < totals.sum() / self.clients
            share = rng.dirichlet(np.full(self.clients, self.alpha)) * open_
            if not share.sum() > 0:  # a very small concentration underflows
                return np.zeros_like(counts)
            cuts = (np.cumsum(share / share.sum()) * total).astype(np.int64)[:-1]
            counts[number] = np.diff(cuts, prepend=0, append=total)
        return counts
