"""A process that ends what is left of a federation that was killed: SuperLink and SuperNodes would run on for ever."""

import os
import subprocess
import sys

from simulation import HOME
from simulation.deployment.processes import end_all


def watch(mark: str) -> subprocess.Popen[bytes]:
    """Start a process that ends all processes with ``mark`` once this one is gone, or closes the pipe.

    The system closes our end of the pipe however we end, by SIGKILL too; then the watcher reads its end.
    """
    here = os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "simulation.deployment.leftovers", mark],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": here},
        start_new_session=True,
    )


if __name__ == "__main__":
    sys.stdin.read()
    end_all(sys.argv[1], [])
