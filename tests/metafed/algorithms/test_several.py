"""IFCA and FedEM against their algorithms written out, client by client, and what follows from them."""

import itertools

import pytest
import torch

from metafed.algorithms import Fedavg, Fedem, Ifca
from metafed.core.parameters import spread
from metafed.models.mixture import WEIGHTS
from metafed.training.batches import Plan
from metafed.training.settings import ClientTraining
from tests.metafed.algorithms.clients import path, ragged, same
from tests.metafed.algorithms.servers import CLIENTS, loss_of, rounds, rows_of, slopes
from tests.metafed.models.problems import network

ETA, STEPS, MODELS = 0.3, 3, 2
SETTINGS = {"inner_steps": STEPS, "inner_lr": ETA, "models": MODELS}
ASKED = ([0, 1, 2], [0, 2])
kinds = pytest.mark.parametrize("kind", ["classification", "regression"])


def split(held, names, number):
    """Return model ``number`` of those that the server holds."""
    return {n: held[n][number] for n in names}


def problem(kind):
    task, theta, episode = network(kind)
    return task, theta, ragged(episode)


def support_of(episode, client):
    mask = episode.support.mask[client] == 1
    return episode.support.x[client][mask], episode.support.y[client][mask]


@kinds
def test_ifca_is_its_algorithm(kind):
    task, theta, episode = problem(kind)
    algorithm = Ifca(**SETTINGS)
    models = [split(algorithm.shared(theta), theta, j) for j in range(MODELS)]
    same(models[0], theta, 0)
    found, takers = rounds(algorithm, task, theta, episode, ASKED), []
    for cohort, (held, _) in zip(ASKED, found, strict=True):
        ends = {j: [] for j in range(MODELS)}
        for k in cohort:
            j = min(range(MODELS), key=lambda j: float(loss_of(task, models[j], *support_of(episode, k))))
            y = models[j]
            for _ in range(STEPS):
                g = slopes(task, y, *rows_of(episode, k))
                y = {n: y[n] - ETA * g[n] for n in y}
            ends[j].append(y)
        for j, own in ends.items():
            if own:
                models[j] = {n: sum(y[n] for y in own) / len(own) for n in theta}
            same(split(held, theta, j), models[j], 1e-10)
        takers.append([len(ends[j]) for j in range(MODELS)])
        shares = [len(ends[j]) / len(cohort) for j in range(MODELS)]
        torch.testing.assert_close(held["trunk.taken"], torch.tensor(shares, dtype=torch.float64))
    assert sum(map(sum, takers)) == 5


def test_a_client_of_ifca_predicts_with_the_model_that_serves_its_support_rows_best():
    task, theta, episode = problem("classification")
    algorithm = Ifca(models=3)
    shared = algorithm.shared(theta)
    (found,) = path(algorithm, task, shared, {}, episode.support, 0)
    for k in range(CLIENTS):
        losses = [float(loss_of(task, split(shared, theta, j), *support_of(episode, k))) for j in range(3)]
        assert found["trunk.taken"][k].argmax() == min(range(3), key=losses.__getitem__)
        own = {n: found[n][k] for n in theta}
        assert float(loss_of(task, own, *support_of(episode, k))) == pytest.approx(min(losses), rel=1e-12)


def row_losses(task, params, x, y):
    return torch.stack([loss_of(task, params, x[i : i + 1], y[i : i + 1]) for i in range(len(x))])


@kinds
def test_fedem_is_its_algorithm(kind):
    task, theta, episode = problem(kind)
    algorithm = Fedem(**SETTINGS)
    models = [split(algorithm.shared(theta), theta, m) for m in range(MODELS)]
    weights = [torch.full((MODELS,), 1 / MODELS, dtype=torch.float64) for _ in range(CLIENTS)]
    found = rounds(algorithm, task, theta, episode, ASKED)
    for cohort, (held, states) in zip(ASKED, found, strict=True):
        ends, sizes = {k: [] for k in cohort}, {}
        for k in cohort:
            x, y = rows_of(episode, k)
            sizes[k] = len(x)
            likely = torch.stack(
                [w * torch.exp(-row_losses(task, p, x, y)) for w, p in zip(weights[k], models, strict=True)]
            )
            q = (likely / likely.sum(0)).detach()
            weights[k] = q.mean(1)
            for m in range(MODELS):
                now = models[m]
                for _ in range(STEPS):
                    own = {n: t.clone().requires_grad_() for n, t in now.items()}
                    (q[m] * row_losses(task, own, x, y)).mean().backward()
                    now = {n: (t - ETA * t.grad).detach() for n, t in own.items()}
                ends[k].append(now)
        total = sum(sizes.values())
        models = [{n: sum(sizes[k] * ends[k][m][n] for k in cohort) / total for n in theta} for m in range(MODELS)]
        for m in range(MODELS):
            same(split(held, theta, m), models[m], 1e-10)
        for k in range(CLIENTS):
            torch.testing.assert_close(states[k][WEIGHTS].softmax(0), weights[k], rtol=1e-10, atol=1e-12)


