"""The guard at a node: it looks at the node's own clients, and the server is told what it found."""

import logging

from client.host import Host
from metafed.families.base import DataError
from metafed.guard import inspect

MOST = 50
"""Findings that are told."""
LONGEST = 500


def guarded(host: Host, share: tuple[int, int], openly: bool) -> dict[str, list[str]]:
    """Return what the guard finds among the clients i with i mod ``share[1]`` = ``share[0]``.

    Args:
        host: Holds them.
        share: The node's share of the clients.
        openly: Whether findings may name clients and columns; otherwise they stay in the node's log, and only the
            rules that were broken are told.

    Returns:
        ``guard-fatal``, what must stop the run, and ``guard``, remarks.
    """
    try:
        host.population.check_size()
        found = inspect(host.population, share)
    except DataError as error:
        logging.getLogger("flwr").error("guard: %s", error)
        return {"guard-fatal": [str(error)[:LONGEST] if openly else "a data set cannot be used"], "guard": []}
    told: dict[str, list[str]] = {"guard-fatal": [], "guard": []}
    for finding in found[:MOST]:
        logging.getLogger("flwr").warning("guard: %s", finding.text)
        text = finding.text[:LONGEST] if openly else f"rule {finding.rule!r}; the node's log says where"
        told["guard-fatal" if finding.fatal else "guard"].append(text)
    return told
