"""What a host answers: message → host → reply, function by function. It hosts the clients i with i mod P = p."""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import cast

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from pydantic import ValidationError

from client.guarding import guarded, unusable
from client.host import Host
from client.memory import keep_freed_memory
from client.secure import Speaker
from client.sharing import PREDICTIONS, SHARE, answered, refuse_to_share, shares_predictions, shares_rows
from client.states import ContextStates
from metafed.core.errors import DataError
from metafed.core.parameters import Vectors
from metafed.core.reading import brief
from metafed.experiment.choices import OWN_DATA, moved
from metafed.experiment.settings import Experiment
from metafed.faults import read_faults
from metafed.federation.federation import Federation, federation_of
from metafed.messages.census import pack_people
from metafed.messages.packing import ASKED, DESCRIPTIONS, OWN_PEOPLE, Answer, pack
from metafed.messages.typed import array_of, bytes_of
from metafed.objectives import Plain
from metafed.privacy.settings import deployed

app = ClientApp()

SERVERS_OWN = ("out", "resume", "round-timeout", "min-nodes")
"""Keys of the run config that concern the server alone."""
Settings = tuple[tuple[str, bool | int | float | str], ...]


@app.query()
def hosting(message: Message, context: Context) -> Message:
    """Say which share of the clients this host has; a host without a partition is a pool, and has them all."""
    number, count = share_of(context)
    openly = shares_rows(context)
    answer: dict[str, int | bool | list[str]] = {**dict(zip(PARTITION, (number, count), strict=True)), SHARE: openly}
    answer[PREDICTIONS] = shares_predictions(context)
    answer |= {"pool": "partition-id" not in context.node_config, OWN_PEOPLE: bool(context.node_config.get(OWN_DATA))}
    if "guard" in message.content.config_records.get("ask", {}):
        try:
            host = _hosted(context)
        except (DataError, ValidationError) as error:
            answer |= unusable(error, openly)
        else:
            answer |= guarded(host, (number, count), openly)
            answer[DESCRIPTIONS] = host.federation.constants
    return Message(RecordDict({"hosting": ConfigRecord(dict(answer))}), reply_to=message)


