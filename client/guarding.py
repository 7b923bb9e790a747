"""The guard at a node: it looks at the node's own clients, and the server gets what it found."""

import logging

from pydantic import ValidationError

from client.host import Host
from metafed.core.errors import DataError
from metafed.federation.guard.inspect import inspect
from metafed.federation.preflight import check_size

MOST = 50
"""Findings that are sent."""
LONGEST = 1000
"""Characters of a finding, or of an error, that are sent."""


def guarded(host: Host, share: tuple[int, int], openly: bool) -> dict[str, list[str]]:
    """Return what the guard finds among the clients i with i mod ``share[1]`` = ``share[0]``.

    Args:
        host: Holds them.
        share: The node's share of the clients.
        openly: Whether findings may name clients and columns; otherwise they stay in the node's log, and only the
            rules that were broken are sent.

    Returns:
        ``guard-fatal``, what must stop the run, and ``guard``, remarks.
    """
    try:
        check_size(host.federation)
        found = inspect(host.population, share)
    except DataError as error:
        return unusable(error, openly)
    for source in host.population.sources:
        for note in source.notes if source.share is not None else ():
            logging.getLogger("flwr").info("own people: %s", note)
    findings: dict[str, list[str]] = {"guard-fatal": [], "guard": []}
    for finding in found[:MOST]:
        logging.getLogger("flwr").warning("guard: %s", finding.text)
        text = finding.text[:LONGEST] if openly else f"rule {finding.rule!r}; the node's log says where"
        findings["guard-fatal" if finding.fatal else "guard"].append(text)
    return findings


def unusable(error: DataError | ValidationError, openly: bool) -> dict[str, list[str]]:
    """Return what ``guarded`` does, of data that cannot be used."""
    text = str(error)
    if isinstance(error, ValidationError):
        text = "; ".join(str(problem.get("ctx", {}).get("error", problem["msg"])) for problem in error.errors())
    logging.getLogger("flwr").error("guard: %s", text)
    return {"guard-fatal": [text[:LONGEST] if openly else "a data set cannot be used"], "guard": []}
