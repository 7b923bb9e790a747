"""The mean of the clients' losses."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import tyro

from metafed.objectives.base import Contribution, Objective
from metafed.parameters import Vector


class Mean(Objective):
    """Mean over the clients that hold a part, by the weights that the algorithm gives them (mostly 1)."""

    name: Annotated[Literal["mean"], tyro.conf.Suppress] = "mean"

    def share(
        self, losses: "torch.Tensor", weights: "torch.Tensor", directions: "Mapping[str, torch.Tensor]"
    ) -> Contribution:
        """Sum the weighted directions, and the weights."""
        return Contribution(
            # in float64, so that it hardly matters how clients were grouped
            {part: (weights.double() @ rows.double()).cpu().numpy() for part, rows in directions.items()},
            {part: float(weights.sum()) for part in directions},
        )

    def step(self, total: Contribution) -> dict[str, Vector]:
        """Divide each part's sum by the weight of the clients that hold it; a part of weight 0 stays."""
        return {
            part: vector / total.weights[part] for part, vector in total.directions.items() if total.weights[part] > 0
        }
