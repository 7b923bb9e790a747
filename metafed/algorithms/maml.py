"""MAML: Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning", ICML 2017, arXiv 1703.03400, equation 1.

φ_0 = θ, φ_{i+1} = φ_i − α ∇L(φ_i; S), and the outer direction is ∇_θ L(φ_K(θ); Q), through all K
steps: exactly second order. Federated as FedMeta (Chen et al. 2018, arXiv 1802.07876): a client
sends the direction, the server takes an Adam step along the mean.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.meta_gradient import MetaGradient


@final
class Maml(MetaGradient):
    """MAML with any number of inner steps, exactly second order."""

    name: Annotated[Literal["maml"], tyro.conf.Suppress] = "maml"
    title: ClassVar[str] = "MAML"
