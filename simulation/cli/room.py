"""Whether this process may have the addresses that its packages map: without them PyTorch or Polars end it abruptly."""

import resource

from metafed.core.cores import cores
from simulation.cli.errors import BadInput

NEEDED, A_CORE = 5 * 2**29, 2**27
"""Bytes of addresses that a command maps, most of which it never touches, and what each core's threads add: a small run
with ``--engine local`` on two cores has a VmPeak of 2.3 GB, of which 0.4 GB are in memory."""
RAYS = 16 * 2**30
"""Bytes of addresses below which Ray's processes, which map its store, may not start."""
INSTEAD = "raise it (ulimit -v unlimited), and bound the memory of a job by its control group, not by its addresses"


def limit() -> int | None:
    """Return how many bytes of addresses this process may have (``ulimit -v``); None: any number."""
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def check_room() -> None:
    """Refuse to begin where ``ulimit -v`` leaves too little.

    Raises:
        BadInput: It does; the message says how much there is, how much is needed, and what to do.
    """
    needed, allowed = NEEDED + A_CORE * cores(), limit()
    if allowed is not None and allowed < needed:
        raise BadInput(
            f"ulimit -v {allowed // 1024}: a process may have {allowed / 2**30:.1f} GiB of addresses, and this one"
            f" needs {needed / 2**30:.1f} GiB; {INSTEAD}"
        )


def short_for_ray() -> str:
    """Return what to add where Ray does not start, if ``ulimit -v`` may be why; else nothing."""
    allowed = limit()
    if allowed is None or allowed >= RAYS:
        return ""
    return f" (ulimit -v {allowed // 1024} may be too little for Ray: {INSTEAD}; or --engine local)"
