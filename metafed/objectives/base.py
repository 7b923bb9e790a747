"""The one interface of all objectives, and what travels: contributions that add."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from metafed.parameters import Vector


@dataclass(frozen=True)
class Contribution:
    """Sums over clients, a part each: a commutative monoid under ``+`` with the empty one as zero.

    Partial sums over chunks, sums in any grouping and (later) secure sums therefore agree.

    Attributes:
        directions: Weighted sum of the clients' outer directions, ``(size,)`` a part.
        weights: Sum of the clients' weights, a part.
    """

    directions: Mapping[str, Vector]
    weights: Mapping[str, float]

    def __add__(self, other: "Contribution") -> "Contribution":
        parts = (*self.directions, *(part for part in other.directions if part not in self.directions))
        return Contribution(
            {part: _sum(self.directions.get(part), other.directions.get(part)) for part in parts},
            {part: self.weights.get(part, 0.0) + other.weights.get(part, 0.0) for part in parts},
        )


NOTHING = Contribution({}, {})


def _sum(left: Vector | None, right: Vector | None) -> Vector:
    if left is None or right is None:
        present = right if left is None else left
        assert present is not None, "a part is in one of the two at least"
        return present
    return np.add(left, right, dtype=np.float64)


class Objective(BaseModel, ABC):
    """How per-client losses become one direction; its fields are its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def share(
        self, losses: "torch.Tensor", weights: "torch.Tensor", directions: "Mapping[str, torch.Tensor]"
    ) -> Contribution:
        """On the host: sum what clients say.

        Args:
            losses: Query losses after adaptation ``(C,)``.
            weights: The clients' weights by the algorithm's definition ``(C,)``.
            directions: Outer directions ``(C, size)`` a part.
        """

    @abstractmethod
    def step(self, total: Contribution) -> dict[str, Vector]:
        """On the server: the pseudo-gradient ``(size,)`` of every part, from the sum alone."""
