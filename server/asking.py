"""What the server says to hosts in a round, and how it reads what they answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, RecordDict

from metafed.core.parameters import Vectors
from metafed.federation.federation import Federation
from metafed.messages.packing import ASKED, Answer, Failure
from metafed.messages.reading import unpack
from metafed.messages.stated import check_stated
from metafed.messages.typed import LONGEST_TEXT, MOST_ROWS, BadAnswer, array_of, bytes_of
from metafed.objectives import Contribution, Plain
from server.binding import ABSENT, Asked, bound, numbered
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
        chunks = [[client for client in ordered if hosts.share(client) == share] for share in range(len(hosts.nodes))]
    older = {} if plan is None else plan.older
    if not older:
        return [Piece(chunk, theta) for chunk in chunks if chunk]
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
) -> list[Asked]:
    """Return a message a piece, with the parts of θ that its clients hold, and what the round's plan says.

    Clients whose share no node has get none.

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
        node = hosts.node(clients[0])
        if node is None:
            found.append(Asked(clients, None))
            continue
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
        message = Message(content, node, kind, group_id=str(number))
        found.append(Asked(clients, numbered(message, f"{kind}/{number}/{len(found)}")))
    return found


def read(
    replies: Iterable[Message], asked: Sequence[Asked], federation: Federation
) -> tuple[list[Answer], list[Failure]]:
    """Return the usable answers in the order in which they were asked for, and all that failed.

    An answer is that of the message which it replies to, and of the node that this one went to. What it says of other
    clients makes it unusable, and costs them nothing.

    Args:
        replies: What came.
        asked: The messages.
        federation: Whose clients they are.
    """
    answers: dict[int, Answer] = {}
    errors: dict[int, str] = {}
    for number, reply in bound(replies, asked):
        if reply.has_error():
            errors[number] = str(reply.error.reason)
            continue
        try:
            answers[number] = read_answer(reply, federation, asked[number].clients)
        except BadAnswer as error:
            errors[number] = str(error)
    failures = [failure for number in sorted(answers) for failure in answers[number].failures]
    for number, each in enumerate(asked):
        answer = answers.get(number)
        if answer and answer.withheld:
            continue
        known = {int(c) for rows in answer.rows for c in rows.client} if answer else set()
        known |= {failure.client for failure in answer.failures} if answer else set()
        reason = errors.get(number, "no answer in time") if each.message else ABSENT
        failures += [Failure(c, reason.strip()[-LONGEST_TEXT:]) for c in each.clients if c not in known]
    return [answers[number] for number in sorted(answers)], failures


def read_answer(reply: Message, federation: Federation, asked: Sequence[int]) -> Answer:
    """Read a host's reply to a message that named the clients ``asked``.

    Raises:
        BadAnswer: It cannot be used.
    """
    try:
        arrays = {key: array_of(array.data) for key, array in reply.content.array_records["arrays"].items()}
        values = dict(reply.content.config_records["values"])
    except (KeyError, TypeError) as error:
        raise BadAnswer(f"unreadable answer: {type(error).__name__}: {error}") from None
    roster = federation.roster
    families = roster.by_family(asked)
    parts = {part for family, _ in families for part in roster.parts(family)}
    answer = unpack(arrays, values, federation.layout, asked, parts)
    check_sum(answer.contribution, federation, asked)
    if reply.metadata.message_type == MessageType.TRAIN and not all(np.isfinite(r.loss).all() for r in answer.rows):
        raise BadAnswer("a loss that is not finite, of a client that contributed")
    sums = answer.withheld.sums if answer.withheld else ()
    if answer.contribution.directions and not (answer.rows or any(own.clients + own.lost for own in sums)):
        raise BadAnswer("a sum, and no client that contributed to it")
    members = dict(families)
    for own in sums:
        there = sum((client < roster.seen) == own.seen for client in members.get(own.family, ()))
        if own.clients + own.lost > there:
            raise BadAnswer(f"a sum over more clients of {own.family} than it was asked for")
    return answer


def check_sum(total: Contribution, federation: Federation, asked: Sequence[int]) -> None:
    """Check that a sum has only what the objective and the algorithm give clients to send.

    Raises:
        BadAnswer: It has more, or what clients cannot have.
    """
    experiment, layout = federation.experiment, federation.layout
    if total.scales and not experiment.objective.scaled:
        raise BadAnswer("a sum with scales, which this objective does not have")
    if experiment.objective.uses == "nothing" and set(total.directions) - set(layout.parts):
        raise BadAnswer("a sum by groups, which this objective does not have")
    if not experiment.objective.can_sum(total, len(asked), MOST_ROWS if experiment.algorithm.weighs == "rows" else 1):
        raise BadAnswer(f"a sum, or weights of groups, that {len(asked)} clients cannot have")
    if experiment.algorithm.needs_means:
        check_stated(experiment.algorithm, layout, total.directions, total.weights, len(asked))


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
    return ArrayRecord(
        {part: Array(str(each.dtype), each.shape, "numpy.ndarray", bytes_of(each)) for part, each in theta.items()}
    )
