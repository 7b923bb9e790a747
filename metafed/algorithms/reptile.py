"""Reptile: Nichol, Achiam, Schulman, "On First-Order Meta-Learning Algorithms", 2018, arXiv 1803.02999.

A client takes K gradient steps on its rows from θ to w_k, and the server steps towards the mean,
θ ← θ + ε mean(w_k − θ): the direction is θ − w_k, and ε is the outer learning rate. Every client
counts the same; with ε = 1 and weights n_k it is FedAvg (Jiang et al. 2019, arXiv 1909.12488).

Ours: the K steps are full batch by default, on support and query rows, and ε is constant by default: it
falls to 0, as the paper's does, with ``--outer-schedule linear``.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.local_training import LocalTraining


@final
class Reptile(LocalTraining):
    """Reptile: move θ towards where clients' gradient steps lead."""

    name: Annotated[Literal["reptile"], tyro.conf.Suppress] = "reptile"
    title: ClassVar[str] = "Reptile"
