"""Methods with parts of the clients' own, two rounds of three clients, against the papers' loops written out."""

import pytest
import torch

from metafed.algorithms import Apfl, Fedala, Fedavg, FedavgFtHead, Fedbabu, Fedrod, Moon
from metafed.algorithms.fedopt import Fedadam, Fedavgm, Fedyogi
from metafed.core.parameters import spread
from metafed.experiment.settings import Experiment
from metafed.models import is_head
from tests.metafed.algorithms.clients import path, pick, ragged, same
from tests.metafed.models.problems import network

ALPHA, STEPS, CLIENTS, ROUNDS = 0.3, 3, 3, 2
SETTINGS = {"inner_steps": STEPS, "inner_lr": ALPHA}
EXACT = 1e-10


def forward(w, x):
    """Return what the head sees and the outputs, of the test's network written out."""
    z = torch.tanh(x @ w["toy.stem.weight"] + w["toy.stem.bias"])
    z = torch.tanh(z @ w["trunk.0.weight"] + w["trunk.0.bias"])
    return z, z @ w["toy.head.weight"] + w["toy.head.bias"]


def loss_of(w, x, y):
    return torch.nn.functional.cross_entropy(forward(w, x)[1], y)


def slopes(loss, params):
    return dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))


def leaves(params):
    return {n: v.detach().clone().requires_grad_() for n, v in params.items()}


def descended(w, x, y, steps=STEPS, moving=lambda name: True, loss=loss_of):
    for _ in range(steps):
        w = leaves(w)
        moved = slopes(loss(w, x, y), {n: v for n, v in w.items() if moving(n)})
        w = {n: (v - ALPHA * moved[n] if n in moved else v).detach() for n, v in w.items()}
    return w


def problem():
    task, theta, episode = network()
    episode = ragged(episode)
    rows = [
        tuple(torch.cat([getattr(b, field)[c][b.mask[c] == 1] for b in episode]) for field in ("x", "y"))
        for c in range(CLIENTS)
    ]
    assert len({len(y) for _, y in rows}) == CLIENTS
    return task, theta, episode, rows


def fresh(algorithm, theta):
    """Return every client's first state, as a host makes it."""
    return {n: v.detach().unsqueeze(0).repeat(CLIENTS, *[1] * v.ndim) for n, v in algorithm.personal(theta).items()}


def played(algorithm, task, theta, episode):
    """Return θ, the states and the last update after two rounds of a server that averages with rate 1."""
    theta = algorithm.shared(theta)
    state = fresh(algorithm, theta)
    for number in range(1, ROUNDS + 1):
        update = algorithm.update(task, theta, state, episode, number)
        share = update.weights / update.weights.sum()
        theta = {n: v - torch.einsum("c,c...->...", share, update.directions[n]) for n, v in theta.items()}
        state = update.state
    return theta, state, update


def averaged(models, counts):
    return {n: sum(k * w[n] for k, w in zip(counts, models, strict=True)) / sum(counts) for n in models[0]}


def own(params):
    part = {n.replace(".own.", ".", 1): v for n, v in params.items() if ".own." in n}
    return {n: v for n, v in part.items() if not n.endswith(".share")}


def test_fedbabu_trains_the_body_under_a_head_that_stays():
    task, theta, episode, rows = problem()
    expected = theta
    for _ in range(ROUNDS):
        models = [descended(expected, x, y, moving=lambda name: not is_head(name)) for x, y in rows]
        expected = averaged(models, [len(y) for _, y in rows])
    found, state, update = played(Fedbabu(**SETTINGS), task, theta, episode)
    same(found, expected, EXACT)
    assert state == {}
    for name in filter(is_head, theta):
        assert torch.equal(found[name], theta[name])
        assert not update.directions[name].any()


@pytest.mark.parametrize(("tunes", "moved"), [("head", is_head), ("all", lambda name: True)])
def test_fedbabu_fine_tunes_the_head_or_all(tunes, moved):
    task, theta, episode, _ = problem()
    *_, found = path(Fedbabu(tunes=tunes, **SETTINGS), task, theta, {}, episode.support, STEPS)
    for client in range(CLIENTS):
        real = episode.support.mask[client] == 1
        x, y = episode.support.x[client][real], episode.support.y[client][real]
        expected = descended(theta, x, y, moving=moved)
        same({n: v[client] for n, v in found.items()}, expected, EXACT)


def test_head_only_fine_tuning_trains_as_fedavg_and_fine_tunes_as_fedbabu():
    task, theta, episode, _ = problem()
    fedavg = Fedavg(**SETTINGS).update(task, theta, {}, episode, 1)
    found = FedavgFtHead(**SETTINGS).update(task, theta, {}, episode, 1)
    same(found.directions, fedavg.directions, 0)
    assert torch.equal(found.weights, fedavg.weights)
    left, right = (path(each(**SETTINGS), task, theta, {}, episode.support, 3) for each in (FedavgFtHead, Fedbabu))
    for mine, theirs in zip(left, right, strict=True):
        same(mine, theirs, 0)