@kinds
def test_a_mixture_predicts_with_mixed_probabilities_and_numbers(kind):
    task, theta, episode = problem(kind)
    algorithm = Fedem(models=MODELS)
    shared = algorithm.shared(theta)
    shares = torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    state = {WEIGHTS: shares.log() + 3}  # up to a constant
    (params,) = path(algorithm, task, shared, state, episode.support, 0)
    found = algorithm.predictor(task).predict(params, episode.query.x, episode.query.mask)
    each = [task.predict(spread(split(shared, theta, m), CLIENTS), episode.query.x).detach() for m in range(MODELS)]
    if kind == "classification":
        each = [output.softmax(-1) for output in each]
        found = found.exp()
    expected = sum(shares[:, m, None, None] * each[m] for m in range(MODELS))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_steps_of_evaluation_raise_the_likelihood_of_the_support_rows_and_leave_the_models():
    task, theta, episode = problem("classification")
    algorithm = Fedem(models=3)
    shared = algorithm.shared(theta)
    state = {WEIGHTS: torch.zeros(CLIENTS, 3, dtype=torch.float64)}
    found = path(algorithm, task, shared, state, episode.support, 6)
    losses = [
        task.loss(algorithm.predictor(task).predict(params, episode.support.x), episode.support) for params in found
    ]
    for before, after in itertools.pairwise(losses):
        assert (after <= before + 1e-12).all()
    same({n: found[-1][n] for n in theta}, {n: found[0][n] for n in theta}, 0)
    torch.testing.assert_close(found[-1][WEIGHTS].exp().sum(1), torch.ones(CLIENTS, dtype=torch.float64))


def test_models_that_are_alike_train_as_one():
    # with equal models and weights every row is every model's by 1 / M: each takes M-th steps of FedAvg
    task, theta, episode = problem("classification")
    algorithm = Fedem(inner_steps=1, inner_lr=ETA, models=MODELS)
    alike = {n: torch.stack([t] * MODELS) for n, t in theta.items()}
    state = {WEIGHTS: torch.zeros(CLIENTS, MODELS, dtype=torch.float64)}
    update = algorithm.update(task, alike, state, episode, 1)
    plain = Fedavg(inner_steps=1, inner_lr=ETA).update(task, theta, {}, episode, 1)
    for m in range(MODELS):
        same({n: MODELS * d[:, m] for n, d in update.directions.items()}, plain.directions)


@pytest.mark.parametrize("algorithm", [Ifca(models=MODELS), Fedem(models=MODELS)], ids=repr)
def test_minibatches_of_clients_of_unequal_sizes_are_those_of_each_alone(algorithm):
    task, theta, episode = problem("classification")
    episode = episode._replace(query=episode.query._replace(mask=episode.query.mask.clone()))
    episode.query.mask[1, 3:] = 0
    settings = ClientTraining(epochs=2, batch_size=4)
    shared = algorithm.shared(theta)

    def state(clients):
        return {n: v.unsqueeze(0).repeat(clients, 1) for n, v in algorithm.personal(theta).items()}

    together = algorithm.update(task, shared, state(CLIENTS), episode, 1, Plan.of(settings, 0, 1, [0, 1, 2]))
    for k in range(CLIENTS):
        alone = type(episode)(*(type(b)(*(f[k : k + 1] for f in b)) for b in episode))
        single = algorithm.update(task, shared, state(1), alone, 1, Plan.of(settings, 0, 1, [k]))
        same({n: d[k : k + 1] for n, d in together.directions.items()}, single.directions, 1e-11)
