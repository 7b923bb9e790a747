"""The client axis: a chunk equals a loop, padding is invisible, adaptation never sees the query set."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.algorithms import ALGORITHMS, Maml
from metafed.episodes import Batch, Episode
from metafed.parameters import spread
from tests.mathematics.problems import network, one, relative

import pytest  # isort: skip


def last(algorithm, task, theta, episode, steps=3):
    *_, params = algorithm.adapt(task, spread(theta, len(episode.support.mask)), {}, episode.support, steps)
    return {name: value.detach() for name, value in params.items()}


def padded(batch, extra, filling):
    """Append ``extra`` masked rows that hold ``filling``."""
    clients, rows = batch.mask.shape
    x = torch.cat([batch.x, torch.full((clients, extra, batch.x.shape[-1]), filling).double()], 1)
    y_shape = (clients, extra, *batch.y.shape[2:])
    y = torch.cat([batch.y, torch.zeros(y_shape, dtype=batch.y.dtype)], 1)
    return Batch(x, y, torch.cat([batch.mask, torch.zeros(clients, extra).double()], 1))


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_chunk_equals_loop(name, kind):
    task, theta, episode = network(kind, clients=4)
    algorithm = ALGORITHMS[name]()
    together = algorithm.update(task, theta, {}, episode, 1)
    for client in range(4):
        alone = algorithm.update(task, theta, {}, one(episode, client), 1)
        mine = {n: d[client : client + 1] for n, d in together.directions.items()}
        assert relative(mine, alone.directions) < 1e-12
        torch.testing.assert_close(together.losses[client], alone.losses[0], rtol=1e-12, atol=1e-12)


@given(extra=st.integers(1, 6), filling=st.floats(-3, 3), seed=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_padding_changes_nothing(extra, filling, seed):
    task, theta, episode = network("regression", seed=seed)
    algorithm = Maml(inner_steps=3)
    longer = Episode(padded(episode.support, extra, filling), padded(episode.query, extra + 1, filling))
    left, right = algorithm.update(task, theta, {}, longer, 1), algorithm.update(task, theta, {}, episode, 1)
    assert relative(left.directions, right.directions) < 1e-12
    assert torch.allclose(
        task.score(left.output, longer.query), task.score(right.output, episode.query), atol=1e-12
    )


@pytest.mark.parametrize("name", ALGORITHMS)
def test_adaptation_of_one_client_does_not_depend_on_another(name):
    task, theta, episode = network()
    poisoned = episode.support._replace(x=episode.support.x.clone())
    poisoned.x[1] = float("nan")
    clean = last(ALGORITHMS[name](), task, theta, episode)
    other = last(ALGORITHMS[name](), task, theta, episode._replace(support=poisoned))
    for parameter, value in clean.items():
        assert torch.equal(value[0], other[parameter][0])
        assert torch.equal(value[2], other[parameter][2])


@pytest.mark.parametrize("name", ALGORITHMS)
def test_theta_is_left_as_it_was(name):
    task, theta, episode = network()
    before = {n: t.clone() for n, t in theta.items()}
    ALGORITHMS[name]().update(task, theta, {}, episode, 1)
    last(ALGORITHMS[name](), task, theta, episode)
    assert all(torch.equal(before[n], theta[n]) for n in theta)


def test_adapt_yields_the_parameters_after_every_step():
    task, theta, episode = network()
    algorithm = Maml(inner_lr=0.3)
    path = list(algorithm.adapt(task, spread(theta, 3), {}, episode.support, 4))
    assert len(path) == 5
    with torch.no_grad():
        losses = [float(task.loss(task.predict(p, episode.support.x), episode.support).sum()) for p in path]
    assert losses == sorted(losses, reverse=True)