@pytest.mark.parametrize(("kind", "optimizer"), [(Fedavgm, "momentum"), (Fedadam, "adam"), (Fedyogi, "yogi")])
def test_presets_are_fedavg_with_an_optimizer_at_the_server(kind, optimizer):
    task, theta, episode, _ = problem()
    fedavg = Fedavg(**SETTINGS).update(task, theta, {}, episode, 1)
    same(kind(**SETTINGS).update(task, theta, {}, episode, 1).directions, fedavg.directions, 0)
    name = kind().name
    assert Experiment(algorithm=name).outer.optimizer == optimizer
    assert Experiment(algorithm=name, outer_optimizer="adagrad", outer_lr=0.2).outer == ("adagrad", 0.2)


def test_apfl_mixes_its_own_model_with_theta_by_a_learned_share():
    task, theta, episode, rows = problem()
    gamma, first = 0.7, 0.4
    expected, kept = theta, [(theta, torch.tensor(first, dtype=torch.float64)) for _ in rows]
    for _ in range(ROUNDS):
        models, left = [], []
        for (x, y), (v, a) in zip(rows, kept, strict=True):
            w = expected
            mixture = leaves({n: a * v[n] + (1 - a) * w[n] for n in w})
            bent = slopes(loss_of(mixture, x, y), mixture)
            share = (a - gamma * sum(((v[n] - w[n]) * bent[n]).sum() for n in w)).clamp(0, 1)
            for _ in range(STEPS):
                mixture, model = leaves({n: share * v[n] + (1 - share) * w[n] for n in w}), leaves(w)
                bent, plain = slopes(loss_of(mixture, x, y), mixture), slopes(loss_of(model, x, y), model)
                v = {n: v[n] - ALPHA * share * bent[n] for n in v}
                w = {n: w[n] - ALPHA * plain[n] for n in w}
            models.append(w)
            left.append((v, share))
        expected, kept = averaged(models, [1, 1, 1]), left
    found, state, _ = played(Apfl(share=first, share_lr=gamma, **SETTINGS), task, theta, episode)
    same(found, expected, EXACT)
    shares = next(v for n, v in state.items() if n.endswith(".share"))
    for client, (v, share) in enumerate(kept):
        same(own(pick(state, client)), {n: t.unsqueeze(0) for n, t in v.items()}, EXACT)
        assert float(shares[client]) == pytest.approx(float(share), abs=EXACT)
        assert float(share) != first
    begun, *_ = path(Apfl(), task, found, state, episode.support, 1)
    for client, (v, share) in enumerate(kept):
        same(pick(begun, client), {n: (share * v[n] + (1 - share) * found[n]).unsqueeze(0) for n in v}, EXACT)


def test_without_a_share_of_its_own_apfl_is_fedavg_and_an_unseen_client_begins_at_theta():
    task, theta, episode, _ = problem()
    alone = Apfl(share=0, share_lr=0, **SETTINGS)
    state = fresh(alone, theta)
    fedavg = Fedavg(**SETTINGS).update(task, theta, {}, episode, 1)
    same(alone.update(task, theta, state, episode, 1).directions, fedavg.directions)
    begun, *_ = path(Apfl(), task, theta, fresh(Apfl(), theta), episode.support, 1)
    same(begun, spread(theta, CLIENTS))


@pytest.mark.parametrize("mixes", ["head", "all"])
def test_fedala_begins_between_theta_and_its_last_model_by_learned_weights(mixes):
    task, theta, episode, rows = problem()
    eta, weight_steps = 0.8, 2
    top = [n for n in theta if mixes == "all" or is_head(n)]
    expected, kept = theta, [({n: theta[n] for n in top}, {n: torch.ones_like(theta[n]) for n in top}) for _ in rows]
    for _ in range(ROUNDS):
        models, left = [], []
        for (x, y), (u, weights) in zip(rows, kept, strict=True):

            def between(weights, theta=expected, u=u):
                return {n: u[n] + (v - u[n]) * weights[n] if n in u else v for n, v in theta.items()}

            for _ in range(weight_steps):
                mixture = leaves(between(weights))
                bent = slopes(loss_of(mixture, x, y), mixture)
                weights = {n: (weights[n] - eta * bent[n] * (expected[n] - u[n])).clamp(0, 1) for n in top}
            models.append(descended(between(weights), x, y))
            left.append(({n: models[-1][n] for n in top}, weights))
        expected, kept = averaged(models, [len(y) for _, y in rows]), left
    chosen = Fedala(mixes=mixes, weight_steps=weight_steps, weight_lr=eta, **SETTINGS)
    found, state, _ = played(chosen, task, theta, episode)
    same(found, expected, EXACT)
    assert any(float(w.min()) < 1 for _, weights in kept for w in weights.values())
    for client, (u, weights) in enumerate(kept):
        same({n: t[0] for n, t in own(pick(state, client)).items()}, u, EXACT)
        mine = {n.replace(".mix.", ".", 1): t[client] for n, t in state.items() if ".mix." in n}
        same(mine, weights, EXACT)
    unseen, *_ = path(chosen, task, found, fresh(chosen, found), episode.support, 1)
    same(unseen, spread(found, CLIENTS), EXACT)


