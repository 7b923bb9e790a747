"""One figure as a file of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from simulation.cli.errors import BadInput
from simulation.records.runs import read_run
from simulation.report.chapter import figures
from simulation.report.comparison import figures_of_several
from simulation.report.drawing.files import SUFFIXES, write

FigureName = Literal[
    "readme",
    "distribution",
    "groups",
    "adaptation",
    "gain-by-size",
    "lorenz",
    "learning",
    "losses",
    "frontier",
    "privacy",
    "differences",
]


def write_figure(runs: Sequence[Path], name: FigureName, path: Path) -> Path:
    """Write one figure of these runs.

    Raises:
        BadInput: There is no such run or figure, or the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise BadInput(f"--figure {name} {path}: the suffix must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    key = "distribution" if name == "readme" else name
    if key in ("frontier", "privacy", "differences"):
        drawn = figures_of_several(runs)
    elif len(runs) == 1:
        drawn = figures(read_run(runs[0]))
    else:
        raise BadInput(f"--figure {name}: is of one run, got {len(runs)}")
    if key not in drawn:
        why = "no client was evaluated, so there is nothing to draw"
        why = {
            "losses": "nothing was trained",
            "differences": "there is nothing to compare it with",
            "privacy": "there are no two runs with differential privacy that differ in ε",
        }.get(key, why)
        raise BadInput(f"{runs[0]}: {why}")
    try:
        write(drawn[key], path)
    except OSError as error:
        raise BadInput(f"--figure {name} {path}: {error.strerror}") from None
    return path
