"""iMAML, BOIL and CAVIA: closed forms, and the same thing written out."""

import pytest
import torch

from metafed.algorithms import Anil, Boil, Cavia, Fomaml, Imaml, Maml
from metafed.algorithms.imaml import conjugate_gradients
from metafed.models import is_head
from tests.metafed.algorithms.clients import path, ragged, same
from tests.metafed.algorithms.test_personal_methods import leaves
from tests.metafed.models.problems import Quadratic, network, quadratic, relative


@pytest.mark.parametrize("damping", [0.0, 22.0])
def test_the_implicit_gradient_of_a_quadratic_is_its_closed_form(damping):
    theta, episode, (a, c, b, e) = quadratic()
    lam, w, size = 2.0, theta["trunk.w"], 4
    eye = torch.eye(size, dtype=torch.float64)
    phi = torch.linalg.solve(a + lam * eye, (a @ c.unsqueeze(-1)).squeeze(-1) + lam * w)
    outer = (b @ (phi - e).unsqueeze(-1)).squeeze(-1)
    expected = torch.linalg.solve(eye + a / (lam + damping), outer)
    algorithm = Imaml(lam=lam, inner_lr=0.2, inner_steps=400, cg_steps=size, cg_damping=damping)
    found = algorithm.update(Quadratic(), theta, {}, episode, 1)
    torch.testing.assert_close(found.directions["trunk.w"], expected, rtol=0, atol=1e-10)
    adapted = path(algorithm, Quadratic(), theta, {}, episode.support, 400)[-1]["trunk.w"]
    torch.testing.assert_close(adapted, phi, rtol=0, atol=1e-10)


def test_without_conjugate_gradients_it_is_first_order_at_the_proximal_point():
    theta, episode, _ = quadratic()
    weak = {"lam": 1e-12, "inner_lr": 0.1, "inner_steps": 3}
    first = Fomaml(inner_lr=0.1, inner_steps=3).update(Quadratic(), theta, {}, episode, 1).directions
    same(Imaml(cg_steps=0, **weak).update(Quadratic(), theta, {}, episode, 1).directions, first)


def test_the_implicit_gradient_of_a_network_agrees_with_central_differences():
    task, theta, episode = network()
    algorithm = Imaml(lam=4.0, inner_lr=0.15, inner_steps=400, cg_steps=120, cg_damping=0)
    generator = torch.Generator().manual_seed(0)
    toward = {n: torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in theta.items()}

    def loss(step):
        there = {n: theta[n] + step * toward[n] for n in theta}
        adapted = path(algorithm, task, there, {}, episode.support, 400)[-1]
        return float(task.loss(task.predict(adapted, episode.query.x), episode.query).sum())

    directions = algorithm.update(task, theta, {}, episode, 1).directions
    slope = float(sum((directions[n].sum(0) * toward[n]).sum() for n in theta))
    assert abs((loss(1e-4) - loss(-1e-4)) / 2e-4 / slope - 1) < 1e-6


def test_conjugate_gradients_stop_where_they_are_done_and_where_curvature_is_not_positive():
    good = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    matrices = torch.stack([good, torch.eye(2, dtype=torch.float64), -good])
    right = torch.tensor([[1.0, -2.0], [0.5, 4.0], [1.0, 1.0]], dtype=torch.float64)
    found = conjugate_gradients(lambda v: torch.einsum("cij,cj->ci", matrices, v), right, 10)
    torch.testing.assert_close(found[0], torch.linalg.solve(good, right[0]), rtol=0, atol=1e-12)
    assert torch.equal(found[1:], right[1:])


def test_boil_moves_the_body_alone_and_learns_the_head():
    task, theta, episode = network()
    first, *_, last = path(Boil(), task, theta, {}, episode.support, 4)
    for name, value in last.items():
        assert torch.equal(value, first[name]) == is_head(name)
    found, others = (
        [kind().update(task, theta, {}, episode, 1).directions for kind in some] for some in ((Boil,), (Anil, Maml))
    )
    assert all(direction.abs().max() > 0 for direction in found[0].values())
    assert min(relative(found[0], other) for other in others) > 0.01


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_context_is_further_inputs_of_the_first_layer(steps):
    task, theta, episode = network()
    episode = ragged(episode)
    algorithm = Cavia(context=2, inner_steps=steps, inner_lr=0.4)
    shared = algorithm.shared(theta)
    assert shared.keys() - theta.keys() == {"toy.context.weight"}
    update = algorithm.update(task, shared, {}, episode, 1)

    def loss(w, c, x, y):
        wide = torch.cat([x, c.expand(len(x), -1)], 1)
        z = torch.tanh(wide @ torch.cat([w["toy.stem.weight"], w["toy.context.weight"]]) + w["toy.stem.bias"])
        z = torch.tanh(z @ w["trunk.0.weight"] + w["trunk.0.bias"])
        return torch.nn.functional.cross_entropy(z @ w["toy.head.weight"] + w["toy.head.bias"], y)

    for client in range(3):
        (x, y), (query_x, query_y) = (
            (b.x[client][b.mask[client] == 1], b.y[client][b.mask[client] == 1]) for b in episode
        )
        w, c = leaves(shared), torch.zeros(2, dtype=torch.float64, requires_grad=True)
        for _ in range(steps):
            (slope,) = torch.autograd.grad(loss(w, c, x, y), [c], create_graph=True)
            c = c - 0.4 * slope
        value = loss(w, c, query_x, query_y)
        expected = dict(zip(w, torch.autograd.grad(value, list(w.values())), strict=True))
        same({n: d[client] for n, d in update.directions.items()}, expected, 1e-10)
        assert float(update.losses[client]) == pytest.approx(value.item(), abs=1e-12)


def test_a_client_adapts_nothing_but_its_first_bias():
    task, theta, episode = network()
    first, *_, last = path(Cavia(), task, Cavia().shared(theta), {}, episode.support, 3)
    assert first.keys() == theta.keys()
    assert {n for n in theta if not torch.equal(first[n], last[n])} == {"toy.stem.bias"}


def test_a_network_without_a_bias_has_no_place_for_a_context():
    with pytest.raises(ValueError, match="no bias below its head"):
        Cavia().shared({"toy.body.weight": torch.ones(2, 2), "toy.head.bias": torch.ones(2)})
