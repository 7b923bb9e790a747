"""The mean of the clients' losses: every client counts the same."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import tyro

from metafed.objectives.base import Contribution, Objective
from metafed.parameters import Vector


class Mean(Objective):
    """Uniform mean over the clients that hold a part."""

    name: Annotated[Literal["mean"], tyro.conf.Suppress] = "mean"

    def share(self, losses: "torch.Tensor", directions: "Mapping[str, torch.Tensor]") -> Contribution:
        """Sum the directions; every client weighs 1."""
        return Contribution(
            {part: rows.sum(0).cpu().numpy() for part, rows in directions.items()},
            {part: float(len(losses)) for part in directions},
        )

    def step(self, total: Contribution) -> dict[str, Vector]:
        """Divide each part's sum by the number of clients that hold it."""
        return {part: vector / total.weights[part] for part, vector in total.directions.items()}
