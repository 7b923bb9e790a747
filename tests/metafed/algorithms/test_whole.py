"""Whole episodes in C++: the update, loss and output of the general path, for every kind of task and network."""

from dataclasses import replace
from typing import ClassVar

import pytest
import torch

from client.host import Host
from metafed.algorithms.inner import everywhere
from metafed.algorithms.meta_gradient import MetaGradient
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.models import Mlp

pytestmark = pytest.mark.compiler

RATES = [0.1, 0.3, 0.05]


def problem(tasks, precision="float64", **settings):
    """Return a task of ragged clients with an episode, at a θ without zeros."""
    host = Host(
        Federation(Experiment(tasks=tasks, clients=7, unseen=0.0, precision=precision, kernels="native", **settings))
    )
    family = next(iter(host.tasks))
    generator = torch.Generator().manual_seed(1)
    theta = {n: t + 0.1 * torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in host.initial.items()}
    return host.tasks[family], theta, host.population.training(list(range(7)), 1).episode


def without_kernels(task):
    return replace(task, model=replace(task.model, kernels="torch"))


def maml_update(task, theta, episode, alphas, *, second_order):
    class Stepped(MetaGradient):
        inner_steps: int = len(alphas)
        first_order: ClassVar = not second_order

        def rates(self, start, steps):
            return [everywhere(start, alpha) for alpha in alphas]

    return Stepped().update(task, theta, {}, episode, 1)


@pytest.mark.parametrize("second_order", [True, False])
@pytest.mark.parametrize("rates", [[], [0.1], RATES])
@pytest.mark.parametrize("network", [{}, {"activation": "tanh", "depth": 2}, {"depth": 0, "width": 5}], ids=str)
@pytest.mark.parametrize("tasks", ["personalization", "assistant", "avatar", "sinusoid"])
def test_the_kernels_equal_autograd(tasks, network, rates, second_order):
    task, theta, episode = problem(tasks, **network)
    ours = maml_update(task, theta, episode, rates, second_order=second_order)
    theirs = maml_update(without_kernels(task), theta, episode, rates, second_order=second_order)
    assert ours.directions.keys() == theirs.directions.keys()
    for name, direction in theirs.directions.items():
        scale = float(direction.abs().max())
        torch.testing.assert_close(ours.directions[name], direction, rtol=0, atol=1e-12 * max(scale, 1e-3))
    torch.testing.assert_close(ours.losses, theirs.losses, rtol=1e-12, atol=0)
    real = episode.query.mask.unsqueeze(-1)
    torch.testing.assert_close(ours.output * real, theirs.output * real, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("tasks", ["assistant", "sinusoid"])
def test_the_kernels_equal_autograd_where_rows_have_weights(tasks):
    task, theta, episode = problem(tasks)
    generator = torch.Generator().manual_seed(2)
    weights = (0.5 + 2 * torch.rand(rows.mask.shape, generator=generator, dtype=rows.mask.dtype) for rows in episode)
    heavy = type(episode)(*(rows._replace(mask=rows.mask * own) for rows, own in zip(episode, weights, strict=True)))
    ours, theirs = (maml_update(each, theta, heavy, RATES, second_order=True) for each in (task, without_kernels(task)))
    for name, direction in theirs.directions.items():
        torch.testing.assert_close(ours.directions[name], direction, rtol=0, atol=1e-12 * float(direction.abs().max()))
    torch.testing.assert_close(ours.losses, theirs.losses, rtol=1e-12, atol=0)
    assert not torch.allclose(ours.losses, maml_update(task, theta, episode, RATES, second_order=True).losses)


def test_the_test_has_ragged_clients():
    _, _, (support, query) = problem("personalization")
    assert support.mask.sum(1).unique().numel() > 1
    assert query.mask.sum(1).unique().numel() > 1


def test_a_client_has_the_same_bits_in_any_company():
    task, theta, episode = problem("assistant", "float32")
    together = maml_update(task, theta, episode, RATES, second_order=True)
    for client in range(7):
        alone = type(episode)(*(type(rows)(*(t[client : client + 1] for t in rows)) for rows in episode))
        update = maml_update(task, theta, alone, RATES, second_order=True)
        for name, direction in update.directions.items():
            assert torch.equal(direction[0], together.directions[name][client])


def test_what_padding_holds_changes_nothing():
    task, theta, (support, query) = problem("avatar")
    junk = [rows._replace(x=rows.x + 1e3 * (1 - rows.mask.unsqueeze(-1))) for rows in (support, query)]
    clean, other = (
        maml_update(task, theta, e, RATES, second_order=True)
        for e in (problem("avatar")[2], problem("avatar")[2]._replace(support=junk[0], query=junk[1]))
    )
    for name, direction in clean.directions.items():
        assert torch.equal(direction, other.directions[name])


def test_an_update_that_is_not_finite_is_seen_and_its_client_alone():
    task, theta, (support, query) = problem("avatar")
    support.x[2, 0, 0] = float("inf")
    update = maml_update(task, theta, type(problem("avatar")[2])(support, query), RATES, second_order=True)
    finite = torch.stack([d.flatten(1).isfinite().all(1) for d in update.directions.values()]).all(0)
    assert finite.tolist() == [client != 2 for client in range(7)]


def test_directions_of_one_part_lie_side_by_side():
    task, theta, episode = problem("personalization")
    assert isinstance(task.model, Mlp)
    update = maml_update(task, theta, episode, RATES, second_order=True)
    assert len({direction.untyped_storage().data_ptr() for direction in update.directions.values()}) == 1
