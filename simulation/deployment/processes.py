"""Processes of our own: started with a log each, found again, and ended without exception."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import final

import psutil

MARK = "METAFED_DEPLOYMENT"
"""Environment variable that all processes of one deployment share: Flower detaches some of them."""
GRACE = 10.0
"""Seconds that a process has to end by itself."""
TAIL = 12


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def program(name: str) -> str:
    """Return the path of a command of this Python's environment."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed beside {sys.executable}")
    return found


def environment(mark: str, home: Path) -> dict[str, str]:
    """Return the environment of a Flower process: a home of its own, no calls home, our commands first in PATH."""
    own = {
        MARK: mark,
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1,localhost"])),
    }
    # how often Flower looks whether there is something to do; its default of a second is most of a small round
    return {"FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1", **os.environ, **own}


@final
class Process:
    """A process with a log, the leader of a session of its own: a Ctrl-C in the terminal reaches us alone."""

    def __init__(self, name: str, command: Sequence[str], log: Path, variables: Mapping[str, str]) -> None:
        self.name, self.log = name, log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(variables),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:])

    def terminate(self) -> None:
        """Ask it to end, as a stop of its machine would; does not wait."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and all its children at once, as a power cut would."""
        with suppress(psutil.NoSuchProcess):
            for each in [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        self._process.wait()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, so long at most; returns its exit code, None if it still runs."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None


def members(mark: str) -> list[psutil.Process]:
    """Return the living processes that carry ``mark``, but for ourselves."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def end_all(mark: str, processes: Sequence[Process]) -> None:
    """End all processes of a deployment: by request, and those that do not comply by force."""
    for each in processes:
        if each.ended is None:
            each.terminate()
    deadline_over = [each for each in processes if each.wait(GRACE) is None]
    for each in deadline_over:
        each.kill()
    for stray in members(mark):
        with suppress(psutil.NoSuchProcess):
            stray.kill()
    psutil.wait_procs(members(mark), timeout=GRACE)
