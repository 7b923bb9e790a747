"""PeFLL against its algorithm written out, client by client."""

import pytest
import torch

from metafed.algorithms import Fedavg, Pefll
from tests.metafed.algorithms.clients import begin, path, ragged, same
from tests.metafed.algorithms.servers import rounds, rows_of, slopes
from tests.metafed.models.problems import network

ETA, STEPS = 0.2, 3
SETTINGS = {"inner_steps": STEPS, "inner_lr": ETA, "descriptor": 4, "hidden": 5}
ASKED = ([0, 1, 2], [0, 2], [1])
kinds = pytest.mark.parametrize("kind", ["classification", "regression"])


def model_of(task, theta, x, y):
    """Return the model that θ makes of one client's rows."""
    common = {n.removeprefix("toy.base."): t for n, t in theta.items() if n.startswith("toy.base.")}
    z = task.model.embed({n: t.unsqueeze(0) for n, t in common.items()}, x.unsqueeze(0))[0]
    labels = torch.eye(3, dtype=z.dtype)[y] if task.kind == "classification" else y
    rows = torch.tanh(torch.cat([z, labels], 1) @ theta["toy.embed.0.weight"] + theta["toy.embed.0.bias"])
    v = (rows @ theta["toy.embed.1.weight"] + theta["toy.embed.1.bias"]).mean(0)
    hidden = torch.tanh(v @ theta["toy.hyper.weight"] + theta["toy.hyper.bias"])
    return {n: t + torch.tensordot(hidden, theta[f"toy.made.{n}"], 1) for n, t in common.items()}


@kinds
def test_it_is_its_algorithm(kind):
    task, theta, episode = network(kind)
    episode = ragged(episode)
    held = dict(Pefll(**SETTINGS).shared(theta))
    for cohort, (after, states) in zip(ASKED, rounds(Pefll(**SETTINGS), task, theta, episode, ASKED), strict=True):
        total = {n: torch.zeros_like(t) for n, t in held.items()}
        for k in cohort:
            own = {n: t.clone().requires_grad_() for n, t in held.items()}
            real = episode.support.mask[k] == 1
            first = model_of(task, own, episode.support.x[k][real], episode.support.y[k][real])
            now = {n: t.detach() for n, t in first.items()}
            for _ in range(STEPS):
                steps = slopes(task, now, *rows_of(episode, k))
                now = {n: t - ETA * steps[n] for n, t in now.items()}
            # the slope of ⟨w, w_0 − w_K⟩, the second factor fixed
            sum((first[n] * (first[n].detach() - now[n])).sum() for n in first).backward()
            total = {n: t + own[n].grad / len(cohort) for n, t in total.items()}
        held = {n: t - total[n] for n, t in held.items()}
        same(after, held, 1e-10)
        assert all(not state for state in states.values())


@kinds
def test_a_client_is_served_by_the_base_model_and_then_by_that_of_its_rows(kind):
    task, theta, episode = network(kind)
    algorithm = Pefll(**SETTINGS)
    held, state = begin(algorithm, theta, 3)
    before, after = path(algorithm, task, held, state, ragged(episode).support, 1)
    for k in range(3):
        same({n: t[k] for n, t in before.items()}, theta)
        real = ragged(episode).support.mask[k] == 1
        same(
            {n: t[k] for n, t in after.items()},
            model_of(task, held, episode.support.x[k][real], episode.support.y[k][real]),
        )


def test_where_rows_say_nothing_the_base_model_is_fedavgs():
    task, theta, episode = network("regression")
    algorithm = Pefll(**SETTINGS)
    silent = {n: torch.zeros_like(t) if ".made." in n else t for n, t in algorithm.shared(theta).items()}
    directions = algorithm.update(task, silent, {}, episode, 1).directions
    fedavg = Fedavg(inner_steps=STEPS, inner_lr=ETA).update(task, theta, {}, episode, 1).directions
    same({n.removeprefix("toy.base."): t for n, t in directions.items() if ".base." in n}, fedavg)
