"""``python -m benchmarks.deployed_round``: what a round of a deployment costs beyond Flower's own.

One SuperLink and its SuperNodes as processes of this machine, with TLS and node keys. Flower's own: an app that sends
θ's bytes to every node and back, and computes nothing. Flower starts a process for every message. Ours: such a process
hands the message to one that stays at the node (``client.daemon.socket``), or answers it by itself, which is to import
PyTorch; then clients' rows are read from where a message before has kept them on disk, or made anew.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import show
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation import HOME as ROOT
from simulation.deployment.closing import finished_rounds
from simulation.deployment.control import COMPLETED, Control
from simulation.deployment.local import LocalFederation
from simulation.deployment.runs import Watch, run_config, wait_for_nodes

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "echo"
version = "0.1.0"
license = "Apache-2.0"
dependencies = []
[tool.hatch.build.targets.wheel]
packages = ["echo"]
[tool.flwr.app]
publisher = "metafed"
[tool.flwr.app.components]
serverapp = "echo.app:server"
clientapp = "echo.app:client"
[tool.flwr.app.config]
rounds = 1
numbers = 1
nodes = 1
out = ""
"""
APP = """
import json, time
from pathlib import Path
import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

client, server = ClientApp(), ServerApp()

@client.train()
def train(message, context):
    return Message(message.content, reply_to=message)

@server.main()
def main(grid, context):
    said = context.run_config
    while len(list(grid.get_node_ids())) < int(said["nodes"]):
        time.sleep(0.5)
    took = []
    for number in range(int(said["rounds"])):
        start = time.monotonic()
        theta = ArrayRecord({"theta": Array(np.zeros(int(said["numbers"]), np.float32))})
        content = RecordDict({"theta": theta})
        asked = [Message(content, node, MessageType.TRAIN, group_id=str(number)) for node in grid.get_node_ids()]
        replies = list(grid.send_and_receive(asked, timeout=600))
        assert len(replies) == len(asked) and not any(reply.has_error() for reply in replies)
        took.append(time.monotonic() - start)
    Path(str(said["out"])).write_text(json.dumps(took))
"""


def echo(folder: Path) -> Path:
    """Write the app that computes nothing, and return its folder."""
    (folder / "echo").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "echo" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "echo" / "app.py").write_text(APP, encoding="utf-8")
    return folder


class RunFailed(RuntimeError):
    """A measured run did not complete."""


WAYS: dict[str, dict[str, str]] = {
    "ours, a process that stays": {},
    "ours, a process a message, clients kept": {"resident": ""},
    "ours, a process a message, clients made anew": {"resident": "", "cache": ""},
}
"""Entries of the nodes' config that differ from what a local federation has."""
OWN = "Flower's own"


def rounds_of(
    folder: Path, nodes: int, experiment: Experiment, config: dict[str, str], alone: bool
) -> list[list[float]]:
    """Return the seconds of each round: of ours, after those of Flower's own where ``alone`` asks for them.

    Raises:
        RunFailed: A run did not complete.
    """
    found = []
    with LocalFederation(folder / "federation", nodes) as federation:
        federation.start_superlink()
        with Control(federation.address, federation.operator) as control:
            for number in range(nodes):
                control.register(federation.operator / f"node-{number}.pub", f"node-{number}")
                federation.start_node(number, **config)
            wait_for_nodes(control, nodes, 300, lambda: None)
            if alone:
                took = folder / "took.json"
                numbers = sum(tensor.numel() for tensor in Federation(experiment).theta.values())
                settings = {"rounds": experiment.rounds, "numbers": numbers, "nodes": nodes, "out": str(took)}
                follow(control, control.submit(echo(folder / "app"), settings), folder / "none", folder / "echo.log")
                found.append([float(seconds) for seconds in json.loads(took.read_text())])
            record = folder / "record"
            follow(control, control.submit(ROOT, run_config(experiment, record)), record, folder / "run.log")
            found.append([float(line["seconds"]) for line in finished_rounds(record)[1:]])
    return found


def follow(control: Control, run_id: int, record: Path, log: Path) -> None:
    """Wait until a run has ended.

    Raises:
        RunFailed: It did not complete.
    """
    status = Watch(control, run_id, record, log, lambda line: None).until_end(lambda: None)
    if status.sub_status != COMPLETED:
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-12:]) if log.exists() else ""
        raise RunFailed(f"run {run_id} ended as {status.sub_status}: {status.details}\n{tail}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deployed_round", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", default="personalization")
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--cohort", type=int, default=8)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(argv)
    experiment = Experiment(
        tasks=options.tasks,
        data_dir=str(Path(options.data_dir).resolve()),
        clients=options.clients,
        cohort=options.cohort,
        rounds=options.rounds,
        eval_every=0,
        eval_clients=1,
        kernels="torch",
    )
    took: dict[str, list[float]] = {}
    try:
        for number, (name, config) in enumerate(WAYS.items()):
            with tempfile.TemporaryDirectory(prefix="metafed-round-") as folder:
                *plain, ours = rounds_of(Path(folder), options.nodes, experiment, config, alone=number == 0)
            if plain:
                took[OWN] = plain[0]
            took[name] = ours
    except RunFailed as error:
        print(f"metafed: {error}", file=sys.stderr)
        return 1
    own = statistics.median(took[OWN])
    rows = []
    for name, seconds in took.items():
        middle = statistics.median(seconds)
        rows.append((name, *(f"{value:.2f}" for value in (middle, min(seconds), max(seconds))), f"{middle - own:+.2f}"))
    who = f"{options.cohort} of {options.clients} clients of {options.tasks} a round"
    notes = (f"{options.nodes} node(s), {options.rounds} rounds, {who}; the last of ours has an evaluation.",)
    show("A deployed round, seconds", ("app", "median", "min", "max", "beyond Flower"), rows, notes, options.markdown)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
