"""The Flower ClientApp: message → host → reply. It hosts the clients i with i mod P = p."""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import cast

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from client.host import Host
from client.memory import keep_freed_memory
from client.states import ContextStates
from metafed.experiment import Experiment
from metafed.objectives import Plain
from metafed.parameters import Vectors
from metafed.wire import ASKED, Answer, pack

app = ClientApp()

Settings = tuple[tuple[str, bool | int | float | str], ...]


@app.query()
def hosting(message: Message, context: Context) -> Message:
    """Say which share of the clients this host has; a host without a partition has them all."""
    share = {key: int(context.node_config.get(key, default)) for key, default in PARTITION.items()}
    return Message(RecordDict({"hosting": ConfigRecord(dict(share))}), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the clients that the message names, from its θ."""
    host, theta, clients, server_round, most = _read(message, context)
    states, ask = ContextStates(context.state), objective_ask(message)
    return _reply(host.train(theta, clients, server_round, states, most, ask), message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Evaluate the clients that the message names, from its θ."""
    host, theta, clients, _, most = _read(message, context)
    return _reply(host.evaluate(theta, clients, ContextStates(context.state), most), message)


def ready(context: Context) -> None:
    """Make what every message needs before the first comes. What goes wrong is told in answer to a message."""
    with suppress(Exception):
        _hosted(context)


PARTITION = {"partition-id": 0, "num-partitions": 1}


@lru_cache(maxsize=2)
def _host(settings: Settings, device: str) -> Host:
    # one intra-op thread a process: the same bits everywhere, and workers do not fight over cores
    torch.set_num_threads(1)
    keep_freed_memory()
    return Host(Experiment.from_run_config(dict(settings)), device)


def _hosted(context: Context) -> Host:
    settings = tuple(sorted(experiment_settings(context.run_config).items()))
    return _host(settings, str(context.node_config.get("device", "cpu")))


def _read(message: Message, context: Context) -> tuple[Host, Vectors, list[int], int, int | None]:
    host = _hosted(context)
    theta = {part: array.numpy() for part, array in message.content.array_records["theta"].items()}
    ask = message.content.config_records["ask"]
    named = ask["clients"]
    if not isinstance(named, list) or not all(isinstance(client, int) for client in named):
        raise ValueError(f"a message names its clients by a list of integers, got {named!r}")
    share = {key: int(context.node_config.get(key, default)) for key, default in PARTITION.items()}
    stranger = [client for client in named if int(client) % share["num-partitions"] != share["partition-id"]]
    if stranger:
        raise ValueError(f"this host has share {share}, which does not hold the clients {stranger[:8]}")
    most = int(str(ask["most"])) if "most" in ask else None
    return host, theta, [int(client) for client in named], int(str(ask["round"])), most


def objective_ask(message: Message) -> dict[str, Plain]:
    """Return what the server's objective says in a message: the values called ``objective.…``."""
    values = message.content.config_records["ask"].items()
    own = {key.removeprefix(ASKED): value for key, value in values if key.startswith(ASKED)}
    return cast(dict[str, Plain], own)


def experiment_settings(
    run_config: Mapping[str, bool | int | float | str],
) -> dict[str, bool | int | float | str]:
    """Return the run config without what concerns the server's record alone."""
    return {key: value for key, value in run_config.items() if key != "out"}


def _reply(answer: Answer, message: Message) -> Message:
    arrays, values = pack(answer)
    content = RecordDict(
        {
            "arrays": ArrayRecord({key: Array(array) for key, array in arrays.items()}),
            "values": ConfigRecord(values),
        }
    )
    return Message(content, reply_to=message)
