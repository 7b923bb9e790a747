"""FedProx: Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith, MLSys 2020, arXiv 1812.06127, equation 2.

FedAvg whose clients minimise L(w) + ½ μ ‖w − θ‖²: w ← w − α (∇L(w) + μ (w − θ)), K times from θ.
With μ = 0 it is FedAvg.

Ours: by default full-batch steps on support and query rows, as in ``fedavg``; weights n_k, since clients are
sampled uniformly (the paper samples them by n_k and averages uniformly); the same K for all clients.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, final

import tyro
from pydantic import Field

from metafed.algorithms.base import Range
from metafed.algorithms.local_training import LocalTraining, Proximal


@final
class Fedprox(Proximal, LocalTraining):
    """FedAvg with a proximal term that keeps clients near θ; θ is fine-tuned with it where steps are asked for."""

    name: Annotated[Literal["fedprox"], tyro.conf.Suppress] = "fedprox"
    title: ClassVar[str] = "FedProx"
    mu: float = Field(0.1, ge=0, allow_inf_nan=False, description="Strength μ of the pull towards θ.")

    weighable_losses: ClassVar[bool] = True
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    fine_tunes: ClassVar[bool] = False
    pulls: ClassVar[str] = "mu"
    searched: ClassVar[Mapping[str, Range]] = {**LocalTraining.searched, "mu": Range(0.003, 1.0)}

    @property
    def local_rate(self) -> float:
        """α."""
        return self.inner_lr
