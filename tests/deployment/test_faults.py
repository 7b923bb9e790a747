"""Faults of a deployment, against real processes: what was reported stays, and a fault costs its own share only."""

import json

import pytest

from metafed.experiment.settings import Experiment
from simulation import HOME as ROOT
from simulation.deployment.control import Control
from simulation.deployment.local import LocalFederation
from simulation.deployment.runs import Watch, check_status, run_config, wait_for_nodes
from tests.deployment.joining import join
from tests.deployment.waiting import said, until

pytestmark = pytest.mark.slow

ENDLESS = Experiment(clients=6, cohort=4, rounds=1000, eval_every=0, kernels="torch", tasks="personalization")
LONG = 600
"""Flower takes a node for lost after a minute without a heartbeat, and a run too."""


@pytest.fixture
def federation(tmp_path):
    """Two nodes that have joined, and a SuperLink whose state is on disk."""
    with LocalFederation(tmp_path / "federation", 2, database=tmp_path / "state.db") as made:
        join(made, 2, LONG)
        yield made


@pytest.fixture
def control(federation):
    with Control(federation.address, federation.operator) as made:
        yield made


@pytest.fixture
def record(control, tmp_path):
    """The record of a run that goes on; the run's id is its number."""
    folder = tmp_path / "record"
    return folder, control.submit(ROOT, run_config(ENDLESS, folder))


def lines(folder):
    path = folder / "rounds.jsonl"
    return [json.loads(text) for text in path.read_text().split("\n")[:-1]] if path.exists() else []


def test_a_node_killed_in_a_round_costs_its_own_clients_and_rejoins(federation, control, record):
    folder, run_id = record
    node = federation.processes["supernode-1"]
    said(node.log, "Receiving: train message", LONG)
    node.kill()
    first = until(lambda: [line for line in lines(folder) if line["failed"]], "a round ends without the node", LONG)[0]
    assert {failure["client"] % 2 for failure in first["failed"]} == {1}
    known = len(lines(folder))
    federation.start_node(1)
    until(lambda: any(not line["failed"] for line in lines(folder)[known:]), "a round in which nobody is missing", LONG)
    assert control.status(run_id).status == "running"
    assert [line["round"] for line in lines(folder)] == list(range(len(lines(folder))))
    assert len(control.nodes()) == 2  # the same key, the same node


def test_a_superlink_restarted_with_its_database(federation, control, record, tmp_path):
    folder, run_id = record
    until(lambda: len(lines(folder)) >= 2, "a finished round", LONG)
    before = {node.node_id for node in control.nodes()}
    federation.processes["superlink"].kill()
    reported = lines(folder)
    federation.start_superlink()
    # the ServerApp ended with its SuperLink: Flower cannot take it up again, and says so
    ended = until(lambda: (now := control.status(run_id)).status == "finished" and now, "the run is given up", LONG)
    assert (ended.sub_status, ended.details) == ("failed", "No heartbeat received from the task")
    assert lines(folder)[: len(reported)] == reported
    assert {node.node_id for node in control.nodes()} == before
    # nobody is registered anew: the nodes are known, and come back by themselves
    wait_for_nodes(control, 2, LONG, lambda: None)
    again = tmp_path / "again"
    short = ENDLESS.model_copy(update={"rounds": 1})
    watch = Watch(control, control.submit(ROOT, run_config(short, again)), again, tmp_path / "log", lambda line: None)
    check_status(watch.until_end(lambda: None), again, 1)
    assert [line["failed"] for line in lines(again)] == [[], []]
