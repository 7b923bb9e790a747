"""Which Flower node hosts which clients."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from logging import WARNING
from typing import Annotated, Self

from flwr.app import ConfigRecord, MessageType, RecordDict
from flwr.app import Message as Question
from flwr.serverapp import Grid
from flwr.supercore import log
from pydantic import ConfigDict, Field, model_validator

from metafed.messages.typed import LONGEST_TEXT, BadAnswer, Message, parsed

PATIENCE = 60.0
"""Seconds to wait for nodes to join."""
FIRST_ANSWER = 600.0
"""Seconds to wait for the first answer of a node that joined: it imports PyTorch, on a machine that may be busy."""
PAUSE = 0.5
"""Seconds between looks for nodes that have not joined yet."""


MOST_NODES = 100_000
"""Shares that clients can be dealt into."""


class Hosting(Message):
    """A node's answer to the question which share of the clients it has."""

    model_config = ConfigDict(populate_by_name=True)

    partition_id: Annotated[int, Field(ge=0, alias="partition-id")]
    num_partitions: Annotated[int, Field(ge=1, le=MOST_NODES, alias="num-partitions")]
    pool: bool = True
    share_client_rows: bool = Field(False, alias="share-client-rows")
    share_predictions: bool = Field(False, alias="share-predictions")
    own_people: bool = Field(False, alias="own-people")
    guard_fatal: list[str] = Field(default_factory=list, alias="guard-fatal")
    guard: list[str] = Field(default_factory=list)
    descriptions: list[str] | None = None

    @model_validator(mode="after")
    def _has_a_share(self) -> Self:
        if self.partition_id >= self.num_partitions:
            raise ValueError(f"there is no share {self.partition_id} of {self.num_partitions}")
        return self


@dataclass(frozen=True)
class Hosts:
    """The nodes of a federation: ``nodes[p]`` hosts the clients i with i mod ``len(nodes)`` = p.

    Attributes:
        nodes: Their ids; None: nobody has this share.
        answers: What each of them answered.
    """

    nodes: tuple[int | None, ...]
    answers: tuple[Hosting | None, ...] = ()

    def share(self, client: int) -> int:
        """Return the number of the share that holds ``client``."""
        return client % len(self.nodes)

    def node(self, client: int) -> int | None:
        """Return the id of the node that hosts ``client``."""
        return self.nodes[self.share(client)]

    @property
    def absent(self) -> list[int]:
        """The shares that no node has."""
        return [share for share, node in enumerate(self.nodes) if node is None]

    @property
    def answering(self) -> list[tuple[int, Hosting]]:
        """The number of each node that is there, and what it answered."""
        return [(number, answer) for number, answer in enumerate(self.answers) if answer is not None]

    @property
    def pooled(self) -> bool:
        """Whether one node hosts every client, and is a pool of workers that takes chunk by chunk."""
        return len(self.nodes) == 1 and all(answer.pool for _, answer in self.answering)


class HostsMissing(RuntimeError):
    """Too few nodes joined in time."""


def discover(
    grid: Grid,
    patience: float,
    pause: Callable[[float], None] = time.sleep,
    guard: float | None = None,
    fewest: int | None = None,
) -> Hosts:
    """Ask every node for its share until all shares are taken.

    How many shares there are is what most nodes say; a node that says another number is left out.

    Args:
        grid: The federation.
        patience: Seconds to wait for nodes to join.
        pause: How to wait between two looks.
        guard: Seconds that a node has to look at its clients by its guard; None: it is not asked to.
        fewest: So many nodes will do when the time is up; None: all.

    Raises:
        HostsMissing: Some share has no node after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    wait = (guard or FIRST_ANSWER) if fewest is None else min(guard or FIRST_ANSWER, FIRST_ANSWER)
    answers: dict[int, Hosting] = {}
    refused: dict[int, str] = {}
    ask = {} if guard is None else {"guard": True}
    while True:
        strangers = [node for node in grid.get_node_ids() if node not in answers]
        question = [Question(RecordDict({"ask": ConfigRecord(dict(ask))}), n, MessageType.QUERY) for n in strangers]
        for reply in grid.send_and_receive(question, timeout=wait) if question else ():
            node = reply.metadata.src_node_id
            try:
                answers[node] = read(reply)
                refused.pop(node, None)
            except BadAnswer as error:
                refused[node] = str(error)
        counts = Counter(answer.num_partitions for answer in answers.values())
        total = max(counts, key=lambda count: (counts[count], count), default=0)
        found: dict[int, int] = {}
        for node, answer in sorted(answers.items()):
            if answer.num_partitions != total:
                refused[node] = f"it says that there are {answer.num_partitions} shares, others say {total}"
            elif found.setdefault(answer.partition_id, node) != node:
                refused[node] = f"share {answer.partition_id} has node {found[answer.partition_id]}"
        late = time.monotonic() > deadline
        if total and (len(found) == total or (late and fewest is not None and len(found) >= fewest)):
            for node, reason in refused.items():
                log(WARNING, "node %d takes no part: %s", node, reason[:LONGEST_TEXT])
            nodes = tuple(found.get(share) for share in range(total))
            return Hosts(nodes, tuple(None if node is None else answers[node] for node in nodes))
        if late:
            why = "".join(f"; node {node}: {reason[:LONGEST_TEXT]}" for node, reason in refused.items())
            raise HostsMissing(
                f"after {patience:.0f} s the shares {sorted(found)} of {total or 'an unknown number'} have a node{why};"
                " start the others, or say by --min-nodes how many are enough"
            )
        pause(PAUSE)


def read(reply: Question) -> Hosting:
    """Return a node's answer.

    Raises:
        BadAnswer: It is an error, or none that can be used.
    """
    if reply.has_error():
        raise BadAnswer(reply.error.reason or "no reason")
    values = reply.content.config_records.get("hosting")
    return parsed(Hosting, {} if values is None else dict(values))
