"""Local training: no federation, the yardstick of McMahan et al. and all who personalise.

A client keeps a model v_k of its own, initially θ, and trains it in every round that samples it:
v ← v − α ∇L(v), K steps on support and query rows, full batch by default. It says nothing to the server: no
direction, weight 0. In evaluation v_k is adapted by K steps on the support set; an unseen client
starts from the initial θ.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.local_training import LocalTraining
from metafed.core.parameters import Params


@final
class Local(LocalTraining):
    """Every client by itself."""

    name: Annotated[Literal["local"], tyro.conf.Suppress] = "local"
    title: ClassVar[str] = "local"

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "none"

    def private(self, name: str) -> bool:
        """All of it."""
        return True

    def shared(self, theta: Params) -> Params:
        """θ, which stays as it was."""
        return theta
