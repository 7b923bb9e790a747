"""Methods that train on all of a client's rows, against loops written out with torch.optim and closed forms."""

import pytest
import torch

from metafed.algorithms import Ditto, Fedavg, FedavgFt, Fedper, Fedprox, Fedrep, Local, Pfedme, Reptile
from metafed.core.episodes import Batch, Episode
from metafed.core.streams import stream
from metafed.models import is_head
from tests.metafed.algorithms.clients import begin, path, pick, ragged, same
from tests.metafed.models.problems import network, relative, tensor

ALPHA, STEPS = 0.3, 3
SETTINGS = {"inner_steps": STEPS, "inner_lr": ALPHA}


def trained(task, params, episode, client, steps=STEPS, moving=lambda name: True):
    """Train one client's model on its own rows, unpadded, by torch.optim.SGD; another writing of the same thing."""
    x, y = (
        torch.cat([getattr(batch, field)[client][batch.mask[client] == 1] for batch in episode]) for field in ("x", "y")
    )
    model = {n: t.clone().requires_grad_(moving(n)) for n, t in params.items()}
    optimizer = torch.optim.SGD([t for t in model.values() if t.requires_grad], lr=ALPHA)
    for _ in range(steps):
        optimizer.zero_grad()
        output = task.predict({n: t.unsqueeze(0) for n, t in model.items()}, x.unsqueeze(0))[0]
        if task.kind == "classification":
            torch.nn.functional.cross_entropy(output, y).backward()
        else:
            torch.nn.functional.mse_loss(output, y).backward()
        optimizer.step()
    return {n: t.detach() for n, t in model.items()}


def server_mean(theta, update):
    """What a server with rate 1 makes of an update: θ − Σ weight · direction / Σ weight."""
    share = update.weights / update.weights.sum()
    return {n: theta[n] - torch.einsum("c,c...->...", share, d) for n, d in update.directions.items()}


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_fedavg_round_is_the_mean_of_the_trained_models_by_their_rows(kind):
    task, theta, episode = network(kind)
    episode = ragged(episode)
    rows = [int(s + q) for s, q in zip(episode.support.mask.sum(1), episode.query.mask.sum(1), strict=True)]
    assert len(set(rows)) == 3
    models = [trained(task, theta, episode, client) for client in range(3)]
    expected = {n: sum(k * m[n] for k, m in zip(rows, models, strict=True)) / sum(rows) for n in theta}
    same(server_mean(theta, Fedavg(**SETTINGS).update(task, theta, {}, episode, 1)), expected)
    same(server_mean(theta, FedavgFt(**SETTINGS).update(task, theta, {}, episode, 1)), expected)

    by_rows = Reptile(**SETTINGS).update(task, theta, {}, episode, 1)._replace(weights=torch.tensor(rows).double())
    same(server_mean(theta, by_rows), expected)


def test_reptile_with_one_step_is_sgd_on_the_joint_loss():
    task, theta, episode = network()
    leaves = {n: t.clone().requires_grad_() for n, t in theta.items()}
    whole = {n: t.expand(3, *t.shape) for n, t in leaves.items()}
    joint = Batch(*(torch.cat(pair, 1) for pair in zip(*episode, strict=True)))
    task.loss(task.predict(whole, joint.x), joint).mean().backward()
    found = server_mean(theta, Reptile(inner_steps=1, inner_lr=ALPHA).update(task, theta, {}, episode, 1))
    same(found, {n: theta[n] - ALPHA * t.grad for n, t in leaves.items()})


def test_fedavg_is_not_adapted_and_fedavg_ft_is():
    assert Fedavg().evaluation_steps == Fedprox().evaluation_steps == 0
    assert FedavgFt().evaluation_steps == 5


def test_fedprox_without_a_pull_is_fedavg_and_with_one_stays_nearer():
    task, theta, episode = network()
    fedavg = Fedavg(**SETTINGS).update(task, theta, {}, episode, 1)
    same(Fedprox(mu=0, **SETTINGS).update(task, theta, {}, episode, 1).directions, fedavg.directions, 0)
    lengths = [
        sum(
            float(d.square().sum())
            for d in Fedprox(mu=mu, **SETTINGS).update(task, theta, {}, episode, 1).directions.values()
        )
        for mu in (0, 1, 5)
    ]
    assert lengths == sorted(lengths, reverse=True)


def test_local_training_keeps_all_to_itself():
    task, theta, episode = network()
    _, state = begin(Local(), theta, clients=3)
    update = Local(**SETTINGS).update(task, theta, state, episode, 1)
    assert update.directions == {}
    assert update.weights.tolist() == [0, 0, 0]
    for client in range(3):
        own = {n: t[client] for n, t in state.items()}
        same(
            {n: t[client] for n, t in update.state.items()},
            trained(task, own, Episode(*(Batch(*(f for f in b)) for b in episode)), client),
        )
    other = {n: torch.zeros_like(t) for n, t in theta.items()}
    same(Local(**SETTINGS).update(task, other, state, episode, 1).state, update.state, 0)


def test_ditto_without_a_pull_is_local_training_and_with_a_strong_one_is_theta():
    task, theta, episode = network()
    _, state = begin(Ditto(), theta, clients=3)
    alone = Local(**SETTINGS).update(task, theta, state, episode, 1)
    same(Ditto(lam=0, **SETTINGS).update(task, theta, state, episode, 1).state, alone.state, 0)

    strong = Ditto(lam=1e8, inner_lr=1e-8, inner_steps=1)
    expected = {n: t.expand(3, *t.shape) for n, t in theta.items()}
    same(strong.update(task, theta, state, episode, 1).state, expected, 1e-6)
    same(path(strong, task, theta, state, episode.support, 1)[1], expected, 1e-6)


