"""Law 6: a client that fails, lies, is late or sends NaN costs its own contribution and a line in the record."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord

from metafed.federation.federation import Federation, hand_on
from metafed.federation.population import Population
from server.asking import messages, pieces, record
from server.endings import Diverged, NothingEvaluated
from server.hosts import HostsMissing, discover
from server.stages import Plan
from simulation.engines.grid import PoolGrid, failed
from simulation.engines.local import LocalGrid
from tests.integration.pool import initial, run


class Tampered(PoolGrid):
    """Lets ``tamper`` change the reply to the message with a given number, in every training round."""

    def __init__(self, experiment, tamper, victim=0):
        super().__init__()
        self.inner, self.tamper, self.victim = LocalGrid(experiment.to_run_config()), tamper, victim
        self.clients = []

    def answer(self, messages, timeout):
        replies = self.inner.answer(messages, timeout)
        if messages and messages[0].metadata.message_type == "train":
            self.clients = list(messages[self.victim].content["ask"]["clients"])
            replies[self.victim : self.victim + 1] = self.tamper(messages[self.victim], replies[self.victim])
        return replies

    def close(self):
        self.inner.close()


def with_sum(change):
    def tamper(message, reply):
        arrays = reply.content["arrays"]
        changed = {k: Array(change(a.numpy())) if k == "sum/trunk" else a for k, a in arrays.items()}
        reply.content["arrays"] = ArrayRecord(changed)
        return [reply]

    return tamper


def foreign(message, reply):
    rows = reply.content["arrays"]["rows0"].numpy().copy()
    rows[:, 0] += 1000
    arrays = dict(reply.content["arrays"])
    arrays["rows0"] = Array(rows)
    reply.content["arrays"] = ArrayRecord(arrays)
    return [reply]


def without_values(message, reply):
    del reply.content["values"]
    return [reply]


def garbage(message, reply):
    arrays = dict(reply.content["arrays"])
    arrays["sum/trunk"] = Array("float64", (3,), "numpy.ndarray", b"not an array")
    reply.content["arrays"] = ArrayRecord(arrays)
    return [reply]


BAD = {
    "error": (lambda message, reply: [failed(message, "the device caught fire")], "caught fire"),
    "nothing": (lambda message, reply: [], "no answer in time"),
    "NaN": (with_sum(lambda v: np.full_like(v, np.nan)), "not finite"),
    "infinity": (with_sum(lambda v: np.full_like(v, np.inf)), "not finite"),
    "shape": (with_sum(lambda v: v[:-1]), "has shape"),
    "matrix": (with_sum(lambda v: v[None]), "has shape"),
    "integers": (with_sum(lambda v: v.astype(np.int64)), "has type"),
    "foreign client": (foreign, "not asked for"),
    "no values": (without_values, "unreadable"),
    "garbage": (garbage, "unreadable"),
    "twice": (lambda message, reply: [reply, reply], None),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_reply_costs_only_its_own_clients(small, kind):
    tamper, reason = BAD[kind]
    rounds = []
    grid = Tampered(small, tamper, victim=1)
    theta = run(small, grid, rounds.append, rounds=1)
    lost = {failure.client: failure.reason for failure in rounds[1].failures}
    trained = {int(c) for rows in rounds[1].training for c in rows.client}
    cohort = set(Federation(small).population.roster.cohort(1))
    if reason is None:  # the second of two equal answers is thrown away, the first counts
        assert lost == {}
        assert trained == cohort
    else:
        assert set(lost) == set(grid.clients)
        assert trained == cohort - set(grid.clients)
        assert all(reason in text for text in lost.values())
    assert all(np.isfinite(vector).all() for vector in theta.values())


def test_one_client_with_nan_data_costs_itself_and_not_its_chunk(small, monkeypatch):
    victim = Federation(small).population.roster.cohort(1)[2]
    honest = Population.training

    def poisoned(self, clients, server_round):
        draw = honest(self, clients, server_round)
        if victim in clients:
            draw.episode.support.x[clients.index(victim)] = float("nan")
        return draw

    monkeypatch.setattr(Population, "training", poisoned)
    rounds = []
    run(small, observe=rounds.append, rounds=1)
    assert [failure.client for failure in rounds[1].failures] == [victim]
    assert "not finite" in rounds[1].failures[0].reason


def test_one_client_whose_data_cannot_be_read_costs_itself_and_not_its_chunk(small, monkeypatch):
    victim = Federation(small).population.roster.cohort(1)[0]
    honest = Population._split

    def unreadable(self, client):
        if client == victim:
            raise OSError("disk on fire")
        return honest(self, client)

    monkeypatch.setattr(Population, "_split", unreadable)
    hand_on(Federation(small))
    rounds = []
    run(small, observe=rounds.append, rounds=1)
    hand_on(Federation(small))
    assert {failure.client for failure in rounds[1].failures} == {victim}
    assert "disk on fire" in rounds[1].failures[0].reason


def test_the_others_contributions_are_what_they_would_be_without_the_lost_client(small):
    whole, rest = [], []
    run(small, observe=whole.append, rounds=1)
    grid = Tampered(small, BAD["error"][0], victim=0)
    run(small, grid, rest.append, rounds=1)
    before = {int(c): r.loss[i, 0] for r in whole[1].training for i, c in enumerate(r.client)}
    after = {int(c): r.loss[i, 0] for r in rest[1].training for i, c in enumerate(r.client)}
    assert after == {c: loss for c, loss in before.items() if c not in grid.clients}


def test_a_round_in_which_every_client_diverges_ends_the_run(small):
    hot = small.algorithm.model_copy(update={"inner_lr": 1e200})
    small = small.model_copy(update={"algorithm": hot, "tasks": "avatar"})
    with pytest.raises(Diverged, match=r"round 1 diverged: no client's update was finite \(clients 0, 1, 2"):
        run(small)


def asked(experiment, clients, hosts):
    """Return the messages of round 1 to some clients, as the strategy would ask them."""
    federation, theta = Federation(experiment), record(initial(experiment))
    plan = Plan(1, None, hosts, theta, clients)
    return [
        each.message for each in messages(federation, hosts, 1, pieces(federation, hosts, clients, theta, plan), plan)
    ]


def test_a_host_refuses_clients_that_it_does_not_hold(small):
    grid = LocalGrid(small.to_run_config())
    grid._context.node_config.update({"partition-id": 1, "num-partitions": 3})
    said = asked(small, [0, 2, 3], discover(FirstShare(grid), 1))
    replies = grid.answer(said, None)
    assert len(replies) == len(said)
    assert all(reply.has_error() for reply in replies)
    assert "does not hold the clients" in replies[0].error.reason


@pytest.mark.parametrize("named", [[-1], [2, 2], [True], [10**20]])
def test_a_host_refuses_a_list_of_clients_that_is_none(small, named):
    # -1 is 3 − 1 modulo 3, and a client that is named twice would count twice
    grid = LocalGrid(small.to_run_config())
    grid._context.node_config.update({"partition-id": 2, "num-partitions": 3})
    (message,) = asked(small, [2], discover(FirstShare(grid), 1))[:1]
    message.content["ask"] = ConfigRecord({**message.content.config_records["ask"], "clients": named})
    (reply,) = grid.answer([message], None)
    assert reply.has_error()


def test_a_deployed_node_that_is_the_only_one_gets_one_message_and_a_pool_one_a_chunk(small):
    clients = list(range(9))
    pool, node = LocalGrid(small.to_run_config()), LocalGrid(small.to_run_config())
    node._context.node_config.update({"partition-id": 0, "num-partitions": 1})
    reported = [asked(small, clients, discover(grid, 1)) for grid in (pool, node)]
    assert len(reported[0]) > 1
    (message,) = reported[1]
    # in the same order, so that chunks and sums are the same
    everybody = [client for each in reported[0] for client in each.content.config_records["ask"]["clients"]]
    assert message.content.config_records["ask"]["clients"] == everybody


class FirstShare(PoolGrid):
    """Says that the one node hosts everything, whatever it says itself."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def answer(self, messages, timeout):
        replies = self.inner.answer(messages, timeout)
        for reply in replies:
            reply.content["hosting"] = ConfigRecord({"partition-id": 0, "num-partitions": 1})
        return replies

    def close(self):
        self.inner.close()


def test_missing_hosts_are_waited_for_and_named(small):
    grid = LocalGrid(small.to_run_config())
    grid._context.node_config.update({"partition-id": 1, "num-partitions": 3})
    waits = []
    with pytest.raises(HostsMissing, match=r"the shares \[1\] of 3 have a node"):
        discover(grid, patience=0.2, pause=waits.append)


def test_a_fault_that_every_client_has_ends_the_run_with_its_reason(small, monkeypatch):
    def broken(self, client):
        raise OSError("disk on fire")

    monkeypatch.setattr(Population, "_split", broken)
    hand_on(Federation(small))
    with pytest.raises(NothingEvaluated, match=r"after round 0; client 0: OSError: disk on fire"):
        run(small)
    hand_on(Federation(small))
