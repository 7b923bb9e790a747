"""FedPer: Arivazhagan et al., "Federated Learning with Personalization Layers", 2019, arXiv 1912.00818.

The server holds the body b, a client keeps its own head h_k. Both descend together,
(b, h_k) ← (b, h_k) − α ∇L(b, h_k), K times, and the server averages the bodies,
b ← Σ n_k b_k / Σ n_k: the direction is b − b_k with weight n_k. Heads are never sent.

Ours: the head is the last layer; by default full-batch steps on support and query rows, as in ``fedavg``. Step 0 of
evaluation is (b, h_k), and K such steps on the support set follow; an unseen client starts with the
initial head.
"""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import NeedsHead
from metafed.algorithms.local_training import LocalTraining
from metafed.models import is_head


@final
class Fedper(LocalTraining):
    """A shared body and a private head, trained together."""

    name: Annotated[Literal["fedper"], tyro.conf.Suppress] = "fedper"
    title: ClassVar[str] = "FedPer"

    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    needs_head: ClassVar[NeedsHead] = "any"

    def private(self, name: str) -> bool:
        """The head."""
        return is_head(name)
