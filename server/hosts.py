"""Which Flower node hosts which clients."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

PATIENCE = 60.0
"""Seconds to wait for nodes to join."""
FIRST_ANSWER = 600.0
"""Seconds to wait for the first answer of a node that joined: it imports PyTorch, on a machine that may be busy."""
PAUSE = 0.5
"""Seconds between looks for nodes that have not joined yet."""


@dataclass(frozen=True)
class Hosts:
    """The nodes of a federation: ``nodes[p]`` hosts the clients i with i mod ``len(nodes)`` = p.

    Attributes:
        nodes: Their ids.
        answers: What else each of them answered.
    """

    nodes: tuple[int, ...]
    answers: tuple[dict[str, Any], ...] = ()

    def node(self, client: int) -> int:
        """Return the id of the node that hosts ``client``."""
        return self.nodes[client % len(self.nodes)]

    @property
    def pooled(self) -> bool:
        """Whether one node hosts every client, and is a pool of workers that takes chunk by chunk."""
        return len(self.nodes) == 1 and all(answers.get("pool", True) for answers in self.answers)


class HostsMissing(RuntimeError):
    """Too few nodes joined in time."""


def discover(
    grid: Grid, patience: float, pause: Callable[[float], None] = time.sleep, guard: float | None = None
) -> Hosts:
    """Ask every node for its share until all shares are taken.

    Args:
        grid: The federation.
        patience: Seconds to wait for nodes to join.
        pause: How to wait between two looks.
        guard: Seconds that a node has to look at its clients by its guard; None: it is not asked to.

    Raises:
        HostsMissing: Some share has no node after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    found: dict[int, int] = {}
    shares: dict[int, tuple[int, int]] = {}
    answers: dict[int, dict[str, Any]] = {}
    refused: dict[int, str] = {}
    ask = {} if guard is None else {"guard": True}
    while True:
        strangers = [node for node in grid.get_node_ids() if node not in shares]
        question = [Message(RecordDict({"ask": ConfigRecord(dict(ask))}), n, MessageType.QUERY) for n in strangers]
        for reply in grid.send_and_receive(question, timeout=guard or FIRST_ANSWER) if question else ():
            if reply.has_error():
                refused[reply.metadata.src_node_id] = reply.error.reason or "no reason"
            else:
                record = reply.content.config_records["hosting"]
                shares[reply.metadata.src_node_id] = (
                    int(str(record["partition-id"])),
                    int(str(record["num-partitions"])),
                )
                answers[reply.metadata.src_node_id] = dict(record)
        found = {share: node for node, (share, _) in sorted(shares.items(), reverse=True)}
        total = max((count for _, count in shares.values()), default=0)
        if total and set(range(total)) <= set(found):
            nodes = tuple(found[share] for share in range(total))
            return Hosts(nodes, tuple(answers[node] for node in nodes))
        if time.monotonic() > deadline:
            why = "".join(f"; node {node}: {reason}" for node, reason in refused.items() if node not in shares)
            raise HostsMissing(
                f"after {patience:.0f} s the shares {sorted(found)} of {total or 'an unknown number'} have a node{why}"
            )
        pause(PAUSE)
