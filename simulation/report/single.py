"""One figure as a file of its own."""

from collections.abc import Sequence
from pathlib import Path

from simulation.cli.errors import BadInput
from simulation.records.runs import read_run
from simulation.report.comparison import several_runs
from simulation.report.drawing.files import SUFFIXES, write
from simulation.report.figures import OfRuns, find
from simulation.report.figures.base import one_run


def write_figure(runs: Sequence[Path], name: str, path: Path, labels: Sequence[str] = ()) -> Path:
    """Write one figure of these runs, by its name or as MODULE:NAME.

    Raises:
        BadInput: There is no such run or figure, or the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise BadInput(f"--figure {name} {path}: the suffix must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    try:
        entry = find("distribution" if name == "readme" else name)
    except ValueError as error:
        raise BadInput(f"--figure: {error}") from None
    if isinstance(entry, OfRuns):
        figure = entry.draw(several_runs(runs, labels)[0])
    elif len(runs) == 1:
        figure = entry.of(one_run(read_run(runs[0])))
    else:
        raise BadInput(f"--figure {name}: is of one run, got {len(runs)}")
    if figure is None:
        raise BadInput(f"{runs[0]}: {entry.lacks}")
    try:
        write(figure, path)
    except OSError as error:
        raise BadInput(f"--figure {name} {path}: {error.strerror}") from None
    return path
