"""Law 1: second order is exact. Closed forms and finite differences, float64."""

import pytest
import torch

from metafed.algorithms import Maml
from metafed.parameters import spread
from tests.mathematics.problems import Quadratic, network, quadratic, relative

ALPHA = 0.2


def mean_query_loss(task, algorithm, theta, episode):
    """Query loss after adaptation, summed over clients, as a plain function of θ."""
    return float(algorithm.update(task, theta, {}, episode, 1).losses.sum())


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
    first = Maml(inner_steps=steps, inner_lr=ALPHA, first_order=True).update(Quadratic(), theta, {}, episode, 1)
    assert relative(first.directions, exact) > least


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_meta_gradient_equals_central_differences_and_their_error_shrinks_quadratically(kind):
    task, theta, episode = network(kind)
    algorithm = Maml(inner_steps=3, inner_lr=0.3)
    generator = torch.Generator().manual_seed(0)
    toward = {n: torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in theta.items()}
    directions = algorithm.update(task, theta, {}, episode, 1).directions
    slope = float(sum((directions[n].sum(0) * toward[n]).sum() for n in theta))

    def error(step):
        ends = [
            mean_query_loss(task, algorithm, {n: theta[n] + sign * step * toward[n] for n in theta}, episode)
            for sign in (1, -1)
        ]
        return abs((ends[0] - ends[1]) / (2 * step) - slope) / abs(slope)

    assert error(1e-6) < 1e-8
    assert 50 < error(1e-3) / error(1e-4) < 200


def test_first_order_equals_second_order_where_the_support_loss_is_linear():
    class Linear(Quadratic):
        def loss(self, output, batch):
            flat = (output.squeeze(1) * batch.y).sum(-1)
            return flat if batch.x.abs().sum() == 0 else super().loss(output, batch)

    theta, episode, _ = quadratic()
    support = episode.support._replace(x=torch.zeros_like(episode.support.x))
    episode = episode._replace(support=support)
    exact = Maml(inner_steps=4, inner_lr=ALPHA).update(Linear(), theta, {}, episode, 1)
    first = Maml(inner_steps=4, inner_lr=ALPHA, first_order=True).update(Linear(), theta, {}, episode, 1)
    assert relative(first.directions, exact.directions) == 0.0


def test_without_inner_steps_both_orders_are_the_plain_query_gradient():
    task, theta, episode = network()
    leaves = {n: t.clone().requires_grad_() for n, t in theta.items()}
    shared = {n: t.unsqueeze(0).expand(3, *t.shape) for n, t in leaves.items()}
    task.loss(task.predict(shared, episode.query.x), episode.query).sum().backward()
    for first_order in (True, False):
        update = Maml(inner_steps=0, first_order=first_order).update(task, theta, {}, episode, 1)
        summed = {n: d.sum(0) for n, d in update.directions.items()}
        assert relative(summed, {n: t.grad for n, t in leaves.items()}) < 1e-15


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_orders_differ_on_a_network(activation):
    task, theta, episode = network(activation=activation)
    exact = Maml(inner_steps=5, inner_lr=0.5).update(task, theta, {}, episode, 1).directions
    first = Maml(inner_steps=5, inner_lr=0.5, first_order=True).update(task, theta, {}, episode, 1).directions
    assert relative(first, exact) > 0.05
