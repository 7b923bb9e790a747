"""Local training against loops of PyTorch: torch.optim, its schedulers, clip_grad_norm_ and a DataLoader."""

import pytest
import torch

from metafed.algorithms import Ditto, Fedavg, FedavgFt, Fedper, Fedprox, Fedrep, Local, PerFedavg, Pfedme, Reptile
from metafed.algorithms.meta_gradient import first_order
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.models import is_head
from metafed.training.settings import ClientTraining as Settings
from metafed.training.settings import FineTuning
from tests.metafed.algorithms.clients import begin, pick, same
from tests.metafed.training.loops import clients_of, loss_of, order, plan, rows_of, trained

SIZES = (7, 1000, 1, 95, 10)
NUMBERS = (4, 0, 17, 3, 9)
FEW = (7, 23, 1, 10)
RATE = 0.1
TRAINED = {"epochs": 5, "batch_size": 10}


def reached(theta, update, client):
    return {n: theta[n] - d[client] for n, d in update.directions.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "momentum", "weight_decay": 0.01, "clip": 0.5},
        {"optimizer": "momentum", "momentum": 0.5, "schedule": "step", "decay_every": 2, "decay": 0.3},
        {"optimizer": "nesterov", "weight_decay": 0.1, "schedule": "cosine"},
        {"optimizer": "adam", "weight_decay": 0.01, "schedule": "step", "decay_every": 3},
        {"optimizer": "adamw", "weight_decay": 0.3, "schedule": "cosine", "clip": 0.2},
        {"optimizer": "sgd", "weight_decay": 0.3, "clip": 0.01},
    ],
    ids=lambda settings: " ".join(map(str, settings.values())) or "plain",
)
def test_fedavg_equals_a_loop_for_clients_of_one_to_a_thousand_rows(settings):
    settings = Settings(**TRAINED, **settings)
    task, theta, episode = clients_of(SIZES)
    update = Fedavg(inner_lr=RATE).update(task, theta, {}, episode, 2, plan(settings, NUMBERS))
    assert update.weights.tolist() == list(SIZES)
    for client, number in enumerate(NUMBERS):
        *_, expected = trained(task, theta, rows_of(episode, client), settings, number, RATE)
        same(reached(theta, update, client), expected)


@pytest.mark.parametrize(("optimizer", "first"), [("adam", 0.0), ("adamw", 0.5)])
def test_the_momentum_is_the_beta_of_adam(optimizer, first):
    settings = Settings(**TRAINED, optimizer=optimizer, momentum=first)
    task, theta, episode = clients_of(FEW)  # few steps: a small β₁ makes a rounding grow
    update = Fedavg(inner_lr=RATE).update(task, theta, {}, episode, 2, plan(settings, range(len(FEW))))
    for client in range(len(FEW)):
        *_, expected = trained(task, theta, rows_of(episode, client), settings, client, RATE)
        same(reached(theta, update, client), expected)


def test_the_rate_decays_from_round_to_round():
    task, theta, episode = clients_of(FEW)
    plain, decaying = Settings(**TRAINED), Settings(**TRAINED, round_decay=0.5)
    third = plan(decaying, range(4), 3)
    left = Fedavg(inner_lr=0.4).update(task, theta, {}, episode, 3, third)
    right = Fedavg(inner_lr=0.1).update(task, theta, {}, episode, 3, plan(plain, range(4), 3))
    same(left.directions, right.directions, 0)


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("algorithm", [FedavgFt, Reptile, Fedprox, Fedper, Local, Ditto])
def test_the_others_equal_a_loop(algorithm, kind):
    settings = Settings(epochs=3, batch_size=4, optimizer="momentum", schedule="cosine", clip=0.7, weight_decay=0.02)
    made = algorithm(inner_lr=RATE)
    task, theta, episode = clients_of(FEW, kind)
    shared, state = begin(made, theta, len(FEW))
    update = made.update(task, shared, state, episode, 2, plan(settings, NUMBERS[:4]))
    for client, number in enumerate(NUMBERS[:4]):
        rows, own = rows_of(episode, client), {n: t[client] for n, t in state.items()}
        pull = {"anchor": theta, "strength": made.mu} if algorithm is Fedprox else {}
        start = theta if algorithm is Ditto else {**shared, **own}
        *_, expected = trained(task, start, rows, settings, number, RATE, **pull)
        same(reached(shared, update, client), {n: expected[n] for n in update.directions})
        if algorithm is Ditto:
            pull = {"anchor": theta, "strength": made.lam, "start": 1}
            *_, expected = trained(task, own, rows, settings, number, RATE, **pull)
        same({n: t[client] for n, t in update.state.items()}, {n: expected[n] for n in update.state})


