"""FedAvg: McMahan, Moore, Ramage, Hampson, Agüera y Arcas, AISTATS 2017, arXiv 1602.05629, Algorithm 1.

A client takes K gradient steps on its rows from θ to w_k, and the server averages,
θ ← Σ n_k w_k / Σ n_k: the direction is θ − w_k with weight n_k, and the server's rate is 1.
There is no adaptation: every client predicts with θ.

Ours: where the paper has E epochs of minibatches, a step is full batch by default, on the episode's support
and query rows; ``[local]`` has epochs and minibatches. n_k is the number of rows trained on.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.local_training import LocalTraining


@final
class Fedavg(LocalTraining):
    """FedAvg: one model for all, not adapted."""

    name: Annotated[Literal["fedavg"], tyro.conf.Suppress] = "fedavg"
    title: ClassVar[str] = "FedAvg"

    weighable_losses: ClassVar[bool] = True
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    fine_tunes: ClassVar[bool] = False

    @property
    def local_rate(self) -> float:
        """α."""
        return self.inner_lr
