"""Rows at random, equally many for each client."""

from typing import ClassVar, Literal, final

import numpy as np

from metafed.data.partition.base import Partition


@final
class Iid(Partition):
    """At random; numbers of rows differ by one at most (McMahan et al. 2017, arXiv:1602.05629, section 3)."""

    kind: Literal["iid"] = "iid"
    goes_by: ClassVar = "nothing"
    about: ClassVar = "at random (McMahan et al. 2017)"

    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(np.arange(len(labels)) % self.clients)
