"""What a network is told of a family's inputs."""

from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class Inputs:
    """One row of a family's inputs, as a factory of networks gets it.

    Attributes:
        kind: ``features``: plain numbers; ``image``: channels, height and width.
        shape: The shape of one row, without the axis of rows.
    """

    kind: Literal["features", "image"]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return prod(self.shape)