def test_ditto_sends_what_fedavg_sends_whatever_its_clients_keep():
    task, theta, episode = network()
    _, state = begin(Ditto(), theta, clients=3)
    update = Ditto(**SETTINGS).update(task, theta, state, episode, 1)
    same(update.directions, Fedavg(**SETTINGS).update(task, theta, {}, episode, 1).directions, 0)
    assert update.weights.tolist() == [1, 1, 1]


def test_ditto_is_evaluated_from_theta_and_then_from_what_its_clients_keep():
    task, theta, episode = network()
    _, state = begin(Ditto(), theta, clients=3)
    found = path(Ditto(lam=0.5, **SETTINGS), task, theta, state, episode.support, 1)
    same(found[0], {n: t.expand(3, *t.shape) for n, t in theta.items()}, 0)
    _, local = path(Local(**SETTINGS), task, theta, state, episode.support, 1)
    pulled = {n: local[n] - ALPHA * 0.5 * (state[n] - theta[n]) for n in theta}
    same(found[1], pulled)


class Linear:
    """Least squares: ``L(w) = mean (x w − y)²``, whose proximal points are known."""

    kind = "regression"

    def predict(self, params, x, mask=None):
        return x @ params["trunk.w"]

    def loss(self, output, batch):
        return ((output - batch.y).square().mean(-1) * batch.mask).sum(1) / batch.mask.sum(1)

    def proximal_point(self, w, batch, strength):
        hessian = 2 * batch.x.mT @ batch.x / batch.x.shape[1]
        eye = torch.eye(w.shape[-2], dtype=w.dtype)
        right = 2 * batch.x.mT @ batch.y / batch.x.shape[1] + strength * w
        return torch.linalg.solve(hessian + strength * eye, right)


def least_squares():
    rng = stream(0, "least squares")

    def batch(rows):
        return Batch(tensor(rng, 3, rows, 4), tensor(rng, 3, rows, 1), torch.ones(3, rows, dtype=torch.float64))

    return {"trunk.w": tensor(rng, 4, 1)}, Episode(batch(6), batch(9))


def test_pfedme_adapts_to_the_proximal_point():
    theta, episode = least_squares()
    found = path(Pfedme(lam=3, inner_lr=0.1, local_lr=0.1), Linear(), theta, {}, episode.support, 200)[-1]["trunk.w"]
    torch.testing.assert_close(found, Linear().proximal_point(theta["trunk.w"], episode.support, 3), rtol=0, atol=1e-10)


def test_pfedme_descends_on_the_moreau_envelope():
    theta, episode = least_squares()
    rows = Batch(*(torch.cat(pair, 1) for pair in zip(*episode, strict=True)))
    algorithm = Pfedme(lam=3, inner_steps=300, inner_lr=0.1, local_rounds=4, local_lr=0.2)
    w = theta["trunk.w"].expand(3, 4, 1)
    for _ in range(4):
        w = w - 0.2 * 3 * (w - Linear().proximal_point(w, rows, 3))
    update = algorithm.update(Linear(), theta, {}, episode, 1)
    torch.testing.assert_close(theta["trunk.w"] - update.directions["trunk.w"], w, rtol=0, atol=1e-10)


@pytest.mark.parametrize("algorithm", [Fedper(**SETTINGS), Fedrep(body_steps=2, **SETTINGS)])
def test_private_heads_are_neither_held_by_the_server_nor_sent(algorithm):
    task, theta, episode = network()
    shared, state = begin(algorithm, theta, clients=3)
    assert not any(map(is_head, shared))
    assert all(map(is_head, state))
    assert {**shared, **state}.keys() == theta.keys()
    update = algorithm.update(task, shared, state, episode, 1)
    assert update.directions.keys() == shared.keys()
    assert relative(update.state, state) > 0.01

    for client in range(3):
        whole = {**shared, **{n: t[client] for n, t in state.items()}}
        if isinstance(algorithm, Fedper):
            expected = trained(task, whole, episode, client)
        else:
            expected = trained(task, whole, episode, client, moving=is_head)
            expected = trained(task, expected, episode, client, steps=2, moving=lambda name: not is_head(name))
        same({n: t[client] for n, t in update.state.items()}, {n: expected[n] for n in state})
        reached = {n: shared[n] - d[client] for n, d in update.directions.items()}
        same(reached, {n: expected[n] for n in shared})


def test_fedrep_adapts_the_head_alone_from_the_clients_own():
    task, theta, episode = network()
    shared, state = begin(Fedrep(), theta, clients=3)
    first, *_, last = path(Fedrep(), task, shared, state, episode.support, 3)
    same(first, {**{n: t.expand(3, *t.shape) for n, t in shared.items()}, **state}, 0)
    for name in theta:
        assert torch.equal(first[name], last[name]) != is_head(name)


def test_a_clients_state_goes_with_its_place_in_the_chunk():
    task, theta, episode = network()
    shared, state = begin(Fedper(), theta, clients=3)
    order = torch.tensor([2, 0, 1])
    turned = Episode(*(Batch(*(field[order] for field in batch)) for batch in episode))
    left = Fedper().update(task, shared, state, episode, 1)
    right = Fedper().update(task, shared, {n: t[order] for n, t in state.items()}, turned, 1)
    for position, client in enumerate(order.tolist()):
        same(pick(right.state, position), pick(left.state, client), 0)
