"""A process that ends what is left of a federation that was killed: SuperLink and SuperNodes would run for ever."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from simulation import HOME
from simulation.deployment.processes import end_all


def watch(mark: str, keys: Path) -> subprocess.Popen[bytes]:
    """Start a process that ends all processes with ``mark`` and removes the folder ``keys`` if this one is killed.

    The system closes our end of the pipe however we end, by SIGKILL too; who ends in order writes a word first.
    """
    here = os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "simulation.deployment.leftovers", mark, str(keys)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": here},
        start_new_session=True,
    )


if __name__ == "__main__":
    if not sys.stdin.read():
        end_all(sys.argv[1], [])
        shutil.rmtree(sys.argv[2], ignore_errors=True)
