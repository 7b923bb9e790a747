"""What the server says to hosts in a round, and how it reads what they answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, RecordDict

from metafed.core.parameters import Layout, Vectors
from metafed.federation.federation import Federation
from metafed.messages.packing import ASKED, Answer, BadAnswer, Failure, unpack
from metafed.objectives import Plain
from server.hosts import Hosts
from server.stages.base import Plan

Ask = Callable[[Sequence[int]], Mapping[str, Plain]]
"""What the host of these clients must know of the objective."""


class Piece(NamedTuple):
    """The clients of one message, and the θ that they work with."""

    clients: list[int]
    theta: ArrayRecord


def pieces(
    federation: Federation, hosts: Hosts, clients: Sequence[int], theta: ArrayRecord, plan: Plan | None = None
) -> list[Piece]:
    """Cut a round's clients into messages, in a fixed order; without a plan it is an evaluation.

    A pool of workers shares a round chunk by chunk; a node of a deployment pays for each message, and gets one. Those
    of a chunk who work with an older θ are asked apart, after those with the round's own.
    """
    chunks = [chunk for _, chunk in federation.chunks(clients, evaluation=plan is None)]
    if not hosts.pooled:
        ordered = [client for chunk in chunks for client in chunk]
        chunks = [[client for client in ordered if hosts.node(client) == node] for node in hosts.nodes]
    older = {} if plan is None else plan.older
    found = []
    for chunk in chunks:
        by_age: dict[int, list[int]] = {}
        for client in chunk:
            by_age.setdefault(older[client].age if client in older else 0, []).append(client)
        for age in sorted(by_age):
            first = by_age[age][0]
            found.append(Piece(by_age[age], older[first].theta if age else theta))
    return found


def messages(
    federation: Federation,
    hosts: Hosts,
    number: int,
    asked: Sequence[Piece],
    plan: Plan | None = None,
    ask: Ask | None = None,
) -> list[Message]:
    """Return a message a piece, with the parts of θ that its clients hold, and what the round's plan says.

    Args:
        federation: Whose clients they are.
        hosts: The nodes.
        number: The round.
        asked: The clients of each message.
        plan: The round's; None: an evaluation.
        ask: What the objective asks.
    """
    roster = federation.roster
    held: dict[tuple[int, tuple[str, ...]], ArrayRecord] = {}
    found = []
    for clients, theta in asked:
        wanted = {part for family, _ in roster.by_family(clients) for part in roster.parts(family)}
        parts = tuple(part for part in theta if part in wanted)
        # one record for all messages that say the same: an engine sends it once
        key = (id(theta), parts)
        if key not in held:
            held[key] = ArrayRecord({part: theta[part] for part in parts})
        request: dict[str, Plain] = {**(ask(clients) if ask else {}), **(plan.ask if plan else {})}
        own: dict[str, Plain] = {f"{ASKED}{name}": value for name, value in request.items()}
        if plan and (shortened := [client for client in clients if client in plan.steps]):
            own |= {"shortened": shortened, "steps": [plan.steps[client] for client in shortened]}
        content = RecordDict({"theta": held[key], "ask": ConfigRecord({"clients": clients, "round": number, **own})})
        for name, value in (plan.records if plan else {}).items():
            content[name] = value
        kind = MessageType.TRAIN if plan else MessageType.EVALUATE
        found.append(Message(content, hosts.node(clients[0]), kind, group_id=str(number)))
    return found


def read(
    replies: Iterable[Message], asked: Sequence[Sequence[int]], hosts: Hosts | None, layout: Layout
) -> tuple[list[Answer], list[Failure]]:
    """Return the usable answers in the order in which they were asked for, and all that failed.

    Args:
        replies: What came.
        asked: The clients of each message.
        hosts: The nodes; None where nobody was asked.
        layout: Where θ's parameters lie.
    """
    position = {client: index for index, clients in enumerate(asked) for client in clients}
    answers: dict[int, Answer] = {}
    errors: dict[int, str] = {}
    for reply in replies:
        node = reply.metadata.src_node_id
        if reply.has_error():
            errors[node] = str(reply.error.reason)
            continue
        try:
            answer = read_answer(reply, layout, list(position))
            named = [int(c) for rows in answer.rows for c in rows.client]
            kept = [answer.withheld.first] if answer.withheld else []
            first = position[(named or kept or [failure.client for failure in answer.failures])[0]]
            if first in answers or not set(named) <= set(asked[first]):
                raise BadAnswer("a second answer to the same message, or clients of another message")
            answers[first] = answer
        except (BadAnswer, IndexError) as error:
            errors[node] = str(error)
    failures = [failure for index in sorted(answers) for failure in answers[index].failures]
    accounted = {int(c) for a in answers.values() for rows in a.rows for c in rows.client}
    accounted |= {failure.client for failure in failures}
    accounted |= {client for first, answer in answers.items() if answer.withheld for client in asked[first]}
    assert hosts is not None or not position, "messages went out, so the hosts are known"
    for client in position:
        if client not in accounted and hosts is not None:
            reason = errors.get(hosts.node(client), "no answer in time")
            failures.append(Failure(client, reason.strip()[-300:]))
    return [answers[index] for index in sorted(answers)], failures


def read_answer(reply: Message, layout: Layout, asked: Sequence[int]) -> Answer:
    """Read a host's reply.

    Raises:
        BadAnswer: It cannot be used.
    """
    try:
        arrays = {key: array.numpy() for key, array in reply.content.array_records["arrays"].items()}
        values = dict(reply.content.config_records["values"])
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise BadAnswer(f"unreadable answer: {type(error).__name__}: {error}") from None
    return unpack(arrays, values, layout, asked)


def traffic(federation: Federation, clients: Iterable[int]) -> int:
    """Return the bytes of θ's parts that clients hold, each counted as a device of its own."""
    layout, roster = federation.layout, federation.roster
    scalar = np.dtype(federation.experiment.precision).itemsize
    return sum(
        scalar * sum(layout.size(p) for p in roster.parts(family) if p in layout.parts) * len(members)
        for family, members in roster.by_family(list(clients))
    )


def record(theta: Vectors) -> ArrayRecord:
    """Return θ as Flower carries it."""
    return ArrayRecord({part: Array(vector) for part, vector in theta.items()})
