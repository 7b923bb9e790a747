"""The cost of an update is counted as the textbook says."""

import pytest
import torch

from benchmarks.gradients import evaluations, evaluations_of_a_round
from metafed.algorithms import ALGORITHMS, Fomaml, Maml, Reptile
from metafed.core.episodes import Batch, Episode
from metafed.experiment.settings import Experiment
from tests.metafed.models.problems import network


def wide(rows):
    """Return a problem whose matrix products take nearly all of the time."""
    task, theta, episode = network(depth=3)
    first = episode.support

    def batch(count):
        return Batch(*(part[:, :1].expand(3, count, *part.shape[2:]).clone() for part in first))

    return task, theta, Episode(batch(rows[0]), batch(rows[1]))


def test_first_order_costs_a_gradient_a_pass_over_the_rows():
    problem = wide((10, 30))
    assert evaluations(Fomaml(inner_steps=0), *problem) == pytest.approx(30 / 40)
    assert evaluations(Fomaml(inner_steps=4), *problem) == pytest.approx((4 * 10 + 30) / 40)
    # Reptile's client is evaluated by one forward pass over the query rows, about a third of a gradient
    assert evaluations(Reptile(inner_steps=4), *problem) == pytest.approx(4 + 0.36 * 30 / 40, abs=0.05)


def test_second_order_costs_two_gradients_more_a_step():
    problem = wide((20, 20))
    for steps in (1, 2, 5):
        extra = evaluations(Maml(inner_steps=steps), *problem) - evaluations(Fomaml(inner_steps=steps), *problem)
        assert 1.5 < extra / (steps * 20 / 40) < 2.5


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_is_counted(name):
    cost = evaluations(ALGORITHMS[name](), *network())
    assert torch.isfinite(torch.tensor(cost))
    assert 0.5 < cost < 50


def test_a_round_costs_what_its_clients_do():
    small = Experiment(clients=8, unseen=0.25, width=8, tasks="avatar", algorithm={"name": "reptile", "inner_steps": 3})
    more = Experiment(**{**small.model_dump(), "algorithm": Reptile(inner_steps=6)})
    three, six = (evaluations_of_a_round(each) for each in (small, more))
    assert six - three == pytest.approx(6 * 3)
