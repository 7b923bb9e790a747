"""What a network is told of a family's inputs."""

from dataclasses import dataclass
from math import prod
from typing import Literal

SEQUENCE = "sequence"
"""What a factory says that wants sequences: ``inputs = "sequence"``."""
TEXT = "text"
"""What the factory says whose ``reader`` makes rows of texts, by a sentence encoder."""


@dataclass(frozen=True)
class Inputs:
    """One row of a family's inputs, as a factory of networks gets it.

    Attributes:
        kind: ``features``: plain numbers; ``image``: channels, height and width; ``sequence``: moments, or tokens of a
            text, in order of time. Padding comes first, so that the last moment is always a real one.
        shape: The shape of one row, without the axis of rows: of a sequence ``(moments, numbers)``, of a text
            ``(tokens,)``.
        vocabulary: How many ids of tokens there are; 0: a row has numbers, not tokens. Id 0 is padding.
        masked: Whether moments may be missing: the last number of a moment is then 1, and all of padding is 0.
    """

    kind: Literal["features", "image", "sequence"]
    shape: tuple[int, ...]
    vocabulary: int = 0
    masked: bool = False

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return prod(self.shape)
