"""How the meta-gradients relate: which equal which, and where they must differ."""

import pytest
import torch

from metafed.algorithms import Anil, Fomaml, HfMaml, Maml, MamlPlusPlus, MetaSgd, PerFedavg
from metafed.core.parameters import spread
from metafed.models import is_head
from tests.metafed.algorithms.clients import begin, path, same
from tests.metafed.models.problems import Quadratic, network, quadratic, relative


def directions(algorithm, task, theta, episode, server_round=1):
    shared, _ = begin(algorithm, theta, clients=len(episode.support.mask))
    return algorithm.update(task, shared, {}, episode, server_round).directions


def without_rates(found):
    return {name: value for name, value in found.items() if ".rate." not in name}


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_first_and_second_order_differ_on_a_network(kind, activation):
    task, theta, episode = network(kind, activation=activation)
    exact = directions(Maml(inner_lr=0.5), task, theta, episode)
    assert relative(directions(Fomaml(inner_lr=0.5), task, theta, episode), exact) > 0.05


def test_the_hessian_free_error_shrinks_quadratically():
    task, theta, episode = network()
    for steps in (1, 3):
        exact = directions(Maml(inner_steps=steps, inner_lr=0.3), task, theta, episode)
        errors = [
            relative(directions(HfMaml(inner_steps=steps, inner_lr=0.3, delta=d), task, theta, episode), exact)
            for d in (1e-1, 1e-2, 1e-3)
        ]
        assert errors[2] < 2e-7
        assert 80 < errors[0] / errors[1] < 120
        assert 80 < errors[1] / errors[2] < 120


def test_hessian_free_is_exact_where_the_support_loss_is_quadratic():
    theta, episode, _ = quadratic()
    exact = directions(Maml(inner_steps=4, inner_lr=0.2), Quadratic(), theta, episode)
    assert relative(directions(HfMaml(inner_steps=4, inner_lr=0.2), Quadratic(), theta, episode), exact) < 1e-10


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_gradient_of_the_rates_of_meta_sgd_is_the_product_of_the_two_gradients(kind):
    task, theta, episode = network(kind)
    algorithm = MetaSgd(inner_steps=1, inner_lr=0.3)
    shared, _ = begin(algorithm, theta, clients=3)
    found = algorithm.update(task, shared, {}, episode, 1).directions

    def plain(params, batch):
        leaves = {n: p.detach().requires_grad_() for n, p in params.items()}
        loss = task.loss(task.predict(leaves, batch.x), batch).sum()
        return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))

    before, after = (without_rates(p) for p in path(algorithm, task, shared, {}, episode.support, 1))
    on_support, on_query = plain(before, episode.support), plain(after, episode.query)
    for name in theta:
        part, _, rest = name.partition(".")
        assert torch.equal(found[f"{part}.rate.{rest}"], -on_support[name] * on_query[name])


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("learns_rates", [MetaSgd, MamlPlusPlus])
def test_equal_and_frozen_rates_are_maml(learns_rates, steps):
    task, theta, episode = network()
    late = 10**6
    found = directions(learns_rates(inner_steps=steps, inner_lr=0.3), task, theta, episode, late)
    same(without_rates(found), directions(Maml(inner_steps=steps, inner_lr=0.3), task, theta, episode))


def test_maml_plus_plus_with_one_step_is_maml_in_every_round():
    task, theta, episode = network()
    found = directions(MamlPlusPlus(inner_steps=1, inner_lr=0.3), task, theta, episode, server_round=1)
    same(without_rates(found), directions(Maml(inner_steps=1, inner_lr=0.3), task, theta, episode))


def test_rates_by_step_are_used_at_their_step_and_the_last_one_from_there_on():
    task, theta, episode = network(clients=1)
    algorithm = MamlPlusPlus(inner_steps=2, inner_lr=0.3)
    shared = algorithm.shared(theta)
    shared = {n: torch.tensor([0.3, 0.1], dtype=torch.float64) if ".rate." in n else t for n, t in shared.items()}
    found = path(algorithm, task, shared, {}, episode.support, 3)
    _, first = path(Maml(inner_lr=0.3), task, theta, {}, episode.support, 1)
    first = {name: value[0] for name, value in first.items()}
    _, second, third = path(Maml(inner_lr=0.1), task, first, {}, episode.support, 2)
    same(without_rates(found[2]), second)
    same(without_rates(found[3]), third)


def test_anil_moves_the_head_alone_and_learns_the_body():
    task, theta, episode = network()
    start = spread(theta, 3)
    adapted = path(Anil(), task, theta, {}, episode.support, 4)[-1]
    for name, value in adapted.items():
        assert torch.equal(value, start[name]) != is_head(name)
    found = directions(Anil(), task, theta, episode)
    assert all(direction.abs().max() > 0 for direction in found.values())
    assert relative(found, directions(Maml(), task, theta, episode)) > 0.01


def test_anil_is_maml_where_the_head_is_everything():
    class HeadOnly(Quadratic):
        def predict(self, params, x, mask=None):
            return params["toy.head.w"].unsqueeze(1)

    theta, episode, _ = quadratic()
    theta = {"toy.head.w": theta["trunk.w"]}
    same(directions(Anil(), HeadOnly(), theta, episode), directions(Maml(), HeadOnly(), theta, episode), 0)


@pytest.mark.parametrize(("hessian", "meta"), [("none", Fomaml(inner_steps=2)), ("difference", HfMaml(inner_steps=2))])
def test_per_fedavg_with_one_meta_step_is_the_meta_gradient_times_its_rate(hessian, meta):
    task, theta, episode = network()
    once = PerFedavg(inner_steps=2, inner_lr=0.1, meta_steps=1, meta_lr=0.07, hessian=hessian)
    expected = {n: 0.07 * d for n, d in directions(meta, task, theta, episode).items()}
    same(directions(once, task, theta, episode), expected)


def test_per_fedavg_goes_on_from_where_its_last_meta_step_led():
    task, theta, episode = network(clients=1)
    once = PerFedavg(meta_steps=1, meta_lr=0.5)
    first = {n: t - directions(once, task, theta, episode)[n][0] for n, t in theta.items()}
    second = {n: t - directions(once, task, first, episode)[n][0] for n, t in first.items()}
    twice = directions(PerFedavg(meta_steps=2, meta_lr=0.5), task, theta, episode)
    same({n: t - twice[n][0] for n, t in theta.items()}, second)