def test_fedrod_has_a_balanced_head_for_all_and_one_of_its_own_on_top():
    task, theta, episode, rows = problem()
    heads = {n: torch.zeros_like(v) for n, v in theta.items() if is_head(n)}
    expected, kept = theta, [heads for _ in rows]
    for _ in range(ROUNDS):
        models, left = [], []
        for (x, y), g in zip(rows, kept, strict=True):
            prior = torch.bincount(y, minlength=3).double().clamp(min=1e-6).log()

            def balanced(w, x, y, prior=prior):
                return torch.nn.functional.cross_entropy(forward(w, x)[1] + prior, y)

            w = expected
            for _ in range(STEPS):
                z, generic = forward(w, x)
                head = leaves(g)
                logits = generic + z @ head["toy.head.weight"] + head["toy.head.bias"]
                bent = slopes(torch.nn.functional.cross_entropy(logits, y), head)
                w, g = descended(w, x, y, steps=1, loss=balanced), {n: g[n] - ALPHA * bent[n] for n in g}
            models.append(w)
            left.append(g)
        expected, kept = averaged(models, [len(y) for _, y in rows]), left
    found, state, _ = played(Fedrod(**SETTINGS), task, theta, episode)
    same(found, expected, EXACT)
    for client, g in enumerate(kept):
        same({n: t[0] for n, t in own(pick(state, client)).items()}, g, EXACT)
    begun, after = path(Fedrod(**SETTINGS), task, found, state, episode.support, 1)
    for client, g in enumerate(kept):
        same(pick(begun, client), {n: (v + g.get(n, 0)).unsqueeze(0) for n, v in found.items()}, EXACT)
    for name in found:
        assert torch.equal(begun[name], after[name]) != is_head(name)


def test_moon_keeps_what_it_sees_near_what_theta_sees_and_away_from_its_last_model():
    task, theta, episode, rows = problem()
    mu, tau = 2.0, 0.5
    expected, kept = theta, [theta for _ in rows]
    for _ in range(ROUNDS):
        models = []
        for (x, y), u in zip(rows, kept, strict=True):

            def contrasted(w, x, y, u=u, theta=expected):
                z, near, far = (forward(each, x)[0] for each in (w, theta, u))
                to, away = (
                    ((z * other).sum(1) / (z.norm(dim=1) * other.norm(dim=1)) / tau).exp() for other in (near, far)
                )
                return loss_of(w, x, y) - mu * (to / (to + away)).log().mean()

            models.append(descended(expected, x, y, loss=contrasted))
        expected, kept = averaged(models, [len(y) for _, y in rows]), models
    found, state, update = played(Moon(mu=mu, temperature=tau, **SETTINGS), task, theta, episode)
    same(found, expected, EXACT)
    for client, u in enumerate(kept):
        same({n: t[0] for n, t in own(pick(state, client)).items()}, u, EXACT)
    assert update.step == Moon().evaluation_steps == 0
    without, _, _ = played(Moon(mu=0, **SETTINGS), task, theta, episode)
    same(without, played(Fedavg(**SETTINGS), task, theta, episode)[0], EXACT)
    assert max(float((found[n] - without[n]).abs().max()) for n in found) > 1e-4


def test_moon_is_for_rows_and_fedrod_for_classes():
    for kind, wrong in ((Moon, "control"), (Fedrod, "regression")):
        with pytest.raises(ValueError, match="only; leave the family out"):
            kind().check("toy", wrong)


@pytest.mark.parametrize("kind", [Apfl, Fedrod])
def test_in_evaluation_the_model_of_the_client_alone_is_computed(kind, monkeypatch):
    task, theta, episode = network()
    algorithm, calls = kind(**SETTINGS), []
    predict = type(task).predict
    monkeypatch.setattr(type(task), "predict", lambda *given: calls.append(1) or predict(*given))
    state = spread(algorithm.personal(theta), len(episode.support.mask))
    first, *_, last = path(algorithm, task, algorithm.shared(theta), state, episode.support, STEPS)
    assert len(calls) == STEPS
    assert any((first[name] != last[name]).any() for name in first)
    algorithm.update(task, algorithm.shared(theta), state, episode, 1)
    assert len(calls) >= 3 * STEPS
