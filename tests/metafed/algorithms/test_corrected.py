"""SCAFFOLD, FedDyn and FedNova against their algorithms written out, client by client, and what follows from them."""

import pytest
import torch

from metafed.algorithms import Fedavg, Feddyn, Fednova, Scaffold
from metafed.core.streams import stream
from metafed.training.batches import Plan
from metafed.training.settings import ClientTraining
from tests.metafed.algorithms.clients import ragged, same
from tests.metafed.algorithms.servers import CLIENTS, rounds, rows_of, server_step, slopes
from tests.metafed.algorithms.test_local_training import Linear, least_squares
from tests.metafed.models.problems import network

ETA, STEPS = 0.3, 3
SETTINGS = {"inner_steps": STEPS, "inner_lr": ETA}
ASKED = ([0, 1, 2], [0, 2], [1, 2])
kinds = pytest.mark.parametrize("kind", ["classification", "regression"])


def plus(left, right, factor=1.0):
    return {n: left[n] + factor * right[n] for n in left}


def mean(many):
    return {n: sum(each[n] for each in many) / len(many) for n in many[0]}


def zeros(like):
    return {n: torch.zeros_like(t) for n, t in like.items()}


@kinds
def test_scaffold_is_its_algorithm(kind):
    task, theta, episode = network(kind)
    episode = ragged(episode)
    x, c, own = theta, zeros(theta), [zeros(theta) for _ in range(CLIENTS)]
    found = rounds(Scaffold(**SETTINGS), task, theta, episode, ASKED)
    for cohort, (held, states) in zip(ASKED, found, strict=True):
        ends, changes = [], []
        for k in cohort:
            y = x
            for _ in range(STEPS):
                y = plus(y, plus(plus(slopes(task, y, *rows_of(episode, k)), own[k], -1), c), -ETA)
            new = {n: own[k][n] - c[n] + (x[n] - y[n]) / (STEPS * ETA) for n in x}
            ends.append(y)
            changes.append(plus(new, own[k], -1))
            own[k] = new
        x, c = mean(ends), plus(c, mean(changes), len(cohort) / CLIENTS)
        same({n: held[n] for n in x}, x, 1e-10)
        same({n: held[n.replace(".", ".control.", 1)] for n in c}, c, 1e-10)
        for k in range(CLIENTS):
            same({n: states[k][n.replace(".", ".own_control.", 1)] for n in x}, own[k], 1e-10)


@kinds
def test_feddyn_is_its_algorithm(kind):
    task, theta, episode = network(kind)
    episode, alpha = ragged(episode), 0.4
    x, h, own = theta, zeros(theta), [zeros(theta) for _ in range(CLIENTS)]
    found = rounds(Feddyn(alpha=alpha, **SETTINGS), task, theta, episode, ASKED)
    for cohort, (held, states) in zip(ASKED, found, strict=True):
        ends = []
        for k in cohort:
            w = x
            for _ in range(STEPS):
                g = slopes(task, w, *rows_of(episode, k))
                w = {n: w[n] - ETA * (g[n] - own[k][n] + alpha * (w[n] - x[n])) for n in w}
            own[k] = plus(own[k], plus(w, x, -1), -alpha)
            ends.append(w)
        moved = {n: sum(w[n] - x[n] for w in ends) for n in x}
        h = plus(h, moved, -alpha / CLIENTS)
        x = plus(mean(ends), h, -1 / alpha)
        same(held, x, 1e-10)
        for k in range(CLIENTS):
            same({n: states[k][n.replace(".", ".slope.", 1)] for n in x}, own[k], 1e-10)


def drifting():
    """Least squares of three clients that disagree, and the minimum of their mean loss."""
    theta, episode = least_squares()
    hessians, sides = [], []
    for k in range(CLIENTS):
        x, y = rows_of(episode, k)
        hessians.append(2 * x.mT @ x / len(x))
        sides.append(2 * x.mT @ y / len(x))
    return theta, episode, torch.linalg.solve(sum(hessians), sum(sides))


