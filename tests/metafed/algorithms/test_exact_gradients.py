"""Every direction that claims to be an exact gradient equals central differences, in float64."""

import pytest
import torch

from metafed.algorithms import ALGORITHMS, MamlPlusPlus
from tests.metafed.algorithms.clients import CASES, begin, path
from tests.metafed.models.problems import network

EXACT = [case for case in CASES if case[0] in ("maml", "anil", "boil", "cavia", "meta-sgd", "maml++", "protonet")]
LATE = 10**6
"""A round in which MAML++ judges the last step alone, as the others do in every round."""


def directional(algorithm, task, theta, episode, value, server_round):
    """Return the slope that the directions claim, and the central difference of ``value`` by its step."""
    generator = torch.Generator().manual_seed(0)
    toward = {n: torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in theta.items()}
    directions = algorithm.update(task, theta, {}, episode, server_round).directions
    assert directions.keys() == theta.keys()
    slope = float(sum((directions[n].sum(0) * toward[n]).sum() for n in theta))

    def difference(step):
        ahead, behind = (value({n: theta[n] + s * toward[n] for n in theta}) for s in (step, -step))
        return (ahead - behind) / (2 * step)

    return slope, difference


@pytest.mark.parametrize(("name", "kind"), EXACT)
@pytest.mark.parametrize("steps", [1, 3])
def test_central_differences_agree_and_their_error_shrinks_quadratically(name, kind, steps):
    task, theta, episode = network(kind)
    settings = {} if name == "protonet" else {"inner_steps": steps, "inner_lr": 0.3}
    algorithm = ALGORITHMS[name](**settings)
    theta, _ = begin(algorithm, theta, clients=3)

    def loss(there):
        return float(algorithm.update(task, there, {}, episode, LATE).losses.sum())

    slope, difference = directional(algorithm, task, theta, episode, loss, LATE)
    assert abs(difference(1e-6) / slope - 1) < 1e-7
    assert 50 < abs(difference(1e-3) - slope) / abs(difference(1e-4) - slope) < 200


@pytest.mark.parametrize("server_round", [1, 8])
def test_the_multi_step_loss_is_differentiated_at_every_step(server_round):
    task, theta, episode = network()
    algorithm = MamlPlusPlus(inner_steps=3, inner_lr=0.3, anneal_rounds=20)
    theta, _ = begin(algorithm, theta, clients=3)

    def loss(there):
        _, *adapted = path(algorithm, task, there, {}, episode.support, 3)
        losses = [task.loss(task.predict(p, episode.query.x), episode.query).sum() for p in adapted]
        weights = algorithm.importance(server_round)
        return float(sum(v * each for v, each in zip(weights, losses, strict=True)))

    slope, difference = directional(algorithm, task, theta, episode, loss, server_round)
    assert abs(difference(1e-6) / slope - 1) < 1e-7


def test_the_weights_of_the_multi_step_loss_anneal_to_the_last_step():
    algorithm = MamlPlusPlus(inner_steps=4, anneal_rounds=10)
    assert algorithm.importance(1) == [0.25] * 4
    assert algorithm.importance(6) == pytest.approx([0.125, 0.125, 0.125, 0.625])
    assert algorithm.importance(11) == algorithm.importance(500) == [0, 0, 0, 1]
    assert MamlPlusPlus(inner_steps=2, anneal_rounds=0).importance(1) == [0, 1]
