"""Meta-SGD: Li, Zhou, Chen, Li, "Meta-SGD: Learning to Learn Quickly", 2017, arXiv 1707.09835.

φ_{i+1} = φ_i − a ⊙ ∇L(φ_i; S) with a rate a for every scalar of θ, learned like θ itself: the outer
direction is ∇_(θ, a) L(φ_K(θ, a); Q), exactly second order. After one step its half for a is
−∇L(θ; S) ⊙ ∇L(φ_1; Q), not the half for θ. The rates travel with θ: twice the bytes.

Ours: rates start at ``inner_lr``, all equal (the paper draws them at random), and K is 5, like that of
all other methods (the paper takes one step).
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.inner import Rates, rate_name
from metafed.algorithms.meta_gradient import LearnedRates, MetaGradient
from metafed.core.parameters import Params


@final
class MetaSgd(LearnedRates, MetaGradient):
    """MAML that learns a rate for every parameter, along with θ."""

    name: Annotated[Literal["meta-sgd"], tyro.conf.Suppress] = "meta-sgd"
    title: ClassVar[str] = "Meta-SGD"

    beyond: ClassVar[str] = "beyond them such rates often diverge"

    def shared(self, theta: Params) -> Params:
        """θ, and a rate for every scalar of it."""
        return {**theta, **{rate_name(n): torch.full_like(value, self.inner_lr) for n, value in theta.items()}}

    def rates(self, start: Params, steps: int) -> "Sequence[Rates]":
        """Return the learned rates ``(C, …)`` of the network's parameters, at every step the same."""
        return [{name: start[rate_name(name)] for name in start if rate_name(name) in start}] * steps