@pytest.mark.parametrize(
    "algorithm",
    [
        Scaffold(inner_steps=10, inner_lr=0.05),
        pytest.param(Feddyn(alpha=1.0, inner_steps=60, inner_lr=0.1), marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_clients_that_disagree_find_the_minimum_of_their_mean_where_fedavg_does_not(algorithm):
    theta, episode, best = drifting()
    everybody = [list(range(CLIENTS))] * 400
    (held, _) = rounds(algorithm, Linear(), theta, episode, everybody)[-1]
    torch.testing.assert_close(held["trunk.w"], best, rtol=0, atol=1e-8)
    fedavg = Fedavg(inner_steps=algorithm.inner_steps, inner_lr=algorithm.inner_lr)
    (drifted, _) = rounds(fedavg, Linear(), theta, episode, everybody[:100])[-1]
    assert float((drifted["trunk.w"] - best).norm()) > 1e-2


def test_fednova_with_equal_steps_is_fedavg():
    task, theta, episode = network()
    episode = ragged(episode)
    found, expected = (rounds(a(**SETTINGS), task, theta, episode, ASKED[:2])[-1][0] for a in (Fednova, Fedavg))
    same({n: found[n] for n in theta}, expected, 1e-12)
    assert {n: found[n].tolist() for n in found if n.endswith(".steps")} == {"trunk.steps": [3.0], "toy.steps": [3.0]}


@pytest.mark.parametrize("how", [{"epochs": 2, "batch_size": 5}, {"steps": 4, "batch_size": 5}])
def test_fednova_is_its_equation_with_epochs_of_unequal_sizes(how):
    task, theta, episode = network()
    episode = ragged(episode)
    # client 1 has half of the rows
    episode = episode._replace(query=episode.query._replace(mask=episode.query.mask.clone()))
    episode.query.mask[1, 3:] = 0
    settings, chunk = ClientTraining(**how), list(range(CLIENTS))
    update = Fednova(inner_lr=ETA).update(task, Fednova().shared(theta), {}, episode, 1, Plan.of(settings, 0, 1, chunk))
    held, _ = server_step(Fednova(), Fednova().shared(theta), update, {}, 1.0)
    # another writing: FedAvg's updates on the same batches, normalised
    plain = Fedavg(inner_lr=ETA).update(task, theta, {}, episode, 1, Plan.of(settings, 0, 1, chunk))
    rows = [len(rows_of(episode, k)[0]) for k in chunk]
    tau = [2 * -(-n // 5) if "epochs" in how else 4 for n in rows]
    assert ("epochs" in how) == (len(set(tau)) > 1)
    p = [n / sum(rows) for n in rows]
    effective = sum(share * t for share, t in zip(p, tau, strict=True))
    expected = {n: t - effective * sum(p[k] * plain.directions[n][k] / tau[k] for k in chunk) for n, t in theta.items()}
    same({n: held[n] for n in theta}, expected, 1e-10)
    assert held["trunk.steps"].item() == pytest.approx(effective, rel=1e-12)


@pytest.mark.parametrize("how", [{"epochs": 3, "batch_size": 4, "round_decay": 0.5}, {"steps": 7, "batch_size": 4}])
def test_scaffolds_variate_is_the_mean_of_the_gradients_on_the_way(how):
    task, theta, episode = network()
    settings, chunk = ClientTraining(**how), list(range(CLIENTS))
    rng = stream(1, "variates")
    algorithm = Scaffold(inner_lr=ETA)
    state = {
        n: torch.from_numpy(rng.standard_normal((CLIENTS, *v.shape))) for n, v in algorithm.personal(theta).items()
    }
    # with c = Σ c_k / n, and every gradient corrected, the sum of what clients did is that of their gradients
    held = dict(algorithm.shared(theta))
    for n in theta:
        held[n.replace(".", ".control.", 1)] = state[n.replace(".", ".own_control.", 1)].mean(0)
    update = algorithm.update(task, held, state, episode, 2, Plan.of(settings, 0, 2, chunk))
    steps = 12 if "epochs" in how else 7
    rate = ETA * settings.rate_in(2)
    for n in theta:
        kept = update.state[n.replace(".", ".own_control.", 1)].mean(0)
        torch.testing.assert_close(kept, update.directions[n].mean(0) / (steps * rate), rtol=1e-10, atol=1e-12)


def test_settings_that_would_make_a_lie_of_the_step_count_are_not_used():
    for algorithm in (Scaffold(), Fednova()):
        assert "optimizer" not in algorithm.uses("local")
        assert "schedule" not in algorithm.uses("local")
        assert "optimizer" in algorithm.uses("eval")
    assert "optimizer" in Feddyn().uses("local")
    with pytest.raises(ValueError, match="--inner-lr"):
        Feddyn(alpha=30.0)
