"""Rows without people dealt to clients, as the literature does it.

- ``iid``: at random, equally many to each (McMahan et al. 2017, arXiv:1602.05629, section 3).
- ``dirichlet``: label skew. Client i draws shares q ~ Dir(α p) of the classes, where p are the classes' shares of
  all rows, then equally many rows as everyone, without replacement; a class that has no row left is left out of q
  (Hsu, Qi, Brown 2019, arXiv:1909.06335). The concentrations add up to α: who writes Dir(α, …, α) for K classes
  means K α here. The last clients get what is left.
- ``shards``: rows sorted by target are cut into equal shards, of which each client gets a few, two if nothing is said
  (McMahan et al. 2017, section 3: "pathological non-IID").
- ``quantity``: how many rows a client has is drawn, shares ~ Dir(α, …, α); which, is not (Li et al. 2022,
  arXiv:2102.02079). Everyone has ``MINIMUM`` rows at least.
"""

import numpy as np

from metafed.core.episodes import MINIMUM
from metafed.data.table.description import Partition

SHARDS = 2
"""Shards of a client, if nothing is said."""
SAYS: dict[Partition, str] = {
    "iid": "at random (McMahan et al. 2017)",
    "dirichlet": "label skew, shares of classes ~ Dir(alpha p) (Hsu et al. 2019)",
    "shards": "shards of the rows sorted by target (McMahan et al. 2017)",
    "quantity": "quantity skew, shares of rows ~ Dir(alpha) (Li et al. 2022)",
}
"""What notes say of each."""


def deal(
    how: Partition, target: np.ndarray, clients: int, alpha: float | None, shards: int | None, rng: np.random.Generator
) -> list[np.ndarray]:
    """Deal rows to clients.

    Args:
        how: The partition.
        target: What rows are skewed by ``(n,)``: numbers of classes, or real numbers for shards.
        clients: How many clients.
        alpha: Concentration, for ``dirichlet`` and ``quantity``.
        shards: Shards of a client, for ``shards``.
        rng: Where the chances come from.

    Returns:
        Each client's rows; no row twice. Up to ``clients`` × ``shards`` − 1 rows may be left over.

    Raises:
        ValueError: There are too few rows for so many clients.
    """
    shards = (shards or SHARDS) if how == "shards" else 1
    fewest = max(MINIMUM, shards)
    if len(target) < fewest * clients:
        raise ValueError(
            f"{len(target):,} rows are too few for {clients:,} clients of {fewest} rows at least: at most"
            f" {len(target) // fewest:,} clients can be made"
        )
    if how == "dirichlet":
        return _dirichlet(target, clients, alpha or 0.0, rng)
    if how == "quantity":
        return _quantity(len(target), clients, alpha or 0.0, rng)
    order = rng.permutation(len(target))
    if how == "shards":
        order = order[np.argsort(target[order], kind="stable")]
    size = len(target) // (clients * shards)
    pieces = order[: size * clients * shards].reshape(clients * shards, size)
    return list(pieces[rng.permutation(len(pieces))].reshape(clients, shards * size))


def _dirichlet(label: np.ndarray, clients: int, alpha: float, rng: np.random.Generator) -> list[np.ndarray]:
    classes, label = np.unique(label, return_inverse=True)
    pools = [rng.permutation(np.flatnonzero(label == k)) for k in range(len(classes))]
    left = np.array([len(pool) for pool in pools])
    prior = left / len(label)
    dealt = []
    for _ in range(clients):
        # a very small concentration underflows: the classes then get the chances of the prior
        liking = np.nan_to_num(rng.dirichlet(alpha * prior))
        rows: list[np.ndarray] = []
        wanted = len(label) // clients
        while wanted:
            open_ = left > 0
            chance = np.where(open_, liking, 0.0)
            chance = chance / chance.sum() if chance.sum() > 0 else left / left.sum()
            got = np.minimum(rng.multinomial(wanted, chance), left)
            for k in np.flatnonzero(got):
                rows.append(pools[k][left[k] - got[k] : left[k]])
            left -= got
            wanted -= got.sum()
        dealt.append(np.concatenate(rows))
    return dealt


def _quantity(rows: int, clients: int, alpha: float, rng: np.random.Generator) -> list[np.ndarray]:
    share = np.nan_to_num(rng.dirichlet(np.full(clients, alpha)), nan=1 / clients)
    spare = rows - MINIMUM * clients
    sizes = MINIMUM + np.floor(share / share.sum() * spare).astype(np.int64)
    # rounding leaves a few rows: one more to each of the first
    sizes[: rows - sizes.sum()] += 1
    return np.split(rng.permutation(rows), np.cumsum(sizes)[:-1])