@app.query("census")
def census(message: Message, context: Context) -> Message:
    """Say of what groups the clients are that the message names, and how many rows they have."""
    refuse_to_share("their groups and numbers of rows", context)
    host = _hosted(context)
    people = host.census(_named(message, context))
    return Message(RecordDict({"census": ConfigRecord(pack_people(people))}), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the clients that the message names, from its θ."""
    host, theta, clients, server_round, most = _read(message, context)
    states, ask = ContextStates(context.state), objective_ask(message)
    masks = speaker(message, context) if host.experiment.secure.aggregation else None
    if masks:
        masks.before_training()
    answer = host.train(theta, clients, server_round, states, most, ask, inner_steps(message))
    if masks:
        answer = masks.masked(answer, host.experiment.cohort_most)
    return _reply(answered(answer, host.roster, context), message)


@app.query("keys")
def keys(message: Message, context: Context) -> Message:
    """Secure aggregation, phase 1: tell the clients' public keys."""
    return Message(RecordDict({"secure": speaker(message, context).keys()}), reply_to=message)


@app.query("shares")
def shares(message: Message, context: Context) -> Message:
    """Secure aggregation, phase 2: tell what the clients seal for one another."""
    return Message(RecordDict({"secure": speaker(message, context).shares()}), reply_to=message)


@app.query("unmask")
def unmask(message: Message, context: Context) -> Message:
    """Secure aggregation, phase 4: tell shares of masks that do not cancel."""
    return Message(RecordDict({"secure": speaker(message, context).unmasking()}), reply_to=message)


def speaker(message: Message, context: Context) -> Speaker:
    """Return who speaks for the clients that a message names, in secure aggregation."""
    return Speaker(_hosted(context).federation, context, _named(message, context), message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Evaluate the clients that the message names, from its θ."""
    host, theta, clients, _, most = _read(message, context)
    answer = host.evaluate(theta, clients, ContextStates(context.state), most)
    return _reply(answered(answer, host.roster, context), message)


def ready(context: Context) -> None:
    """Make what every message needs before the first comes. An error is reported in the answer to a message."""
    with suppress(Exception):
        _hosted(context)


PARTITION = {"partition-id": 0, "num-partitions": 1}


@lru_cache(maxsize=2)
def _experiment(settings: Settings) -> Experiment:
    return Experiment.from_run_config(dict(settings))


@lru_cache(maxsize=2)
def _host(federation: Federation, device: str, cache: str) -> Host:
    # one intra-op thread a process: the same bits everywhere, and workers do not fight over cores
    torch.set_num_threads(1)
    keep_freed_memory()
    host = Host(federation, device)
    if cache:
        host.population.keep(Path(cache), federation.origins)
    return host


def _hosted(context: Context) -> Host:
    settings = {key: value for key, value in context.run_config.items() if key not in SERVERS_OWN}
    node = context.node_config
    if faults := str(settings.get("faults", "")):
        settings["faults"] = read_faults(faults)
    own_data = str(node.get(OWN_DATA, ""))
    if own_data and "tasks" in settings:
        settings["tasks"] = moved(str(settings["tasks"]), own_data)
    if "partition-id" in node:
        settings = deployed(settings)
    own_people = share_of(context) if own_data else None
    federation = federation_of(_experiment(tuple(sorted(settings.items()))), own_people)
    return _host(federation, str(node.get("device", "cpu")), str(node.get("cache", "")))


def share_of(context: Context) -> tuple[int, int]:
    """Return number and count of this host: it has the clients i with i mod count = number."""
    number, count = (int(context.node_config.get(key, default)) for key, default in PARTITION.items())
    return number, count


def _read(message: Message, context: Context) -> tuple[Host, Vectors, list[int], int, int | None]:
    host = _hosted(context)
    theta = {part: array_of(array.data) for part, array in message.content.array_records["theta"].items()}
    ask, named = message.content.config_records["ask"], _named(message, context)
    most = int(str(ask["most"])) if "most" in ask else None
    return host, theta, named, int(str(ask["round"])), most


def _named(message: Message, context: Context) -> list[int]:
    """Return the clients that a message names.

    Raises:
        ValueError: It names none, one twice, or some that this host does not have.
    """
    named = message.content.config_records["ask"]["clients"]
    if not isinstance(named, list) or not all(type(client) is int for client in named) or len(set(named)) < len(named):
        raise ValueError(f"a message names its clients by a list of whole numbers, each once, got {brief(named)}")
    number, count = share_of(context)
    stranger = [client for client in named if int(client) < 0 or int(client) % count != number]
    if stranger:
        raise ValueError(f"this host has share {number} of {count}, which does not hold the clients {stranger[:8]}")
    return [int(client) for client in named]


def inner_steps(message: Message) -> dict[int, int]:
    """Return the inner steps of the clients that are to take fewer than others: ``steps``, and whose: ``shortened``."""
    ask = message.content.config_records["ask"]
    shortened, steps = cast(list[int], ask.get("shortened", [])), cast(list[int], ask.get("steps", []))
    return {int(client): int(count) for client, count in zip(shortened, steps, strict=True)}


def objective_ask(message: Message) -> dict[str, Plain]:
    """Return what the server's objective says in a message: the values called ``objective.…``."""
    values = message.content.config_records["ask"].items()
    own = {key.removeprefix(ASKED): value for key, value in values if key.startswith(ASKED)}
    return cast(dict[str, Plain], own)


def _reply(answer: Answer, message: Message) -> Message:
    arrays, values = pack(answer)
    content = RecordDict(
        {
            "arrays": ArrayRecord(
                {
                    key: Array(str(array.dtype), array.shape, "numpy.ndarray", bytes_of(array))
                    for key, array in arrays.items()
                }
            ),
            "values": ConfigRecord(values),
        }
    )
    return Message(content, reply_to=message)
