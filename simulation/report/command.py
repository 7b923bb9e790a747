"""``python -m simulation.report RUN``: one HTML file that opens offline, and its figures as files of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.asking import ask
from simulation.cli.door import door
from simulation.cli.errors import BadInput
from simulation.cli.exits import DONE
from simulation.records.studies import is_study
from simulation.report.figures import FIGURES, OfRun, OfRuns, find
from simulation.report.pages import write_comparison, write_report
from simulation.report.single import write_figure

F = TypeVar("F", OfRun, OfRuns)


@dataclass(frozen=True)
class Arguments:
    """Write the report of a run, of several runs side by side, or one figure.

    A folder of several seeds or references (--seeds, --references) is compared as a whole.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs; with several, the first is what the others are compared with."""
    out: Path | None = None
    """File to write. Default: report.html in the folder; needed with several."""
    label: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What a method is called; once for each, in the order of the folders. Default: its settings that differ."""
    figure: Annotated[
        tuple[str, Path] | None, tyro.conf.arg(metavar=f"{{readme,{','.join(each.key for each in FIGURES)}}} FILE")
    ] = None
    """Write only this figure, to a file whose suffix says how: .svg, .png, .pdf, or .csv for its numbers. readme is
    distribution, the picture of the README. MODULE:NAME is one of your own (docs/extending/report-figure.md)."""
    add: tuple[str, ...] = ()
    """Put figures of your own on the page as well, each MODULE:NAME."""


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    asked = ask(lambda prog: tyro.cli(Arguments, args=words, prog=prog), "report", words)
    if not asked.runs:
        raise BadInput("name the folder of a run")
    if asked.figure is not None:
        path = write_figure(asked.runs, *asked.figure, labels=asked.label)
    elif len(asked.runs) > 1 or is_study(asked.runs[0]):
        path = write_comparison(asked.runs, asked.out, added(asked.add, OfRuns), asked.label)
    elif asked.label:
        raise BadInput("--label: names methods side by side; this is one run")
    else:
        path = write_report(asked.runs[0], asked.out, more=added(asked.add, OfRun))
    print(path)
    return DONE


def added(names: Sequence[str], kind: type[F]) -> list[F]:
    """Return the figures of these names, all of one run or all of several.

    Raises:
        BadInput: There is none of a name, or it is of the other kind.
    """
    found: list[F] = []
    for name in names:
        try:
            entry = find(name)
        except ValueError as error:
            raise BadInput(f"--add: {error}") from None
        if not isinstance(entry, kind):
            raise BadInput(f"--add {name}: is of {'several runs' if kind is OfRun else 'one run'}")
        found.append(entry)
    return found
