"""What a client at fault sends in the place of its update. Pure functions of the update, the fault and a stream."""

from collections.abc import Mapping

import numpy as np
import torch

from metafed.core.parameters import Vector
from metafed.faults.plan import Fault

Sent = Mapping[str, "torch.Tensor"]
"""An update as it is sent: a vector ``(size,)`` a part."""


def sent(honest: Sent, fault: Fault, rng: np.random.Generator) -> "dict[str, torch.Tensor]":
    """Return what a client sends whose honest update is ``honest``.

    nan and infinity stand in one place, the first of each part: nothing but a check of all finds them. shape: each part
    lacks its last number. sign-flip: −s · update. scale: s · update. random: numbers drawn from a normal distribution
    with s times the update's root mean square. Others are not lies about the update and leave it as it is.

    Args:
        honest: The update.
        fault: The fault; s is its strength.
        rng: Draws the random numbers, in the order of the parts.
    """
    return {part: _lie(vector, fault, rng) for part, vector in honest.items()}


def _lie(vector: "torch.Tensor", fault: Fault, rng: np.random.Generator) -> "torch.Tensor":
    match fault.kind:
        case "nan" | "infinity":
            changed = vector.clone()
            changed[0] = float("nan" if fault.kind == "nan" else "inf")
            return changed
        case "shape":
            return vector[:-1]
        case "sign-flip":
            return -fault.strong * vector
        case "scale":
            return fault.strong * vector
        case "random":
            size = fault.strong * float(vector.double().square().mean().sqrt())
            return torch.from_numpy(size * rng.standard_normal(len(vector))).to(vector)
    return vector


def flipped(y: "torch.Tensor", classes: int | None) -> "torch.Tensor":
    """Return labels that say the opposite: class c as classes − 1 − c, a number as its negative.

    Args:
        y: Labels of any shape.
        classes: How many classes there are; None for numbers.
    """
    return -y if classes is None else classes - 1 - y


def alie(honest: Vector, liars: int) -> Vector:
    """A little is enough: as far from the mean as hides among the honest, in every coordinate.

    Baruch, Baruch, Goldberg, "A Little Is Enough: Circumventing Defenses For Distributed Learning", NeurIPS 2019, arXiv
    1902.06156, algorithm 3: μ − z σ with s = ⌊n / 2 + 1⌋ − m and z the largest with Φ(z) < (n − m − s) / (n − m). Their
    liars estimate μ and σ among themselves; ours know them of all honest clients.

    Args:
        honest: The honest updates ``(n − m, size)``.
        liars: m, how many lie.

    Returns:
        What each liar sends ``(size,)``.
    """
    from scipy.stats import norm

    everybody = len(honest) + liars
    supporters = everybody // 2 + 1 - liars
    share = (len(honest) - supporters) / len(honest)
    # where the liars are a majority nothing need be hidden: the paper's z is not defined; the outermost honest one is
    z = float(norm.ppf(min(max(share, 0.5), 1 - 1 / (2 * len(honest)))))
    return np.asarray(honest.mean(0) - z * honest.std(0))


def inner_product(honest: Vector, strength: float) -> Vector:
    """Inner-product manipulation: against the honest mean, −ε μ.

    Xie, Koyejo, Gupta, "Fall of Empires: Breaking Byzantine-tolerant SGD by Inner Product Manipulation", UAI 2019,
    arXiv 1903.03936, section 4.

    Args:
        honest: The honest updates ``(n, size)``.
        strength: ε.
    """
    return np.asarray(-strength * honest.mean(0))
