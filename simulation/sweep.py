"""``python -m simulation.sweep``: runs of many settings, and the frontier of mean against worst 10 %."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.cli.errors import BadInput, RunDiverged, RunFailed
from simulation.cli.late import late

late("torch")

from simulation.runs.sweep.plan import Axis, Cell, axes_of, cell, grid  # noqa: E402

if TYPE_CHECKING:
    from rich.console import Console

    from simulation.runs.pool import Pool
    from simulation.runs.sweep.frontier import Point

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

ABOUT = """Run a grid of settings: any flag of simulation.run may be given several values, FLAG VALUE,VALUE,…; every
combination is run (with --seeds N: so many times), by one engine. Run the same command again to go on: what is finished
is kept. frontier.svg and frontier.csv in the folder hold mean and worst 10 % of the unseen clients."""


def sweep(words: Sequence[str], folder: Path, trials: int | None, seed: int, console: "Console") -> list["Point"]:
    """Run what is not finished yet, cell by cell, and write the frontier after each.

    Args:
        words: A command line of ``simulation.run`` whose flags may have several values.
        folder: The sweep's; what is finished in it is kept.
        trials: So many trials by Optuna in place of a grid.
        seed: Of Optuna's sampler.
        console: Where to show it.

    Returns:
        The cells that have a result.

    Raises:
        BadInput: A value is not allowed, or the folder holds another sweep.
        RunFailed: A run failed; the cells before it are kept.
        KeyboardInterrupt: Likewise.
    """
    from simulation.run import make_grid
    from simulation.runs.pool import Pool

    rest, axes = axes_of(words, ranges=trials is not None)
    if any(word.partition("=")[0] == "--out" for word in rest):
        raise BadInput("--out is the sweep's own; give it once")
    if not axes:
        raise BadInput("no flag has several values: write FLAG VALUE,VALUE,…, such as --objective.q 0,0.1,1")
    cells = grid(rest, axes) if trials is None else []
    if trials is not None:
        # what every trial shares is checked before the first
        cell(rest, {axis.flag: axis.values[0] if axis.values else number(axis, axis.low) for axis in axes})
    begin(folder, list(words), trials)
    found: list[Point] = []

    def one(what: Cell) -> "Point | None":
        console.print(f"cell {what.name}", soft_wrap=True, highlight=False)
        got = run_cell(what, folder, console, pool)
        if got is not None and all(got.name != other.name for other in found):
            found.append(got)
            keep(found, folder)
        return got

    with Pool(make_grid) as pool:
        if trials is None:
            for what in cells:
                one(what)
        else:
            from simulation.runs.sweep.trials import search

            search(rest, axes, folder, trials, seed, one)
    return found


def run_cell(what: Cell, folder: Path, console: "Console", pool: "Pool") -> "Point | None":
    """Run a cell, or what is left of it, and return its point; None where it diverged before it was judged."""
    from simulation.runs.study import run_study
    from simulation.runs.sweep.frontier import point

    own = folder / "cells" / what.name
    seeds = what.config.seeds or 1
    config = what.config.model_copy(update={"seeds": seeds, "out": None})
    try:
        run_study(config, console, own, again=True, pool=pool)
    except RunDiverged as error:
        console.print(f"{what.name}: {error}", soft_wrap=True, highlight=False, style="yellow")
    summary = own / "summary.json"
    if not summary.is_file():
        return None
    return point(what.name, what.chosen, json.loads(summary.read_text(encoding="utf-8")))


def begin(folder: Path, words: list[str], trials: int | None) -> None:
    """Make the sweep's folder, or see that it holds this sweep.

    Raises:
        BadInput: It holds something else, or cannot be made.
    """
    from simulation.runs.study import write

    said = {"kind": "sweep", "words": words, "search": "grid" if trials is None else "optuna"}
    file = folder / "sweep.json"
    try:
        if file.is_file():
            if json.loads(file.read_text(encoding="utf-8")) != said:
                raise BadInput(f"--out {folder}: holds another sweep (its sweep.json); choose another folder")
            return
        if folder.exists() and any(folder.iterdir()):
            raise BadInput(f"--out {folder}: exists already and is no sweep's; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        write(file, said)
    except json.JSONDecodeError:
        raise BadInput(f"{file}: not JSON; choose another folder") from None
    except OSError as error:
        raise BadInput(f"--out {folder}: {error.strerror}") from None


def keep(found: Sequence["Point"], folder: Path) -> None:
    """Write the frontier of what is there."""
    from simulation.runs.sweep.frontier import write_frontier

    write_frontier(found, folder)


def number(axis: Axis, value: float) -> str:
    """Write a number of an axis as its flag takes it."""
    return str(round(value)) if axis.whole else repr(value)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    reader = argparse.ArgumentParser(
        prog="python -m simulation.sweep", description=ABOUT, epilog="All other flags: python -m simulation.run --help",
        allow_abbrev=False,
    )  # fmt: skip
    reader.add_argument("--out", type=Path, help="folder of the sweep; default: runs/<time>-sweep")
    reader.add_argument("--trials", type=int, help="search by Optuna with so many trials; ranges are LOW..HIGH[:log]")
    reader.add_argument("--search-seed", type=int, default=0, help="seed of the search (default: 0)")
    asked, words = reader.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    from rich.console import Console

    console = Console()
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    folder = asked.out or Path("runs") / f"{stamp}-sweep"
    say: Callable[[Any], None] = lambda text: print(f"metafed: {text}", file=sys.stderr)  # noqa: E731
    try:
        if asked.trials is not None and asked.trials < 1:
            raise BadInput(f"--trials {asked.trials}: choose at least 1")
        found = sweep(words, folder, asked.trials, asked.search_seed, console)
    except BadInput as error:
        say(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        say(f"interrupted; what is finished is kept in {folder}: give the same command with --out {folder} to go on")
        return INTERRUPTED
    except RunFailed as error:
        say(error)
        return FAILED
    if not found:
        say("no cell has a result")
        return FAILED
    from simulation.report.figures.frontier import efficient

    for each, on in zip(found, efficient(found), strict=True):
        words_of = f"{each.name}: mean {each.mean['value']:.3f}, worst 10 % {each.worst['value']:.3f}"
        console.print(words_of + ("  (efficient)" if on else ""), soft_wrap=True, highlight=False)
    for name in ("frontier.svg", "frontier.csv"):
        console.print(str(folder / name), soft_wrap=True, highlight=False)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
