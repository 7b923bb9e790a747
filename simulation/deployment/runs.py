"""A run of a federation, from its submission to a record whose end is known."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, final

import tomli_w
from flwr.proto.run_pb2 import RunStatus

from metafed.experiment.settings import Experiment, flatten_config
from simulation.deployment.bundle import project
from simulation.deployment.closing import finished_rounds, manifest
from simulation.deployment.control import COMPLETED, FINISHED, ONLINE, UNREGISTERED, Control
from simulation.deployment.errors import NodesMissing, Refused, RunEndedEarly

PAUSE = 1.0
LAST_WORDS = 30.0
"""Seconds that the ServerApp has to close its record after a stop."""
DIVERGED = re.compile(r"round \d+ diverged: .*")


def run_config(
    experiment: Experiment, out: Path, timeout: float = 3600.0, again: bool = False, fewest: int = 0
) -> dict[str, bool | int | float | str]:
    """Return the overrides of the app's run config: Flower takes those keys alone that ``pyproject.toml`` has.

    Settings that only some algorithms or objectives have travel as one text, such as ``algorithm.settings``.

    Raises:
        BadInput: The app is not here.
    """
    declared = flatten_config(project()[1]["tool"]["flwr"]["app"]["config"])
    config = experiment.to_run_config()
    extra: dict[str, list[str]] = {}
    for key in [key for key in config if key not in declared]:
        section, _, name = key.partition(".")
        extra.setdefault(f"{section}.settings", []).append(tomli_w.dumps({name: config.pop(key)}).strip())
    config |= {key: ", ".join(entries) for key, entries in extra.items()}
    return {**config, "out": str(out), "round-timeout": timeout, "resume": again, "min-nodes": fewest}


def wait_for_nodes(
    control: Control, count: int, patience: float, alive: Callable[[], None], fewest: int | None = None
) -> int:
    """Wait until ``count`` registered nodes are online, and return how many are.

    Args:
        control: The SuperLink.
        count: Nodes wanted.
        patience: Seconds to wait.
        alive: Called now and then; raises where waiting is in vain.
        fewest: So many are enough when the time is up; None: all.

    Raises:
        NodesMissing: They are not.
    """
    deadline = time.monotonic() + patience
    while True:
        nodes = [node for node in control.nodes() if node.status != UNREGISTERED]
        online = sum(node.status == ONLINE for node in nodes)
        late = time.monotonic() > deadline
        if online >= count or (late and fewest is not None and online >= fewest):
            return online
        if late:
            missing = ", ".join(
                f"{node.name or node.node_id} ({node.status})" for node in nodes if node.status != ONLINE
            )
            raise NodesMissing(f"after {patience:.0f} s not all of {count} nodes are online; missing: {missing}")
        alive()
        time.sleep(PAUSE)


@final
class Watch:
    """Follows a run: its log into a file, its finished rounds to ``progress``, its status until it has one at last.

    Args:
        control: The SuperLink.
        run_id: The run.
        record: Where the ServerApp writes its record, as seen from here.
        log: File of what the ServerApp says.
        progress: Called with every line of ``rounds.jsonl``.
        resumed: How many times the record was gone on with before; None for a new one.
    """

    def __init__(
        self,
        control: Control,
        run_id: int,
        record: Path,
        log: Path,
        progress: Callable[[dict[str, Any]], None],
        resumed: int | None = None,
    ) -> None:
        self._control, self.run_id, self._record, self._progress = control, run_id, record, progress
        self._read, self._resumed = 0, resumed
        self._thread = threading.Thread(target=self._follow, args=(log,), daemon=True)
        self._thread.start()

    def until_end(self, alive: Callable[[], None]) -> RunStatus:
        """Return the status that the run ended with.

        Raises:
            Refused: The SuperLink did not answer for a while.
        """
        while True:
            status = self._status(alive)
            self._rounds()
            if status.status == FINISHED:
                self._thread.join(LAST_WORDS)
                return status
            alive()
            time.sleep(PAUSE)

    def stop(self) -> None:
        """Stop the run, and wait a little until its record is closed."""
        with suppress(Refused):
            self._control.stop(self.run_id)
        deadline = time.monotonic() + LAST_WORDS
        while time.monotonic() < deadline and manifest(self._record).get("exit_reason", "") is None:
            time.sleep(PAUSE)
        self._rounds()

    def _status(self, alive: Callable[[], None]) -> RunStatus:
        deadline = time.monotonic() + LAST_WORDS
        while True:
            try:
                return self._control.status(self.run_id)
            except Refused:
                # it may be being restarted
                if time.monotonic() > deadline:
                    raise
            alive()
            time.sleep(PAUSE)

    def _rounds(self) -> None:
        lines = finished_rounds(self._record)
        if self._resumed is not None:
            entries = manifest(self._record).get("resumed", [])
            if len(entries) == self._resumed:
                return  # what is there is what was there; rounds after the last checkpoint are yet taken back
            first, self._resumed = entries[self._resumed]["from_round"], None
            self._read = sum(line["round"] <= (-1 if first is None else first) for line in lines)
        for line in lines[self._read :]:
            self._progress(line)
        self._read = len(lines)

    def _follow(self, log: Path) -> None:
        # a broken stream costs lines of a log that the SuperLink's machine has, too
        with log.open("a", encoding="utf-8") as file, suppress(RuntimeError, ValueError, OSError):
            for piece in self._control.logs(self.run_id):
                file.write(piece)
                file.flush()


def check_status(status: RunStatus, record: Path, rounds: int) -> None:
    """Say whether the run did all that it was asked for: by Flower's status, and by what its record holds.

    Raises:
        RunEndedEarly: It did not.
    """
    if status.sub_status != COMPLETED:
        diverged = DIVERGED.search(status.details)
        if diverged:
            raise RunEndedEarly(diverged.group(), diverged=True)
        raise RunEndedEarly(f"Flower ended the run as {status.sub_status}: {status.details or 'no reason given'}")
    about = manifest(record)
    if about.get("exit_reason") != "done" or not about.get("theta_sha256"):
        raise RunEndedEarly(f"Flower calls the run completed, but its record ended with {about.get('exit_reason')!r}")
    finished = finished_rounds(record)
    if not finished or finished[-1]["round"] != rounds:
        raise RunEndedEarly(f"Flower calls the run completed, but its record has not all of its {rounds} rounds")


def collect(logs: Mapping[str, Path], record: Path) -> None:
    """Add logs to the record: ``run.log``, and the processes' own below ``logs/``."""
    for name, path in logs.items():
        if path.exists():
            (record / name).parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as config, (record / name).open("ab") as kept:
                shutil.copyfileobj(config, kept)
