"""The cores that this process may use, which may be fewer than the machine has."""

import math
import os
from contextlib import suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def cores(groups: Path = GROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return how many cores this process may use: those that it is bound to, within its group's quota; at least 1.

    Args:
        groups: Where control groups are seen.
        own: Which of them this process belongs to.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, quota(groups, own))))


def quota(groups: Path, own: Path) -> float:
    """Return the cores' worth of time that the control groups allow; infinite where nothing is limited."""
    least = math.inf
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return least
    for line in lines:
        _, kinds, path = [*line.split(":", 2), "", ""][:3]
        if kinds and "cpu" not in kinds.split(","):
            continue
        root = groups / kinds if kinds else groups
        # a container sees its own group as the root, whatever path the file names
        folders = [root, *(root.joinpath(*Path(path).parts[1 : end + 1]) for end in range(1, len(Path(path).parts)))]
        for folder in folders:
            with suppress(OSError, ValueError):
                most, period = (folder / "cpu.max").read_text(encoding="ascii").split()
                least = min(least, int(most) / int(period))
            with suppress(OSError, ValueError):  # of the first version
                most, period = ((folder / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
                least = min(least, int(most) / int(period) if int(most) > 0 else math.inf)
    return least
