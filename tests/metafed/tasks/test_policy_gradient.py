"""Derivatives of the surrogate are those of the expected cost: by enumeration of all outcomes, exactly, in float64."""

from itertools import product

import numpy as np
import pytest
import torch

from metafed.algorithms import Fomaml, Maml
from metafed.core.episodes import Episode
from metafed.tasks.surrogate import RIDGE, baseline, surrogate, to_go
from metafed.tasks.task import Control
from tests.metafed.tasks.worlds import Drift, Linear, Walk, all_outcomes, batch, chances, spread, theta


def expected_cost(environment, w):
    """Return the exact expected cost a step, as a function of w, by all outcomes of one episode."""
    task, rows = Control(Linear(), environment), all_outcomes(environment, 1)
    params = spread(w, len(rows.x))
    with torch.no_grad():
        costs = task.loss(task.predict(params, rows.x), rows)
    return (chances(task, params, rows) * costs).sum()


def derivatives(value, w):
    """Return gradient and Hessian of ``value`` with respect to w, flat."""
    (slope,) = torch.autograd.grad(value, w, create_graph=True)
    curvature = [torch.autograd.grad(s, w, retain_graph=True)[0].flatten() for s in slope.flatten()]
    return slope.detach().flatten(), torch.stack(curvature)


def expected_derivatives(environment, episodes, memory, w):
    """Return the estimators' exact expectations: every outcome's derivatives by its chance."""
    task, rows = Control(Linear(), environment, memory), all_outcomes(environment, episodes)
    params = spread(w, len(rows.x))
    weight = chances(task, params, rows).detach()
    losses = task.loss(task.predict(params, rows.x), rows)
    torch.testing.assert_close(weight.sum(), torch.ones_like(weight[0]), rtol=1e-12, atol=0)
    return derivatives((weight * losses).sum(), w)


@pytest.mark.parametrize(("steps", "episodes"), [(1, 3), (2, 2), (3, 2), (4, 1)])
@pytest.mark.parametrize("memory", [0.0, 0.5, 1.0])
def test_the_gradient_is_unbiased_whatever_the_memory(steps, episodes, memory):
    w = theta(Walk(steps)).requires_grad_()
    exact, _ = derivatives(expected_cost(Walk(steps), w), w)
    found, _ = expected_derivatives(Walk(steps), episodes, memory, w)
    torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("steps", "episodes"), [(1, 3), (2, 2), (3, 2), (4, 1)])
def test_with_all_of_the_memory_the_hessian_is_unbiased_too(steps, episodes):
    w = theta(Walk(steps)).requires_grad_()
    _, exact = derivatives(expected_cost(Walk(steps), w), w)
    _, found = expected_derivatives(Walk(steps), episodes, 1.0, w)
    torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)


def test_without_memory_the_hessian_is_biased_from_the_second_step_on():
    for steps, least, most in ((1, 0.0, 1e-10), (3, 0.5, 3.0)):
        w = theta(Walk(steps)).requires_grad_()
        _, exact = derivatives(expected_cost(Walk(steps), w), w)
        _, found = expected_derivatives(Walk(steps), 2, 0.0, w)
        assert least <= (found - exact).norm() / exact.norm() <= most


def test_the_gradient_is_that_of_finite_differences_of_the_expected_cost():
    w, size = theta(Walk(3)), 1e-5
    found, _ = expected_derivatives(Walk(3), 2, 0.0, w.requires_grad_())
    with torch.no_grad():
        for place, slope in enumerate(found):
            step = size * torch.eye(w.numel(), dtype=w.dtype)[place].view_as(w)
            ahead, behind = (expected_cost(Walk(3), w + sign * step) for sign in (1, -1))
            assert float((ahead - behind) / (2 * size)) == pytest.approx(float(slope), rel=1e-7, abs=1e-9)


def test_with_normal_actions_gradient_and_hessian_are_those_of_the_expected_cost():
    # costs are quadratic in the actions: Gauss-Hermite quadrature of the noise is exact
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    grid = np.array(list(product(range(8), repeat=2)))
    world, weight = Drift(2), torch.from_numpy(weights[grid].prod(1) / weights.sum() ** 2)
    rows = batch(world, nodes[grid][:, None], 0.6)
    w = theta(world).requires_grad_()
    task, params = Control(Linear(), world, 1.0), spread(w, len(grid))
    found = derivatives((weight * task.loss(task.predict(params, rows.x), rows)).sum(), w)

    state, cost = torch.zeros(len(grid), 1, dtype=torch.float64), 0.0
    for step in range(2):  # the same by the path: the actions themselves depend on w
        mean = world.observe(state) @ w
        state = state + 0.6 * world.policy.act(mean, torch.from_numpy(nodes[grid[:, step]]).unsqueeze(1))
        cost = cost + (state[:, 0] - 1).square() / 2
    exact = derivatives((weight * cost).sum(), w)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("algorithm", [Maml, Fomaml])
