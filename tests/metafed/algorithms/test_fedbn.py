"""FedBN on networks with norms, ours and a module; and where there are none."""

import pytest
import torch
from torch import nn

from metafed.algorithms import Fedavg, Fedbn
from metafed.core.episodes import Batch, Episode
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import check_norms
from metafed.models import SmallConv, initialize, is_norm, layout
from metafed.tasks.task import task_of
from tests.metafed.algorithms.clients import begin, pick, same
from tests.metafed.models.modules import network_of
from tests.metafed.models.problems import one, tensor

IMAGE = (1, 8, 8)


def problem(norm):
    model = SmallConv("toy", 3, IMAGE, filters=4, width=6, norm=norm, activation="tanh")
    theta = initialize(layout({"toy": model}), 0, torch.float64)
    rng = stream(0, "images")

    def batch(rows):
        return Batch(
            tensor(rng, 3, rows, 64), torch.from_numpy(rng.integers(0, 3, (3, rows))), torch.ones(3, rows).double()
        )

    return task_of(model, "classification"), theta, Episode(batch(6), batch(5))


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_norms_stay_with_the_client_and_the_rest_is_fedavg_from_them(norm):
    task, theta, episode = problem(norm)
    algorithm, fedavg = Fedbn(inner_lr=0.2), Fedavg(inner_lr=0.2)
    shared, state = begin(algorithm, theta, 3)
    assert set(state) == set(filter(is_norm, theta)) != set()
    assert not any(map(is_norm, shared))
    assert {**shared, **state}.keys() == theta.keys()
    update = algorithm.update(task, shared, state, episode, 1)
    assert update.directions.keys() == shared.keys()
    for client in range(3):
        own = {**shared, **{n: v[client] for n, v in state.items()}}
        alone = fedavg.update(task, own, {}, one(episode, client), 1)
        same(pick(update.directions, client), {n: alone.directions[n] for n in shared}, 1e-10)
        kept = {n: v.unsqueeze(0) - alone.directions[n] for n, v in own.items() if n in state}
        same(pick(update.state, client), kept, 1e-10)


class Normed(nn.Module):
    """A network with a norm under a name of its own."""

    head = "last"

    def __init__(self, inputs, outputs):
        super().__init__()
        self.first, self.levels = nn.Linear(inputs.size, 8), nn.Sequential(nn.LayerNorm(8), nn.ReLU())
        self.last = nn.Linear(8, outputs)

    def forward(self, x):
        return self.last(self.levels(self.first(x)))


def test_the_norms_of_a_module_are_known_by_their_kind():
    model = network_of(Normed)
    assert {n for n in model.shapes if is_norm(n)} == {"toy.norm.levels.0.weight", "toy.norm.levels.0.bias"}
    assert Fedbn().personal(model.initial).keys() == {"toy.norm.levels.0.weight", "toy.norm.levels.0.bias"}


def test_a_network_without_norms_is_refused():
    with pytest.raises(DataError, match=r"the network of avatar has none.*--network"):
        check_norms(Federation(Experiment(tasks="avatar", algorithm="fedbn", clients=10)))
    check_norms(Federation(Experiment(tasks="avatar", algorithm="fedavg", clients=10)))
