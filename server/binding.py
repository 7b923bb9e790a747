"""Which question a reply answers: that of its id, if it comes from the node that was asked."""

from collections.abc import Iterable, Iterator, Sequence
from logging import WARNING
from typing import NamedTuple

from flwr.app import Message
from flwr.serverapp import Grid
from flwr.supercore import log

ABSENT = "its node is absent"
"""Why a client did nothing whose share no node has."""


class Asked(NamedTuple):
    """A question, by which its answer is known: Flower numbers messages when it sends them.

    Attributes:
        clients: Those that it names.
        message: It; None: no node hosts these clients.
    """

    clients: list[int]
    message: Message | None


def numbered(message: Message, name: str) -> Message:
    """Give a message an id, by which its reply is known; a grid that sends it to another process gives its own."""
    message.metadata.__dict__["_message_id"] = name
    return message


def bound(replies: Iterable[Message], asked: Sequence[Asked]) -> Iterator[tuple[int, Message]]:
    """Yield the index of a question and its reply, the first of each; all other replies are left out with a line."""
    index = {each.message.metadata.message_id: number for number, each in enumerate(asked) if each.message}
    answered: set[int] = set()
    for reply in replies:
        number = index.get(reply.metadata.reply_to_message_id, -1)
        message = asked[number].message if number >= 0 else None
        if message is None or reply.metadata.src_node_id != message.metadata.dst_node_id:
            log(WARNING, "left out: an answer of node %d to no message to it", reply.metadata.src_node_id)
        elif number in answered:
            log(WARNING, "left out: a second answer of node %d", reply.metadata.src_node_id)
        else:
            answered.add(number)
            yield number, reply


def replies_of(grid: Grid, asked: Sequence[Asked], timeout: float) -> Iterator[tuple[Message, list[int]]]:
    """Send questions, and yield each reply with the clients that its question names."""
    replies = grid.send_and_receive([each.message for each in asked if each.message], timeout=timeout)
    for number, reply in bound(replies, asked):
        yield reply, asked[number].clients