def test_the_meta_gradient_of_a_bandit_is_the_closed_form(algorithm):
    """One step, one number w, three support episodes: [1 − α ĥ_S] J′(φ_S), averaged over all query outcomes."""
    world, alpha, stride = Walk(1), 0.7, 0.6
    # the network's outputs are w · (0, w) by the observation (0, 1): logit w of going up
    w = torch.tensor([[0.0, 0.0], [0.0, 0.4]], dtype=torch.float64)
    up, down = (stride - 1) ** 2, (stride + 1) ** 2
    outcomes = all_outcomes(world, 3, stride)
    count = len(outcomes.x)
    pairs = torch.cartesian_prod(torch.arange(count), torch.arange(count))
    support, query = (type(outcomes)(*(part[pairs[:, side]] for part in outcomes)) for side in (0, 1))
    update = algorithm(inner_steps=1, inner_lr=alpha).update(
        Control(Linear(), world), {"trunk.w": w}, {}, Episode(support, query), 1
    )
    # of the four numbers in w only the last two act: the logits' biases, whose difference is the policy
    found = update.directions["trunk.w"][:, 1, 1].view(count, count)

    for which, noise in enumerate(outcomes.x[:, :, 1].tolist()):
        taken = np.array([1.0 if u == 0.0 else 0.0 for u in noise])
        cost = np.where(taken == 1, up, down)
        others = np.array([cost[[j for j in range(3) if j != i]].mean() for i in range(3)])
        # ridge regression on the constant and the observation 1: twice the same, each 1 a row of 2
        worth = others * 3 * 2 / (3 * 2 + RIDGE)
        chance = 1 / (1 + np.exp(-0.4))
        score = taken - chance
        slope = (score * (cost - worth)).mean()
        bend = ((score**2 - chance * (1 - chance)) * (cost - worth)).mean()
        phi = 0.4 - 2 * alpha * slope  # both biases move, in opposite directions
        after = 1 / (1 + np.exp(-phi))
        exact = after * (1 - after) * (up - down)
        weight = np.array([np.prod([after if u == 0.0 else 1 - after for u in row]) for row in outcomes.x[:, :, 1]])
        expected = exact * (1 - 2 * alpha * bend if algorithm is Maml else 1)
        assert float(found[which] @ torch.from_numpy(weight)) == pytest.approx(expected, rel=1e-9)


def test_the_baseline_is_ridge_regression_on_the_other_trajectories():
    rng = np.random.default_rng(0)
    seen, target = torch.from_numpy(rng.normal(size=(2, 4, 5, 2))), torch.from_numpy(rng.normal(size=(2, 4, 5)))
    running, mask = torch.ones(2, 4, 5, dtype=torch.float64), torch.ones(2, 4, dtype=torch.float64)
    running[0, 1, 3:], mask[1, 3] = 0, 0
    found = baseline(seen, running, target, mask)
    clock = np.linspace(0, 1, 5)[None, None, :, None]
    features = np.concatenate([*(np.broadcast_to(clock**k, (2, 4, 5, 1)) for k in range(4)), seen, seen**2], -1)
    for client, own in product(range(2), range(4)):
        rest = [(n, t) for n, t in product(range(4), range(5)) if n != own and mask[client, n] * running[client, n, t]]
        x = np.array([features[client, n, t] for n, t in rest])
        y = np.array([float(target[client, n, t]) for n, t in rest])
        slopes = np.linalg.solve(x.T @ x + RIDGE * np.eye(8), x.T @ y)
        np.testing.assert_allclose(found[client, own], features[client, own] @ slopes, rtol=1e-9, atol=1e-10)


def test_the_baseline_of_an_only_trajectory_is_0():
    one = torch.ones(1, 1, 3, dtype=torch.float64)
    assert baseline(one.unsqueeze(-1), one, one, one[..., 0]).abs().max() == 0


def test_the_surrogate_has_value_0_and_a_simple_formula_for_its_memory():
    rng = np.random.default_rng(1)
    first, worth = (torch.from_numpy(rng.normal(size=(1, 1, 4))) for _ in range(2))
    for memory in (0.0, 0.3, 1.0):
        log_prob = first.clone().requires_grad_()
        value = surrogate(log_prob, worth, memory).sum()
        assert value == 0
        slope, curvature = derivatives(value, log_prob)
        torch.testing.assert_close(slope, worth.flatten())
        gap = np.subtract.outer(np.arange(4), np.arange(4))
        late = np.maximum.outer(np.arange(4), np.arange(4))
        expected = worth.flatten().numpy()[late] * np.where(gap == 0, 1.0, memory ** np.abs(gap))
        if memory in (0.0, 1.0):
            np.testing.assert_allclose(curvature, expected, atol=1e-14)


def test_what_is_still_to_be_paid():
    torch.testing.assert_close(to_go(torch.tensor([1.0, 2.0, 4.0])), torch.tensor([7.0, 6.0, 4.0]))
