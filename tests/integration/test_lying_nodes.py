"""A node that lies costs its own contribution: θ and the others' rows are those of a run in which it fails."""

import numpy as np
import pytest
from flwr.app import Array, ConfigRecord

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.asking import record
from server.hosts import discover
from server.nodes import about_nodes
from server.strategy import MetaStrategy
from simulation.engines.grid import failed
from tests.integration.pool import run
from tests.integration.test_objectives import Nodes

LIAR = 11
"""Node 1 of 3: it hosts 1, 4, 7, …"""


class Lying(Nodes):
    """Three nodes, of which one changes what it answers in training; None: it answers by an error."""

    def __init__(self, run_config, lie):
        super().__init__(run_config, 3, **{"share-client-rows": True})
        self.lie = lie

    def answer(self, messages, timeout):
        replies = super().answer(messages, timeout)
        for number, reply in enumerate(replies):
            if reply.metadata.src_node_id == LIAR and reply.metadata.message_type == "train":
                if self.lie is None:
                    replies[number] = failed(messages[number], "no answer")
                else:
                    arrays, values = reply.content.array_records["arrays"], reply.content.config_records["values"]
                    changed = {key: array.numpy().copy() for key, array in arrays.items()}
                    plain = dict(values)
                    self.lie(changed, plain)
                    for key, array in changed.items():
                        arrays[key] = array if isinstance(array, Array) else Array(array)
                    reply.content["values"] = ConfigRecord(plain)
        return replies


def of_others(arrays, values):
    arrays["rows0"][0, 0] = 3


def failures_of_others(arrays, values):
    values["failed"], values["reasons"] = [0, 2], ["not mine", "not mine"]


def no_steps(arrays, values):
    values["rows0/steps"] = []


def many_steps(arrays, values):
    values["rows0/steps"] = [10**9]


def many_rows(arrays, values):
    arrays["rows0"][:, 2] = 2.0**40


def infinite_loss(arrays, values):
    arrays["rows0"][0, 5] = 1.5e308


def huge_array(arrays, values):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    arrays["sum/trunk"] = Array("float64", (10**13,), "numpy.ndarray", data)


def wrong_types(arrays, values):
    values["tables"] = "many"


def nobody(arrays, values):
    clients = [int(client) for key in arrays if key.startswith("rows") for client in arrays[key][:, 0]]
    values["tables"], values["failed"], values["reasons"] = 0, clients, ["lost"] * len(clients)


@pytest.fixture(scope="module")
def without_it():
    return {}


def outcome(small, lie):
    experiment = Experiment.model_validate({**small.model_dump(), "rounds": 1, "eval_every": 0})
    rounds = []
    theta = run(experiment, Lying(experiment.to_run_config(), lie), rounds.append)
    return theta, rounds[-1]


def a_scale(arrays, values):
    values |= {f"scale/{key.removeprefix('sum/')}": 1e50 for key in arrays if key.startswith("sum/")}


def a_group(arrays, values):
    for key in [key for key in arrays if key.startswith("sum/")]:
        arrays[f"{key}/mine"], values[f"weight/{key.removeprefix('sum/')}/mine"] = arrays[key], 1.0


LIES = (
    *(of_others, failures_of_others, no_steps, many_steps, many_rows, infinite_loss, huge_array, wrong_types, nobody),
    *(a_scale, a_group),
)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_costs_the_liar_and_nobody_else(small, without_it, lie):
    if not without_it:
        without_it["outcome"] = outcome(small, None)
    expected, honest = without_it["outcome"]
    theta, finished = outcome(small, lie)
    for part, vector in expected.items():
        np.testing.assert_array_equal(theta[part], vector)
    clients = [[c for rows in each.training for c in rows.client] for each in (honest, finished)]
    assert clients[0] == clients[1]
    assert {f.client for f in finished.failures} == {f.client for f in honest.failures}
    assert all(client % 3 == 1 for client in {f.client for f in finished.failures})


