"""What the server learns of its nodes before the first round: who they are, what their guards found, what they keep."""

import math
from collections.abc import Sequence
from logging import WARNING
from typing import Any

from flwr.serverapp import Grid
from flwr.supercore import log

from metafed.core.traits import conflicts
from metafed.data.table.stated import differing
from metafed.experiment.rules.declared import WITHHOLDING, declared
from metafed.experiment.settings import Experiment
from metafed.federation.federation import CONSTANTS, Federation
from server.hosts import MOST_NODES, PATIENCE, Hosts, discover


class GuardStops(RuntimeError):
    """A node's guard found what would make the run's numbers mean something else."""


class RowsNeeded(RuntimeError):
    """A setting needs to know single clients, and a node keeps their rows to itself."""


def seconds(value: object) -> float:
    """Return the number of seconds that the run config's ``round-timeout`` says.

    Raises:
        ValueError: It says none.
    """
    try:
        found = float(str(value))
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found > 0):
        raise ValueError(f"round-timeout = {value!r}: seconds, more than 0, such as 3600")
    return found


def nodes_wanted(value: object) -> int | None:
    """Return how many nodes will do by the run config's ``min-nodes``; 0: all, as None.

    Raises:
        ValueError: It is no such number.
    """
    try:
        found = int(str(value))
    except ValueError:
        found = -1
    if not 0 <= found <= MOST_NODES:
        raise ValueError(f"min-nodes = {value!r}: how many nodes are enough, 1 to {MOST_NODES}; 0: all of them")
    return found or None


def guarded(grid: Grid, federation: Federation, timeout: float, fewest: int | None = None) -> Hosts:
    """Find the nodes, and have each look at its own clients by its guard.

    Args:
        grid: The federation.
        federation: Whose clients they host.
        timeout: Seconds that a node has to read its data and look at them.
        fewest: So many nodes will do; None: all.

    Raises:
        GuardStops: A guard found an error, and all are in the message; or a node's description of a table differs from
            the server's.
        RowsNeeded: A setting needs rows of single clients that a node does not share.
        HostsMissing: Too few nodes joined in time.
    """
    hosts = discover(grid, PATIENCE, guard=timeout, fewest=fewest)
    fatal = [text for _, text in found(hosts, fatal=True)]
    if fatal:
        raise GuardStops("; ".join(fatal))
    ours = federation.constants
    for number, answer in hosts.answering:
        for family, keys in differing(ours, ours if answer.descriptions is None else answer.descriptions).items():
            if weights := [key for key in keys if key in CONSTANTS]:
                raise GuardStops(
                    f"node {number}: its {' and '.join(weights)} of {family} differ from the server's: give every node"
                    " the same weights"
                )
            raise GuardStops(
                f"node {number}: its description of {family} differs from the server's in {', '.join(keys)}; it must be"
                " the same everywhere but for where the rows are"
            )
    for node, text in found(hosts):
        log(WARNING, "guard of node %d: %s", node, text)
    keeping = keepers(hosts)
    if keeping and (needed := needing_rows(federation.experiment)):
        raise RowsNeeded(
            f"{', '.join(needed)}: needs to know single clients, and the nodes {keeping} keep their rows"
            " (share-client-rows is not true in their config)"
        )
    if federation.experiment.keep_predictions:
        silent = [number for number, answer in hosts.answering if not answer.share_predictions]
        if silent:
            raise RowsNeeded(
                f"--keep-predictions: rows are withheld: no predictions for single rows leave the nodes {silent}, as"
                " none leave a node of a deployment; leave it out, or run a simulation"
            )
    return hosts


def found(hosts: Hosts, fatal: bool = False) -> list[tuple[int, str]]:
    """Return what the nodes' guards found, each text once, with the number of the first node that says it."""
    texts: dict[str, int] = {}
    for number, answer in hosts.answering:
        for text in answer.guard_fatal if fatal else answer.guard:
            texts.setdefault(text, number)
    return [(number, text) for text, number in texts.items()]


def keepers(hosts: Hosts) -> list[int]:
    """Return the numbers of the nodes that share no rows of single clients."""
    return [number for number, answer in hosts.answering if not answer.share_client_rows]


def needing_rows(experiment: Experiment) -> list[str]:
    """Return the settings by which the server must know single clients."""
    chosen = declared(experiment)
    return list(
        dict.fromkeys(each.needing.setting for each in conflicts([*chosen, WITHHOLDING]) if each.hiding is WITHHOLDING)
    )


def about_nodes(hosts: Hosts) -> dict[str, Any]:
    """Return what the manifest says of the nodes."""
    keeping = keepers(hosts)
    remarks: Sequence[str] = [f"node {number}: {text}" for number, text in found(hosts)]
    return {
        "guard": remarks,
        "nodes": len(hosts.nodes),
        "absent_nodes": hosts.absent,
        "own_people": [number for number, answer in hosts.answering if answer.own_people],
        "rows_withheld": [
            f"node {number} keeps the rows of its clients: they are not in clients.parquet and summary.json;"
            " rounds.jsonl has sums over them under 'withheld'"
            for number in keeping
        ],
    }
