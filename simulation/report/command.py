"""``python -m simulation.report RUN``: one HTML file that opens offline, and its figures as files of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.errors import BadInput
from simulation.cli.exits import BAD_INPUT, DONE, complain
from simulation.cli.streams import forgiving
from simulation.records.studies import is_study
from simulation.report.pages import write_comparison, write_report
from simulation.report.single import FigureName, write_figure


@dataclass(frozen=True)
class Arguments:
    """Write the report of a run, of several runs side by side, or one figure.

    A folder of several seeds or references (--seeds, --references) is compared as a whole.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs; with several, the first is what the others are compared with."""
    out: Path | None = None
    """File to write. Default: report.html in the folder; needed with several."""
    figure: tuple[FigureName, Path] | None = None
    """Write only this figure, to a file whose suffix says how: .svg, .png, .pdf, or .csv for its numbers. readme is
    distribution, the picture of the README."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    forgiving()
    asked = tyro.cli(Arguments, args=argv, prog="python -m simulation.report")
    try:
        if not asked.runs:
            raise BadInput("name the folder of a run")
        if asked.figure is not None:
            path = write_figure(asked.runs, *asked.figure)
        elif len(asked.runs) > 1 or is_study(asked.runs[0]):
            path = write_comparison(asked.runs, asked.out)
        else:
            path = write_report(asked.runs[0], asked.out)
    except BadInput as error:
        return complain(error, BAD_INPUT)
    print(path)
    return DONE
