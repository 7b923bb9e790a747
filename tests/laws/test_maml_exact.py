"""Law 1: second order is exact: the closed form on a quadratic, float64."""

import pytest
import torch

from metafed.algorithms import Fomaml, Maml
from metafed.core.parameters import spread
from tests.metafed.models.problems import Quadratic, network, quadratic, relative

ALPHA = 0.2


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10])
def test_meta_gradient_of_a_quadratic_equals_the_closed_form(steps):
    # w_K = c + (I − αA)^K (w − c); meta-gradient = (I − αA)^Kᵀ B (w_K − e)
    theta, episode, (a, c, b, e) = quadratic()
    shrink = torch.linalg.matrix_power(torch.eye(4, dtype=torch.float64) - ALPHA * a, steps)
    adapted = c + torch.einsum("cij,cj->ci", shrink, theta["trunk.w"] - c)
    expected = torch.einsum("cji,cjk,ck->ci", shrink, b, adapted - e)

    update = Maml(inner_steps=steps, inner_lr=ALPHA).update(Quadratic(), theta, {}, episode, 1)

    torch.testing.assert_close(update.directions["trunk.w"], expected, rtol=1e-12, atol=1e-12)
    *_, last = Maml(inner_lr=ALPHA).adapt(Quadratic(), spread(theta, 3), {}, episode.support, steps)
    torch.testing.assert_close(last["trunk.w"].detach(), adapted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("steps", "least"), [(1, 0.05), (2, 0.1), (5, 0.2)])
def test_first_order_is_far_from_the_closed_form(steps, least):
    theta, episode, _ = quadratic()
    exact = Maml(inner_steps=steps, inner_lr=ALPHA).update(Quadratic(), theta, {}, episode, 1).directions
    first = Fomaml(inner_steps=steps, inner_lr=ALPHA).update(Quadratic(), theta, {}, episode, 1)
    assert relative(first.directions, exact) > least


def test_first_order_equals_second_order_where_the_support_loss_is_linear():
    class Linear(Quadratic):
        def loss(self, output, batch):
            flat = (output.squeeze(1) * batch.y).sum(-1)
            return flat if batch.x.abs().sum() == 0 else super().loss(output, batch)

    theta, episode, _ = quadratic()
    support = episode.support._replace(x=torch.zeros_like(episode.support.x))
    episode = episode._replace(support=support)
    exact = Maml(inner_steps=4, inner_lr=ALPHA).update(Linear(), theta, {}, episode, 1)
    first = Fomaml(inner_steps=4, inner_lr=ALPHA).update(Linear(), theta, {}, episode, 1)
    assert relative(first.directions, exact.directions) == 0.0


def test_without_inner_steps_both_orders_are_the_plain_query_gradient():
    task, theta, episode = network()
    leaves = {n: t.clone().requires_grad_() for n, t in theta.items()}
    shared = {n: t.unsqueeze(0).expand(3, *t.shape) for n, t in leaves.items()}
    task.loss(task.predict(shared, episode.query.x), episode.query).sum().backward()
    for algorithm in (Maml(inner_steps=0), Fomaml(inner_steps=0)):
        update = algorithm.update(task, theta, {}, episode, 1)
        summed = {n: d.sum(0) for n, d in update.directions.items()}
        assert relative(summed, {n: t.grad for n, t in leaves.items()}) < 1e-15
