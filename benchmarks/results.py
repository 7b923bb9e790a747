"""What a benchmark leaves behind by ``--json FILE``: its settings, its raw figures and the machine; one file a run."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metafed.core.errors import SettingError
from server.record.provenance import git_state
from simulation.cli.errors import BadInput

PACKAGES = ("flwr", "ray", "torch", "numpy")
FIELDS = {"benchmark", "settings", "figures", "machine"}
BAD_INPUT = 2


def processor() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write(path: Path, benchmark: str, settings: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Write the results of one run, all or nothing; what was there before is replaced."""
    result = {
        "benchmark": benchmark,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": processor(), "processors": processors(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "git": git_state(),
        "settings": dict(settings),
        "figures": dict(figures),
    }
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(json.dumps(result, indent=1, allow_nan=False, default=str) + "\n", encoding="utf-8")
    draft.replace(path)


def check_target(path: Path | None, flag: str = "--json") -> None:
    """Refuse, before anything is measured, a file that could not be written afterwards.

    Raises:
        BadInput: Its folder does not exist, or it is a folder itself.
    """
    if path is None:
        return
    if path.is_dir():
        raise BadInput(f"{flag} {path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise BadInput(f"{flag} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise BadInput(f"{flag} {path}: the folder {path.parent} cannot be written to")


def read(path: Path, known: Sequence[str]) -> dict[str, Any]:
    """Read what ``write`` wrote.

    Args:
        path: The file.
        known: Names of the benchmarks whose results can be used.

    Raises:
        BadInput: It is not such a file.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict) or not set(value) >= FIELDS:
        raise BadInput(f"{path}: not the results of a benchmark (write one by --json FILE)")
    if value["benchmark"] not in known:
        raise BadInput(f"{path}: results of {value['benchmark']!r}; allowed: {', '.join(known)}")
    return value


def complain(error: BadInput | SettingError) -> int:
    """Print one message on standard error and return the exit code."""
    print(f"metafed: {error}", file=sys.stderr)
    return BAD_INPUT
