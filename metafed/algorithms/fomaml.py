"""FOMAML: first-order MAML, Finn, Abbeel, Levine 2017, arXiv 1703.03400, section 5.2.

φ_{i+1} = φ_i − α ∇L(φ_i; S) as in MAML, but the outer direction is ∇_φ L(φ_K; Q), at φ_K and with
respect to φ_K: the inner gradients count as constants.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.meta_gradient import MetaGradient


@final
class Fomaml(MetaGradient):
    """First-order MAML: the query gradient at the adapted parameters."""

    name: Annotated[Literal["fomaml"], tyro.conf.Suppress] = "fomaml"
    title: ClassVar[str] = "FOMAML"

    first_order: ClassVar[bool] = True
