"""BOIL: Oh, Yoo, Kim, Yun, ICLR 2021, arXiv 2008.08882.

MAML whose inner loop moves the body only: φ_{i+1} = φ_i − α ∇_body L(φ_i; S). The outer direction ∇_θ L(φ_K(θ); Q) is
exact and has body and head. It is the opposite of ANIL.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.meta_gradient import MetaGradient
from metafed.models import is_head


@final
class Boil(MetaGradient):
    """Body only in the inner loop: MAML that keeps the head."""

    name: Annotated[Literal["boil"], tyro.conf.Suppress] = "boil"
    title: ClassVar[str] = "BOIL"

    needs_head: ClassVar[NeedsHead] = "any"

    def adapts(self, name: str) -> bool:
        """The body; the head is θ's all the time."""
        return not is_head(name)
