"""Shards of the rows sorted by target: few classes a client."""

from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from metafed.data.partition.base import Partition


@final
class Shards(Partition):
    """Rows sorted by target are cut into equal shards, of which each client gets a few at random.

    "Pathological non-IID" of McMahan et al. 2017, arXiv:1602.05629, section 3. Lengths of shards differ by one at most.

    Attributes:
        shards: Shards of a client.
    """

    kind: Literal["shards"] = "shards"
    shards: int = Field(2, ge=1, le=10**6)
    goes_by: ClassVar = "value"
    about: ClassVar = "in shards of the rows sorted by target (McMahan et al. 2017)"

    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, pieces = len(labels), self.clients * self.shards
        if rows < pieces:
            raise ValueError(
                f"{rows:,} rows are too few for {pieces:,} shards: choose fewer than {self.clients:,} clients, or fewer"
                f" than {self.shards:,} shards for each"
            )
        order = rng.permutation(rows)
        order = order[np.argsort(labels[order], kind="stable")]
        owner = rng.permutation(pieces) // self.shards
        client = np.empty(rows, np.int64)
        client[order] = owner[np.arange(rows) * pieces // rows]
        return client