@pytest.mark.parametrize(
    ("method", "lie"),
    [
        ("scaffold", a_group),
        *((method, number) for method in ("ifca", "fednova", "fedproto") for number in (1e-300, -1.0)),
    ],
)
def test_a_lie_about_what_a_method_divides_by_costs_the_liar_and_nobody_else(small, method, lie):
    experiment = Experiment.model_validate({**small.model_dump(), "algorithm": method, "tasks": "assistant"})
    federation = Federation(experiment)
    beside = federation.beside

    def stated(arrays, values):
        for key in [key for key in arrays if key.startswith("sum/")]:
            arrays[key] = np.where(beside[key.removeprefix("sum/")], lie, np.asarray(arrays[key], np.float64))

    expected, honest = outcome(experiment, None)
    theta, finished = outcome(experiment, lie if callable(lie) else stated)
    for part, vector in expected.items():
        np.testing.assert_array_equal(theta[part], vector)
    assert {f.client for f in finished.failures} == {f.client for f in honest.failures}


def weights_of(number, of):
    """Return a lie: the weights of groups, as totals or of the sums as well."""

    def lie(arrays, values):
        for key in values:
            if key.startswith(("total/weight:", "weight/") if of == "both" else f"total/{of}"):
                values[key] = number

    return lie


@pytest.mark.parametrize("objective", ["gap", {"name": "minimax", "over": "groups"}])
@pytest.mark.parametrize(("number", "of"), [(-1e50, "weight:"), (1e50, "both")])
def test_a_lie_about_the_weight_of_groups_costs_the_liar_and_nobody_else(small, objective, number, of):
    experiment = Experiment.model_validate({**small.model_dump(), "objective": objective})
    expected, honest = outcome(experiment, None)
    theta, finished = outcome(experiment, weights_of(number, of))
    for part, vector in expected.items():
        np.testing.assert_array_equal(theta[part], vector)
    assert {f.client for f in finished.failures} == {f.client for f in honest.failures}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_sum_times_1e30_takes_its_bounded_share(small, optimizer):
    def much(arrays, values):
        for key in arrays:
            if key.startswith("sum/"):
                arrays[key] = arrays[key].astype(np.float64) * 1e30

    experiment = Experiment.model_validate(
        {**small.model_dump(), "rounds": 3, "outer_optimizer": optimizer, "outer_lr": 0.01}
    )
    rounds = []
    theta = run(experiment, Lying(experiment.to_run_config(), much), rounds.append)
    assert all(np.abs(vector).max() < 10 for vector in theta.values())
    assert all(line.notes["node_clip"][0]["clients"][0] % 3 == 1 for line in rounds[1:])
    honest = run(experiment, Nodes(experiment.to_run_config(), 3, **{"share-client-rows": True}))
    unclipped = Experiment.model_validate({**experiment.model_dump(), "node_clip": 0})
    same = run(unclipped, Nodes(unclipped.to_run_config(), 3, **{"share-client-rows": True}))
    for part, vector in honest.items():
        np.testing.assert_array_equal(vector, same[part])


def test_a_run_goes_on_without_a_node_that_is_absent_and_its_clients_say_why(small):
    experiment = Experiment.model_validate({**small.model_dump(), "rounds": 1})
    nodes = Nodes(experiment.to_run_config(), 3, **{"share-client-rows": True})
    del nodes.contexts[LIAR]
    hosts, rounds = discover(nodes, patience=0, pause=lambda seconds: None, fewest=2), []
    assert about_nodes(hosts)["absent_nodes"] == [1]
    federation = Federation(experiment)
    strategy = MetaStrategy(federation, rounds.append, hosts=hosts)
    strategy.start(nodes, record(federation.vectors), num_rounds=1, timeout=600)
    # each of its clients fails once in training and once in evaluation
    assert {failure.reason for failure in rounds[0].failures} == {"its node is absent"}
    assert {failure.client % 3 for failure in rounds[0].failures} == {1}
    assert {int(c) % 3 for rows in rounds[0].evaluation for c in rows.client} == {0, 2}
