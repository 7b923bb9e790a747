"""What the server learns of its nodes before the first round: who they are, what their guards found, what they keep."""

import math
from collections.abc import Sequence
from logging import WARNING
from typing import Any

from flwr.serverapp import Grid
from flwr.supercore import log

from metafed.core.traits import conflicts
from metafed.data.table.stated import described, differing
from metafed.experiment.rules.declared import WITHHOLDING, declared
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.messages.packing import DESCRIPTIONS, OWN_PEOPLE
from server.hosts import PATIENCE, Hosts, discover


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


def guarded(grid: Grid, federation: Federation, timeout: float) -> Hosts:
    """Find the nodes, and have each look at its own clients by its guard.

    Args:
        grid: The federation.
        federation: Whose clients they host.
        timeout: Seconds that a node has to read its data and look at them.

    Raises:
        GuardStops: A guard found an error, and all are in the message; or a node's description of a table differs from
            the server's.
        RowsNeeded: A setting needs rows of single clients that a node does not share.
        HostsMissing: Too few nodes joined in time.
    """
    hosts = discover(grid, PATIENCE, guard=timeout)
    fatal = [text for _, text in found(hosts, "guard-fatal")]
    if fatal:
        raise GuardStops("; ".join(fatal))
    ours = described(federation.choices)
    for number, answer in enumerate(hosts.answers):
        for family, keys in differing(ours, answer.get(DESCRIPTIONS, ours)).items():
            raise GuardStops(
                f"node {number}: its description of {family} differs from the server's in {', '.join(keys)}; it must be"
                " the same everywhere but for where the rows are"
            )
    for node, text in found(hosts, "guard"):
        log(WARNING, "guard of node %d: %s", node, text)
    keeping = keepers(hosts)
    if keeping and (needed := needing_rows(federation.experiment)):
        raise RowsNeeded(
            f"{', '.join(needed)}: needs to know single clients, and the nodes {keeping} keep their rows"
            " (share-client-rows is not true in their config)"
        )
    return hosts


def found(hosts: Hosts, kind: str) -> list[tuple[int, str]]:
    """Return what the nodes' guards found, each text once, with the number of the first node that says it."""
    texts: dict[str, int] = {}
    for number, answer in enumerate(hosts.answers):
        for text in answer.get(kind, ()):
            texts.setdefault(str(text), number)
    return [(number, text) for text, number in texts.items()]


def keepers(hosts: Hosts) -> list[int]:
    """Return the numbers of the nodes that share no rows of single clients."""
    return [number for number, answer in enumerate(hosts.answers) if answer.get("share-client-rows") is False]


def needing_rows(experiment: Experiment) -> list[str]:
    """Return the settings by which the server must know single clients."""
    chosen = declared(experiment)
    return list(
        dict.fromkeys(each.needing.setting for each in conflicts([*chosen, WITHHOLDING]) if each.hiding is WITHHOLDING)
    )


def about_nodes(hosts: Hosts) -> dict[str, Any]:
    """Return what the manifest says of the nodes."""
    keeping = keepers(hosts)
    remarks: Sequence[str] = [f"node {number}: {text}" for number, text in found(hosts, "guard")]
    return {
        "guard": remarks,
        "nodes": len(hosts.nodes),
        "own_people": [number for number, answer in enumerate(hosts.answers) if answer.get(OWN_PEOPLE)],
        "rows_withheld": [
            f"node {number} keeps the rows of its clients: they are not in clients.parquet and summary.json;"
            " rounds.jsonl has sums over them under 'withheld'"
            for number in keeping
        ],
    }
