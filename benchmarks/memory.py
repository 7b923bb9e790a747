"""The most memory that a process has held."""

import os
import sys
from pathlib import Path


def peak_bytes(process: int | None = None) -> int:
    """Return the largest resident set of a process so far, this one's by default.

    On Linux it is ``VmHWM``: a process that another one started counts from its own start there, while its
    ``ru_maxrss`` begins with what its parent held.

    Raises:
        ProcessLookupError: Another process is asked for, and it has ended or the system does not tell.
    """
    path = Path(f"/proc/{process or os.getpid()}/status")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if process is not None:
        raise ProcessLookupError(f"nothing is known of the memory of process {process}")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # macOS counts bytes, Linux KiB
