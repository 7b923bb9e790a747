"""Clients with many rows are asked more often: probability in proportion to the rows owned.

Systematic sampling (Madow 1949, Annals of Mathematical Statistics 20) of clients in random order: a client with n_k of
n rows is asked with probability exactly min(1, c n_k), where c makes the expected number the size of the cohort.
(Drawing one after the other without replacement would miss these probabilities.) Never more or fewer than ``--cohort``.

Weights are **not** corrected. Asked in proportion to their rows and then averaged alike (scheme I of Li et al. 2020,
"On the Convergence of FedAvg on Non-IID Data", arXiv 1907.02189), clients count for as much as they own: that is what
such servers do and what a study of it wants to see. Dividing by the probability would give back the mean over clients,
with more variance, and ``--sampling uniform`` has that without. With an algorithm or objective that weighs by rows
as well (``fedavg``, ``--objective weighted``) rows count twice.
"""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro
from numpy.typing import NDArray

from metafed.sampling.base import Sampler, Scene


@final
class Data(Sampler):
    """A fixed number of clients, with probability in proportion to the rows that they own."""

    name: Annotated[Literal["data"], tyro.conf.Suppress] = "data"

    uses: ClassVar[Literal["nothing", "rows", "losses", "online"]] = "rows"

    def cohort(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Lay the clients' probabilities end to end in random order and take who is met at u, u + 1, and so on."""
        chances = proportional(np.asarray(scene.rows, np.float64), scene.size)
        # who is certain is taken out: an interval of length 1 could be met twice or not at all, by rounding
        certain = chances > 1 - 1e-9
        asked, order = np.flatnonzero(certain).tolist(), rng.permutation(np.flatnonzero(~certain))
        left = scene.size - len(asked)
        if left:
            ends = np.cumsum(chances[order])
            # nor must rounding change that the last end is the number that is left
            ends *= left / ends[-1]
            met = np.searchsorted(ends, rng.random() + np.arange(left), side="right")
            asked += order[np.minimum(met, len(order) - 1)].tolist()
        return sorted(asked)


def proportional(rows: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return min(1, c · rows) with the c by which they add up to ``size``, ``(n,)``.

    Args:
        rows: Rows of each client, at least 1 each.
        size: At most n.
    """
    chances = np.zeros(len(rows))
    certain = np.zeros(len(rows), bool)
    while True:
        left = ~certain
        chances[certain] = 1.0
        if not left.any():
            return chances
        chances[left] = rows[left] * (size - int(certain.sum())) / rows[left].sum()
        above = left & (chances >= 1)
        if not (above & (chances > 1)).any():
            return chances
        certain |= above
