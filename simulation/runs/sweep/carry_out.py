"""Carrying out a sweep: a study a cell, by one engine; what is finished is kept."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from server.files import held, new_folder, write_json
from simulation.analysis.frontier import Point, point
from simulation.cli.errors import BadInput, RunDiverged, Taken
from simulation.engines.start import make_grid
from simulation.runs.pool import Pool
from simulation.runs.settings import check_apart, first_free, stamped
from simulation.runs.simulate import Report
from simulation.runs.study import run_study
from simulation.runs.sweep.plan import Cell, axes_of, cell, grid, number
from simulation.runs.sweep.trials import search


def sweep(
    words: Sequence[str],
    named: Path | None,
    trials: int | None,
    seed: int,
    console: Console,
    frontier: Callable[[Sequence[Point], Path], object],
    report: Report | None = None,
) -> tuple[Path, list[Point]]:
    """Run what is not finished yet, cell by cell, and write the frontier after each.

    Args:
        words: A command line of ``simulation.run`` whose flags may have several values.
        named: The sweep's folder; what is finished in it is kept. None: a new one.
        trials: So many trials by Optuna in place of a grid.
        seed: Of Optuna's sampler.
        console: Where to show it.
        frontier: Writes the frontier of the points so far into a folder.
        report: Writes the report of each run.

    Returns:
        The folder, and the cells that have a result.

    Raises:
        BadInput: A value is not allowed, or the folder holds another sweep or cannot be made.
        RunFailed: A run failed; the cells before it are kept.
        KeyboardInterrupt: Likewise.
    """
    rest, axes = axes_of(words, ranges=trials is not None)
    if any(word.partition("=")[0] == "--out" for word in rest):
        raise BadInput("--out is the sweep's own; give it once")
    if not axes:
        raise BadInput("no flag has several values: write FLAG VALUE,VALUE,…, such as --objective.q 0,0.1,1")
    cells = grid(rest, axes) if trials is None else []
    if trials is not None:
        # what every trial shares is checked before the first
        cell(rest, {axis.flag: axis.values[0] if axis.values else number(axis, axis.low) for axis in axes})
    folder = first_free(
        named, stamped("sweep"), lambda folder: begin(folder, list(words), trials, again=named is not None)
    )
    found: list[Point] = []

    try:
        with only_here(folder), Pool(make_grid) as pool:
            one = cell_by_cell(folder, console, pool, frontier, report, found)
            if trials is None:
                for what in cells:
                    one(what)
            else:
                search(rest, axes, folder, trials, seed, one)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; what is finished is kept in {folder}: give the same command with --out {folder} to go on"
        ) from None
    return folder, found


def cell_by_cell(
    folder: Path,
    console: Console,
    pool: Pool,
    frontier: Callable[[Sequence[Point], Path], object],
    report: Report | None,
    found: list[Point],
) -> Callable[[Cell], Point | None]:
    """Return what runs a cell and writes the frontier of those so far, which it adds to ``found``."""

    def one(what: Cell) -> Point | None:
        console.print(f"cell {what.name}", soft_wrap=True, highlight=False)
        got = run_cell(what, folder, console, pool, report)
        if got is not None and all(got.name != other.name for other in found):
            found.append(got)
            frontier(found, folder)
        return got

    return one


def run_cell(what: Cell, folder: Path, console: Console, pool: Pool, report: Report | None = None) -> Point | None:
    """Run a cell, or what is left of it, and return its point; None where it diverged before it was evaluated."""
    own = folder / "cells" / what.name
    seeds = what.config.seeds or 1
    config = what.config.model_copy(update={"seeds": seeds, "out": None})
    try:
        run_study(config, console, own, again=True, pool=pool, report=report)
    except RunDiverged as error:
        console.print(f"{what.name}: {error}", soft_wrap=True, highlight=False, style="yellow")
    summary = own / "summary.json"
    if not summary.is_file():
        return None
    experiment = config.experiment.model_dump(mode="json")
    return point(what.name, what.chosen, json.loads(summary.read_text(encoding="utf-8")), experiment)


@contextmanager
def only_here(folder: Path) -> Iterator[None]:
    """Hold a sweep's folder.

    Raises:
        BadInput: Another process carries it out, or it cannot be written to.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except BlockingIOError:
            raise BadInput(f"--out {folder}: another process carries out this sweep; wait for it") from None
        except OSError as error:
            raise BadInput(f"--out {folder}: {error.strerror}") from None
        yield


def begin(folder: Path, words: list[str], trials: int | None, again: bool) -> Path:
    """Make the sweep's folder, or with ``again`` see that it is empty or holds this sweep, and return it.

    Raises:
        Taken: It exists, and must not.
        BadInput: It holds something else, or cannot be made.
    """
    plan = {"kind": "sweep", "words": words, "search": "grid" if trials is None else "optuna"}
    file = folder / "sweep.json"
    check_apart(folder)
    try:
        with new_folder(folder, there=again and folder.exists()):
            if file.is_file():
                if json.loads(file.read_text(encoding="utf-8")) != plan:
                    raise BadInput(f"--out {folder}: holds another sweep (its sweep.json); choose another folder")
            elif any(folder.iterdir()):
                raise BadInput(f"--out {folder}: exists already and is no sweep's; choose another folder")
            else:
                write_json(file, plan)
    except FileExistsError:
        raise Taken(f"--out {folder}: exists already; choose another folder or move it away") from None
    except BadInput:  # which is a ValueError, too
        raise
    except (ValueError, RecursionError):
        raise BadInput(f"{file}: not JSON; choose another folder") from None
    except OSError as error:
        raise BadInput(f"--out {folder}: {error.strerror}") from None
    return folder
