"""``python -m benchmarks.leaderboard --suite NAME``: tune every method alike, run fresh seeds, and write the page.

The same command goes on where it stopped: a cell (one run) that is done is not run again. Each method has as many
trials as any other, by Optuna within what its algorithm declares (``searched``), the first of them with its defaults,
chosen by clients that are in neither training nor test. Its best settings are then run by seeds that tuning never had.
"""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gradients import evaluations_of_a_round, one_thread
from benchmarks.leaderboard.cells import Cell, cell, flags, read
from benchmarks.leaderboard.page import write_page
from benchmarks.leaderboard.suites import SUITES
from benchmarks.leaderboard.tuning import best, trials
from benchmarks.results import complain
from metafed.algorithms import ALGORITHMS
from metafed.core.errors import DataError
from metafed.core.names import known
from metafed.experiment.choices import parse_tasks
from metafed.federation.federation import Federation
from metafed.federation.preflight import check_norms
from server.files import write_json
from simulation.cli.errors import BadInput
from simulation.cli.flags import parse

FEWEST_SEEDS = 5
"""Seeds below which there are no intervals."""


class OutOfTime(Exception):
    """The minutes are over; the same command goes on."""


class Board:
    """The cells of one suite.

    Args:
        suite: Its name.
        folder: Of its cells.
        tried: Trials of each method.
        seeds: Fresh seeds of each method.
        minutes: No cell starts after so many; None: no bound.
    """

    def __init__(self, suite: str, folder: Path, tried: int, seeds: int, minutes: float | None) -> None:
        self.shared, self.folder, self.tried, self.seeds = SUITES[suite].words, folder / suite, tried, seeds
        self._until = None if minutes is None else time.monotonic() + 60 * minutes

    def method(self, name: str) -> None:
        """Run what is left of a method.

        Raises:
            BadInput: The data are missing.
            OutOfTime: The minutes are over.
        """
        algorithm, folder = ALGORITHMS[name](), self.folder / name
        made = []
        for one, chosen in trials(name, algorithm, self.shared, folder / "trials", self.tried):
            self._run(one, f"{name}: trial {len(made) + 1} of {self.tried}")
            made.append((one, chosen))
        own = flags(name, algorithm, best(made))
        for seed in range(1, self.seeds + 1):
            one = cell(folder / "seeds" / f"seed-{seed}", self.shared, own, seed)
            self._run(one, f"{name}: seed {seed} of {self.seeds}")
        about = folder / "method.json"
        if not about.is_file() or read(about)["command"] != one.command or read(about)["trials"] != self.tried:
            experiment = parse([*self.shared, *own]).experiment
            cost = evaluations_of_a_round(experiment) * experiment.rounds
            kept = {"flags": own, "trials": self.tried, "gradients": cost, "command": one.command}
            write_json(about, kept)

    def _run(self, one: Cell, what: str) -> None:
        if one.done:
            return
        if self._until is not None and time.monotonic() > self._until:
            raise OutOfTime(what)
        began = time.perf_counter()
        one.run()
        print(f"{what}  {time.perf_counter() - began:.1f} s{'  diverged' * one.failed}", flush=True)


def fitting(suite: str, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the methods that are defined for all families of a suite, and why the others are not.

    Raises:
        ValueError: The suite's family is not known.
    """
    words = SUITES[suite].words
    families = parse_tasks(words[words.index("--tasks") + 1])
    kept, without = [], {}
    for name in names:
        unlike = [choice for choice in families if choice.kind not in ALGORITHMS[name].kinds]
        if unlike:
            without[name] = ", ".join(f"{choice.family.name} is {choice.kind}" for choice in unlike)
        elif why := lacking(name, words):
            without[name] = why
        else:
            kept.append(name)
    return kept, without


def lacking(name: str, words: Sequence[str]) -> str:
    """Return which norms a method lacks in the networks of a suite; nothing where it lacks none."""
    algorithm = ALGORITHMS[name]()
    if algorithm.needs_norm:
        try:
            check_norms(Federation(parse([*words, *flags(name, algorithm, {})]).experiment))
        except DataError as error:
            return str(error).partition(";")[0]
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaderboard", description=__doc__)
    parser.add_argument("--suite", required=True, help=", ".join(SUITES))
    parser.add_argument("--methods", default="all", help="names, separated by commas; default: all algorithms")
    parser.add_argument("--trials", type=int, default=8, help="trials of each method, the defaults among them")
    parser.add_argument("--seeds", type=int, default=10, help="fresh seeds of each method, 5 at least")
    parser.add_argument("--minutes", type=float, help="start no cell after so many minutes; the same command goes on")
    parser.add_argument("--out", type=Path, default=Path("runs/leaderboard"), help="folder of the cells")
    parser.add_argument("--page", type=Path, default=Path("docs/leaderboard.md"), help="page to write the suite into")
    options = parser.parse_args(argv)
    one_thread()
    try:
        known("suite", options.suite, SUITES)
        names = list(ALGORITHMS) if options.methods == "all" else options.methods.split(",")
        for name in names:
            known("algorithm", name, ALGORITHMS)
        if options.trials < 1 or options.seeds < FEWEST_SEEDS:
            raise BadInput(f"--trials is 1 at least, and --seeds {FEWEST_SEEDS}: below there are no intervals")
        kept, without = fitting(options.suite, names)
        board = Board(options.suite, options.out, options.trials, options.seeds, options.minutes)
        for name in kept:
            board.method(name)
    except OutOfTime as stop:
        print(f"out of time before {stop}; the same command goes on")
    except BadInput as error:
        return complain(error)
    except ValueError as error:
        return complain(BadInput(f"--suite {options.suite}: {error}"))
    write_page(options.suite, board.folder, kept, without, options.trials, options.seeds, options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
