"""FedAvgM, FedAdam, FedYogi: Reddi et al., "Adaptive Federated Optimization", ICLR 2021, arXiv 2003.00295, Algorithm 2.

Clients do what they do in FedAvg. The mean of θ − w_k, by rows, is a gradient to the server's optimizer: FedAvgM
(Hsu, Qi, Brown 2019, arXiv 1909.06335) steps by v ← 0.9 v + g, θ ← θ − v; FedAdam and FedYogi divide the mean of g by
the root of the mean of g². Each is ``fedavg`` with ``--outer-optimizer`` and ``--outer-lr``, under the name by which
it is known.

Ours: full-batch steps by default, as in ``fedavg``. Adam is torch.optim's, with β₂ = 0.999, ε = 1e-8 and bias
correction, where the paper has 0.99, τ = 1e-3 and none; Yogi has the paper's. The paper tunes the rates; here those
of Adam and Yogi are 0.01.
"""

from abc import ABC
from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.algorithms.base import Outer
from metafed.algorithms.local_training import LocalTraining


class FedOpt(LocalTraining, ABC):
    """FedAvg with another optimizer at the server; one model for all, not adapted."""

    weighable_losses: ClassVar[bool] = True
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "rows"
    fine_tunes: ClassVar[bool] = False

    @property
    def local_rate(self) -> float:
        """α."""
        return self.inner_lr


@final
class Fedavgm(FedOpt):
    """FedAvg with momentum at the server."""

    name: Annotated[Literal["fedavgm"], tyro.conf.Suppress] = "fedavgm"
    title: ClassVar[str] = "FedAvgM"

    outer: ClassVar[Outer] = Outer("momentum", 1.0)


@final
class Fedadam(FedOpt):
    """FedAvg with Adam at the server."""

    name: Annotated[Literal["fedadam"], tyro.conf.Suppress] = "fedadam"
    title: ClassVar[str] = "FedAdam"

    outer: ClassVar[Outer] = Outer("adam", 0.01)


@final
class Fedyogi(FedOpt):
    """FedAvg with Yogi at the server."""

    name: Annotated[Literal["fedyogi"], tyro.conf.Suppress] = "fedyogi"
    title: ClassVar[str] = "FedYogi"

    outer: ClassVar[Outer] = Outer("yogi", 0.01)