def test_fedrep_trains_the_head_then_the_body():
    settings = Settings(epochs=3, batch_size=4, optimizer="nesterov", weight_decay=0.1)
    made = Fedrep(inner_lr=RATE, body_epochs=2)
    task, theta, episode = clients_of(FEW)
    shared, state = begin(made, theta, len(FEW))
    update = made.update(task, shared, state, episode, 2, plan(settings, NUMBERS[:4]))
    for client, number in enumerate(NUMBERS[:4]):
        rows, start = rows_of(episode, client), {**shared, **{n: t[client] for n, t in state.items()}}
        *_, headed = trained(task, start, rows, settings, number, RATE, moving=is_head)
        then = settings.model_copy(update={"epochs": 2})
        *_, last = trained(task, headed, rows, then, number, RATE, start=1, moving=lambda name: not is_head(name))
        same(reached(shared, update, client), {n: last[n] for n in shared})
        same({n: t[client] for n, t in update.state.items()}, {n: last[n] for n in state})


@pytest.mark.parametrize("epochs", [3, None])
def test_pfedme_takes_steps_of_phi_on_a_batch_and_then_one_of_w(epochs):
    settings = Settings(epochs=epochs, batch_size=4, weight_decay=0.02, clip=0.8)
    made = Pfedme(inner_lr=RATE, inner_steps=2, local_rounds=7 if epochs is None else 5)
    task, theta, episode = clients_of(FEW)
    update = made.update(task, theta, {}, episode, 2, plan(settings, NUMBERS[:4]))
    for client, number in enumerate(NUMBERS[:4]):
        x, y = rows_of(episode, client)
        dealt = [order(number, len(x), epoch)[i : i + 4] for epoch in range(7) for i in range(0, len(x), 4)]
        phi = w = theta
        for chosen in dealt[: 7 if epochs is None else 3 * -(-len(x) // 4)]:
            for _ in range(2):
                phi = {n: t.detach().requires_grad_() for n, t in phi.items()}
                near = sum((t - w[n]).square().sum() for n, t in phi.items())
                (loss_of(task, phi, x[chosen], y[chosen]) + made.lam / 2 * near).backward()
                torch.nn.utils.clip_grad_norm_(list(phi.values()), 0.8)
                phi = {n: (t - RATE * (t.grad + 0.02 * t)).detach() for n, t in phi.items()}
            w = {n: w[n] - made.local_lr * made.lam * (w[n] - phi[n]) for n in w}
        same(reached(theta, update, client), w)


def test_per_fedavg_takes_every_meta_step_on_fresh_batches():
    made = PerFedavg(inner_lr=RATE, inner_steps=2, meta_steps=5)
    task, theta, episode = clients_of((30, 12, 41))
    update = made.update(task, theta, {}, episode, 2, plan(Settings(batch_size=4), NUMBERS[:3]))
    for client, number in enumerate(NUMBERS[:3]):
        w = pick(spread(theta, 3), client)
        for step in range(5):
            batches = []
            for start, batch in enumerate(episode):
                count = int(batch.mask[client].sum())
                dealt = [
                    order(number, count, epoch, start)[i : i + 4] for epoch in range(5) for i in range(0, count, 4)
                ]
                x, y = (field[client][dealt[step]].unsqueeze(0) for field in batch[:2])
                batches.append(Batch(x, y, torch.ones(y.shape[:2], dtype=torch.float64)))
            here = {n: t.detach().requires_grad_() for n, t in w.items()}
            u = first_order(task, here, Episode(*batches), made.rates(here, 2)).directions
            w = {n: (w[n] - made.meta_lr * u[n]).detach() for n in u}
        same(reached(theta, update, client), {n: t[0] for n, t in w.items()})


def test_evaluation_is_fine_tuned_epoch_by_epoch():
    settings = FineTuning(epochs=3, batch_size=4, optimizer="adam", schedule="step", decay_every=1)
    task, theta, episode = clients_of((7, 60, 2))
    path = list(FedavgFt(inner_lr=RATE).adapt(task, spread(theta, 3), {}, episode.query, 3, plan(settings, (0, 1, 2))))
    assert len(path) == 4
    for client in range(3):
        rows = [field[client][episode.query.mask[client] == 1] for field in episode.query[:2]]
        expected = trained(task, theta, rows, settings, client, RATE, name="evaluation/batches")
        for mine, theirs in zip(path, expected, strict=True):
            same({n: t[client].detach() for n, t in mine.items()}, theirs)
