"""A federation on this machine that is killed leaves no process and no key."""

import subprocess
import sys
from pathlib import Path

import psutil

from simulation.deployment.local import LocalFederation
from simulation.deployment.processes import members
from tests.deployment.waiting import until

SCRIPT = """
import sys
from pathlib import Path
from simulation.deployment.local import LocalFederation
with LocalFederation(Path(sys.argv[1]), 1) as made:
    made.start("sleeper", ["sleep", "1000"])
    print(made.mark, flush=True)
    sys.stdin.read()
"""


def test_processes_of_a_killed_federation_end(tmp_path: Path) -> None:
    """SIGKILL leaves us no time to end them: without the watcher they would run for ever."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "federation")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        mark = process.stdout.readline().strip()
        (sleeper,) = members(mark)
        process.kill()
    assert psutil.wait_procs([sleeper], timeout=60)[1] == []
    until(lambda: not (tmp_path / "federation" / "keys").exists(), "keys are removed")


def test_a_federation_may_be_left_twice(tmp_path: Path) -> None:
    """An error in it ends its processes at once, while nobody may disturb; then the block is left."""
    with LocalFederation(tmp_path / "federation", 1) as made:
        made.start("sleeper", ["sleep", "1000"])
        made.__exit__()
        assert members(made.mark) == []
