"""Krum: Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017, arXiv 1703.02757.

An update's score is the sum of its squared distances to the n − f − 2 updates nearest to it; the one of lowest score is
the direction, the first of equals. It wants n ≥ 2 f + 3.
"""

from typing import Annotated, Literal, final

import numpy as np
import tyro
from numpy.typing import NDArray

from metafed.aggregators.base import Bounded, Direction, UpdateRows, distances, plain


@final
class Krum(Bounded):
    """The one update that is nearest to its neighbours."""

    name: Annotated[Literal["krum"], tyro.conf.Suppress] = "krum"

    def needed(self, updates: int) -> int:
        """Return 2 f + 3."""
        return 2 * self.liars(updates) + 3

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the update of lowest score."""
        return plain(updates[int(np.argmin(scores(distances(updates), self.liars(len(updates)))))].copy())


def scores(apart: NDArray[np.float64], liars: int) -> NDArray[np.float64]:
    """Return Krum's scores ``(n,)`` from squared distances ``(n, n)``."""
    neighbours = max(len(apart) - liars - 2, 1)
    others = apart + np.diag(np.full(len(apart), np.inf))
    return np.sort(others, axis=1)[:, :neighbours].sum(1) if len(apart) > 1 else np.zeros(1)
