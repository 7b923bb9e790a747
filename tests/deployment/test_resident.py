"""The process that stays at a node answers as one of a message's own would; what happens to it costs one message."""

import os
import subprocess
import sys

import numpy as np
import psutil
import pytest
from flwr.app import ConfigRecord, Message, MessageType, RecordDict

from client.app import app
from client.daemon.socket import RESIDENT, NotAnswered, _named, ask
from metafed.experiment.settings import Experiment
from server.asking import record
from simulation.engines.grid import pool_context, take_identity
from tests.deployment.waiting import until
from tests.integration.pool import initial

EXPERIMENT = Experiment(
    clients=6, unseen=0.0, rounds=2, width=4, tasks="personalization", algorithm="ditto", kernels="torch"
)


SHARE = {"partition-id": 0, "num-partitions": 2}


def question(kind=MessageType.TRAIN, clients=(0, 2, 3), server_round=1):
    take_identity()
    theta = record(initial(EXPERIMENT))
    about = ConfigRecord({"clients": list(clients), "round": server_round})
    return Message(RecordDict({"theta": theta, "ask": about}), 1, kind)


def node(folder="", **config):
    """Return the context of a node; with a folder its answers come from a process that stays."""
    context = pool_context({**EXPERIMENT.to_run_config(), "round-timeout": 300.0}, "cpu")
    context.node_config.update({RESIDENT: str(folder)} if folder else {}, **config)
    return context


def processes(folder):
    """Return those that have stayed, by their notes beside the doors."""
    return [psutil.Process(int(path.read_text())) for path in folder.glob("*.pid") if alive(int(path.read_text()))]


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """A private folder whose path is longer than a socket's may be; processes stay from test to test."""
    folder = tmp_path_factory.mktemp("node") / ("long" * 30)
    folder.mkdir(mode=0o700)
    yield folder
    for process in processes(folder):
        process.kill()


def answering(folder, asked):
    """Have a node's question answered, and return the process that did."""
    assert app(question(clients=(0, 2)), asked).has_content()
    return psutil.Process(int((folder / _named(asked)).with_suffix(".pid").read_text()))


def arrays(reply):
    return {key: array.numpy() for key, array in reply.content.array_records["arrays"].items()}


def test_its_answers_and_states_are_those_of_a_process_of_its_own(doors):
    ours, theirs = node(), node(doors)
    for number in (1, 2):
        expected, found = app(question(server_round=number), ours), app(question(server_round=number), theirs)
        assert arrays(expected).keys() == arrays(found).keys()
        for key, array in arrays(expected).items():
            np.testing.assert_array_equal(arrays(found)[key], array)
        assert found.content.config_records["values"] == expected.content.config_records["values"]
        assert found.metadata.reply_to_message_id == expected.metadata.reply_to_message_id
    assert set(ours.state) == set(theirs.state) == {"state/0", "state/2", "state/3"}
    for key, kept in ours.state.array_records.items():
        np.testing.assert_array_equal(theirs.state.array_records[key]["flat"].numpy(), kept["flat"].numpy())
    (alone,) = processes(doors)
    stranger = app(question(MessageType.QUERY), node(doors, **{"partition-id": 1, "num-partitions": 2}))
    assert stranger.content.config_records["hosting"]["partition-id"] == 1
    (other,) = (process for process in processes(doors) if process != alone)  # another node has another one
    other.kill()


def test_an_error_is_told_and_costs_its_message_alone(doors):
    with pytest.raises(NotAnswered, match=r"ValueError: this host has share .* does not hold the clients \[1\]"):
        ask(str(doors), question(clients=(0, 1)), node(doors, **SHARE))
    there = processes(doors)
    assert app(question(clients=(0, 2)), node(doors, **SHARE)).has_content()
    assert processes(doors) == there


def test_one_that_was_killed_is_replaced(doors):
    first = answering(doors, node(doors))
    first.kill()
    until(lambda: not alive(first.pid), "it has ended")
    assert answering(doors, node(doors)).pid != first.pid


@pytest.mark.slow
def test_one_that_does_not_come_is_ended_and_replaced(doors):
    first = answering(doors, node(doors))
    first.suspend()
    shortened = node(doors)
    shortened.run_config["round-timeout"] = 0.5
    assert answering(doors, shortened).pid != first.pid
    assert not alive(first.pid)


DIES = """
import os, sys
if "client.daemon.process" in sys.orig_argv:
    from client.host import Host
    Host.train = lambda *said, **more: os._exit(9)
"""


def test_one_that_ends_in_the_middle_of_an_answer_is_told_of(doors, tmp_path, monkeypatch):
    for process in processes(doors):
        process.kill()
        until(lambda process=process: not alive(process.pid), "it has ended")
    (tmp_path / "sitecustomize.py").write_text(DIES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(NotAnswered, match=r"ended while it answered \(EOFError\)"):
        app(question(), node(doors))
    monkeypatch.delenv("PYTHONPATH")
    assert app(question(), node(doors)).has_content()


@pytest.mark.slow
def test_it_ends_with_its_node_and_when_nobody_asks(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with_it = subprocess.Popen([sys.executable, "-m", "client.daemon.process", str(tmp_path / "a"), str(parent.pid)])
    idle = f"from pathlib import Path; from client.daemon.process import main; main(Path('b'), {os.getpid()}, idle=0.1)"
    alone = subprocess.Popen([sys.executable, "-c", idle], cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert alone.wait(120) == 0
    until(lambda: (tmp_path / "a").exists(), "it listens")
    assert with_it.poll() is None
    parent.communicate(b"\n")
    assert with_it.wait(120) == 0


def test_a_folder_that_others_may_enter_is_refused(tmp_path):
    tmp_path.chmod(0o755)
    with pytest.raises(NotAnswered, match=r"others may enter this folder; chmod 700"):
        ask(str(tmp_path), question(), node(tmp_path))


def test_the_process_of_a_message_imports_nothing_heavy():
    look = "import client.app, sys; print(sorted({'torch', 'scipy', 'polars', 'metafed'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
