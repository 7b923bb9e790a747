"""ANIL: Raghu, Raghu, Bengio, Vinyals, "Rapid Learning or Feature Reuse?", ICLR 2020, arXiv 1909.09157.

MAML whose inner loop moves the head only: φ_{i+1} = φ_i − α ∇_head L(φ_i; S). The outer direction
∇_θ L(φ_K(θ); Q) is exact and has body and head.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.meta_gradient import MetaGradient
from metafed.models import is_head


@final
class Anil(MetaGradient):
    """Almost no inner loop: MAML that adapts the head only."""

    name: Annotated[Literal["anil"], tyro.conf.Suppress] = "anil"
    title: ClassVar[str] = "ANIL"

    needs_head: ClassVar[NeedsHead] = "any"

    def adapts(self, name: str) -> bool:
        """The head; the body is θ's all the time."""
        return is_head(name)
