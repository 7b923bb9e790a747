"""FedBN: Li, Jiang, Zhang, Kamp, Dou, ICLR 2021, arXiv 2102.07623, Algorithm 1.

A client keeps the scales and shifts of its norm layers, and all else is averaged, w ← Σ n_k w_k / Σ n_k: the
direction is θ − w_k with weight n_k. Norm parameters are never sent.

Ours: norm layers of any kind (batch, group, layer); by default full-batch steps on support and query rows, as in
``fedavg``. There are no running statistics: a batch norm takes those of the rows at hand. Step 0 of evaluation is θ
with the client's own norms, which is FedBN; K steps of all parameters on the support set follow. An unseen client
begins with the initial norms.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.local_training import LocalTraining
from metafed.models import is_norm


@final
class Fedbn(LocalTraining):
    """FedAvg whose clients keep their own norm layers."""

    name: Annotated[Literal["fedbn"], tyro.conf.Suppress] = "fedbn"
    title: ClassVar[str] = "FedBN"

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_norm: ClassVar[bool] = True

    def private(self, name: str) -> bool:
        """The norm layers."""
        return is_norm(name)
