"""A round by pfl-research (Granqvist et al. 2024, arXiv 2404.06430): its simulated backend, an algorithm in PyTorch.

The algorithm's user computes what the plain loop does; users come one after another in one process.
"""

from typing import Any

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import FederatedAlgorithm
from pfl.common_types import Population
from pfl.context import CentralContext
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.internal.ops import pytorch_ops
from pfl.internal.ops.selector import set_framework_module
from pfl.metrics import Metrics
from pfl.stats import MappedVectorStatistics

from benchmarks.contenders import Central, loop_gradient
from benchmarks.frameworks import Round, Theta
from metafed.core.parameters import part_of


class Maml(FederatedAlgorithm):  # type: ignore[misc]
    """MAML as a user of pfl writes it: a user's statistics are its meta-gradient, the model is θ."""

    def __init__(self, central: Central) -> None:
        super().__init__()
        self.central = central

    def get_next_central_contexts(self, *args: Any, **kwargs: Any) -> Any:
        """A round is asked for from outside."""
        raise NotImplementedError

    def simulate_one_user(self, model: Theta, user_dataset: Any, central_context: Any) -> tuple[Any, Metrics]:
        """Return the user's meta-gradient, zero where it has none."""
        client, server_round = int(user_dataset.user_id), central_context.current_central_iteration
        found = loop_gradient(self.central, model, client, server_round)
        every = {name: found.get(name, torch.zeros_like(value)) for name, value in model.items()}
        return MappedVectorStatistics(every, weight=1.0), Metrics()

    def process_aggregated_statistics(
        self, central_context: Any, aggregate_metrics: Metrics, model: Theta, statistics: Any
    ) -> tuple[Theta, Metrics]:
        """Return θ after the outer step."""
        roster = self.central.population.roster
        counts: dict[str, int] = {}
        for family, members in roster.by_family(range(central_context.cohort_size)):
            for part in {part_of(name) for name in model} & {"trunk", family}:
                counts[part] = counts.get(part, 0) + len(members)
        return self.central.step(model, dict(statistics.items()), counts), Metrics()


def made(central: Central) -> Round:
    """Return a round."""
    set_framework_module(pytorch_ops)
    algorithm = Maml(central)

    def step(theta: Theta, clients: list[int], server_round: int) -> Theta:
        users = iter(clients)
        data = FederatedDataset(
            lambda user: Dataset(raw_data=[np.array([user])], user_id=str(user)), lambda: next(users)
        )
        context = CentralContext(server_round, False, len(clients), Population.TRAIN, None, None, seed=0)
        statistics, metrics = SimulatedBackend(data, data).gather_results(theta, algorithm, central_context=context)
        result: Theta = algorithm.process_aggregated_statistics(context, metrics, theta, statistics)[0]
        return result

    return step
