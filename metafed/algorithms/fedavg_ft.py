"""FedAvg with fine-tuning, "FedAvg(Meta)" in Chen et al., 2018, arXiv 1802.07876, section 4.

Meta-training is FedAvg's, θ ← Σ n_k w_k / Σ n_k; in evaluation a client adapts θ by K gradient steps
on its support set, φ_{i+1} = φ_i − α ∇L(φ_i; S).
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.local_training import LocalTraining


@final
class FedavgFt(LocalTraining):
    """FedAvg whose clients fine-tune θ on their support set."""

    name: Annotated[Literal["fedavg-ft"], tyro.conf.Suppress] = "fedavg-ft"
    title: ClassVar[str] = "FedAvg+FT"

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
