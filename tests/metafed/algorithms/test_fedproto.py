"""FedProto against its algorithm written out, client by client."""

import pytest
import torch

from metafed.algorithms import Fedproto, Local
from tests.metafed.algorithms.clients import begin, path, ragged, same
from tests.metafed.algorithms.servers import CLIENTS, loss_of, rounds, rows_of
from tests.metafed.models.problems import network

ETA, STEPS, LAM = 0.2, 3, 0.4
SETTINGS = {"inner_steps": STEPS, "inner_lr": ETA}
ASKED = ([0, 1, 2], [0, 2], [1])


def embedded(task, params, x):
    return task.model.embed({n: t.unsqueeze(0) for n, t in params.items()}, x.unsqueeze(0))[0]


def problem():
    """Return a problem in which only client 1 has rows of class 2."""
    task, theta, episode = network()
    support, query = (batch._replace(y=batch.y.clone()) for batch in ragged(episode))
    for client in (0, 2):
        for batch in (support, query):
            batch.y[client][batch.y[client] == 2] = 1
    return task, theta, episode._replace(support=support, query=query)


def test_fedproto_is_its_algorithm():
    task, theta, episode = problem()
    models, prototypes = [theta] * CLIENTS, {}
    found = rounds(Fedproto(lam=LAM, **SETTINGS), task, theta, episode, ASKED)
    for cohort, (held, states) in zip(ASKED, found, strict=True):
        features = {}
        for k in cohort:
            x, y = rows_of(episode, k)
            now = models[k]
            for _ in range(STEPS):
                own = {n: t.clone().requires_grad_() for n, t in now.items()}
                loss = loss_of(task, own, x, y)
                for j, prototype in prototypes.items():
                    if (share := (y == j).double().mean()) > 0:
                        loss = loss + LAM * share * (embedded(task, own, x)[y == j].mean(0) - prototype).square().mean()
                loss.backward()
                now = {n: (t - ETA * t.grad).detach() for n, t in own.items()}
            models[k] = now
            for j in range(3):
                features.setdefault(j, []).extend(embedded(task, now, x)[y == j].detach())
        prototypes |= {j: torch.stack(rows).mean(0) for j, rows in features.items() if rows}
        assert set(held) == {"toy.prototypes", "toy.counts"}
        for j in range(3):
            torch.testing.assert_close(held["toy.prototypes"][j], prototypes[j], rtol=1e-10, atol=1e-12)
        for k in range(CLIENTS):
            same(states[k], models[k], 1e-10)
    assert (held["toy.counts"] > 0).all()


def test_without_prototypes_or_a_pull_it_is_local_training():
    task, theta, episode = problem()
    shared, state = begin(Fedproto(), theta, CLIENTS)
    alone = Local(**SETTINGS).update(task, theta, state, episode, 1).state
    same(Fedproto(**SETTINGS).update(task, shared, state, episode, 1).state, alone, 1e-12)
    known = {"toy.prototypes": shared["toy.prototypes"] + 1, "toy.counts": shared["toy.counts"] + 1}
    same(Fedproto(lam=0, **SETTINGS).update(task, known, state, episode, 1).state, alone, 1e-12)
    pulled = Fedproto(**SETTINGS).update(task, known, state, episode, 1).state
    assert not torch.allclose(pulled["trunk.0.weight"], alone["trunk.0.weight"])
    assert len(path(Fedproto(), task, known, state, episode.support, 2)) == 3


def test_numbers_are_refused():
    with pytest.raises(ValueError, match="classification"):
        Fedproto().check("avatar", "regression")
