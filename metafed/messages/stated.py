"""What clients state in place of parameters beside the model: numbers of steps, who took which model, sums by class.

A method divides and multiplies by them, so one that cannot be would move θ by any factor, whatever bounds its length.
"""

from collections.abc import Mapping

import numpy as np
import torch

from metafed.algorithms.base import Algorithm
from metafed.core.parameters import Layout, Vectors
from metafed.messages.typed import BadAnswer


def check_stated(
    algorithm: Algorithm, layout: Layout, sums: Vectors, weights: Mapping[str, float], clients: int
) -> None:
    """Check that ``clients`` clients or fewer can have stated what sums ``(size,)`` of their parts hold beside a model.

    Raises:
        BadAnswer: They cannot, or a sum has no weight.
    """
    for part, total in sums.items():
        if not any(map(algorithm.beside, layout.parts[part])):
            continue
        if weights[part] == 0 and not total.any():
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.asarray(total, np.float64) / (weights[part] or np.nan)
        if not algorithm.can_state(layout.unflatten({part: torch.from_numpy(mean)}), clients):
            raise BadAnswer(f"part {part!r} states what {clients} clients cannot have, beside the model")
