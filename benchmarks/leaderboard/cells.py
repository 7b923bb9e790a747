"""One cell: a run of one method, setting and seed; what is done stays, and each has the command that repeats it."""

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from metafed.algorithms.base import Algorithm
from metafed.fairness.panel import VALIDATION, last_evaluation
from server.files import write_json
from simulation.cli.errors import RunFailed
from simulation.cli.flags import parse
from simulation.records.runs import read_parquet
from simulation.runs.simulate import simulate

DONE = "cell.json"


class Cell(NamedTuple):
    """A cell.

    Attributes:
        folder: Of its record.
        words: The flags of ``simulation.run``.
    """

    folder: Path
    words: list[str]

    @property
    def command(self) -> str:
        """The command that repeats it."""
        return shlex.join(["python", "-m", "simulation.run", *self.words])

    @property
    def done(self) -> bool:
        """Whether it was run, by these flags."""
        path = self.folder / DONE
        return path.is_file() and json.loads(path.read_text(encoding="utf-8"))["command"] == self.command

    def run(self) -> None:
        """Run it; a cell that diverges is done, too.

        Raises:
            BadInput: Its data are missing, or a flag is not allowed.
        """
        config = parse(self.words)
        shutil.rmtree(self.folder, ignore_errors=True)
        failed = None
        try:
            simulate(config.model_copy(update={"out": self.folder}))
        except RunFailed as error:
            failed = str(error)
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        write_json(self.folder / DONE, {"command": self.command, "failed": failed})

    @property
    def failed(self) -> bool:
        """Whether it diverged."""
        return json.loads((self.folder / DONE).read_text(encoding="utf-8"))["failed"] is not None

    @property
    def chosen_by(self) -> float | None:
        """The mean score of the clients to choose by, after adaptation; None where one has none that is finite.

        These are the validation clients, or the seen ones where there can be none: never those of the test.
        """
        if self.failed:
            return None
        rows = read_parquet(self.folder / "clients.parquet")
        _, people = last_evaluation(rows, VALIDATION)
        if not len(people):
            people = last_evaluation(rows)[1]
            people = people.where(people.seen)
        if people.diverged.any() or not len(people.usable):
            return None
        return float(people.usable.scores[:, -1].mean())

    @property
    def bytes(self) -> int:
        """Bytes sent up and down in all rounds."""
        lines = (self.folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()
        return sum(int(line["bytes_up"] + line["bytes_down"]) for line in map(json.loads, lines))


def flags(name: str, algorithm: Algorithm, chosen: Mapping[str, float]) -> list[str]:
    """Return the flags of a method with the settings ``chosen``; ``outer_lr`` is the server's."""
    words = ["--algorithm", name]
    for setting, value in chosen.items():
        flag = "outer-lr" if setting == "outer_lr" else f"algorithm.{setting.replace('_', '-')}"
        words += [f"--{flag}", f"{value:.4g}"]
    return words


def cell(folder: Path, shared: Sequence[str], own: Sequence[str], seed: int) -> Cell:
    """Return a cell."""
    return Cell(folder, [*shared, *own, "--seed", str(seed)])


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
