"""``run.plot``: the figures of the report, as matplotlib's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.cli.errors import BadInput
from simulation.records.runs import read_run
from simulation.report.comparison import several_runs
from simulation.report.figures import OfRun, OfRuns, find
from simulation.report.figures.base import one_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shown(draw: Callable[[], Any], lacks: str) -> "Figure":
    """Return a figure as matplotlib's, which a notebook shows.

    Raises:
        BadInput: The record has no numbers for it.
    """
    figure = draw()
    if figure is None:
        raise BadInput(lacks)
    # here, since it loads matplotlib, which takes a second
    from simulation.report.drawing.paint import plain, printed

    with plain():
        made: Figure = printed(figure)
    return made


class Plots:
    """The figures of one run; each returns a matplotlib figure.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> "Figure":
        """Draw the figure called ``name``, as ``--figure`` of the report has it, or anybody's ``MODULE:NAME``."""
        entry = find(name)
        if isinstance(entry, OfRuns):
            raise BadInput(f"{name} is a figure of several runs: compare(run, other).plot({name!r})")
        return shown(lambda: entry.of(one_run(read_run(self._folder))), f"{self._folder}: {entry.lacks}")

    def before_after(self) -> "Figure":
        """Draw the share of clients at or below each score, before and after adaptation."""
        return self("distribution")

    def groups(self) -> "Figure":
        """Draw scores by group, and by device where there are several."""
        return self("groups")

    def adaptation(self) -> "Figure":
        """Draw how far each inner step takes clients."""
        return self("adaptation")

    def gain_by_size(self) -> "Figure":
        """Draw gains against the rows that clients own."""
        return self("gain-by-size")

    def lorenz(self) -> "Figure":
        """Draw how evenly scores are spread."""
        return self("lorenz")

    def attributes(self) -> "Figure":
        """Draw differences between rows of each attribute, over all rows and for each client."""
        return self("attributes")

    def learning(self) -> "Figure":
        """Draw scores of the evaluated rounds."""
        return self("learning")

    def losses(self) -> "Figure":
        """Draw the losses of training."""
        return self("losses")


class PlotsOfSeveral:
    """The figures of several runs.

    Args:
        folders: Theirs.
        labels: What they are called. Default: what differs between them.
    """

    def __init__(self, folders: tuple[Path, ...], labels: Sequence[str] = ()) -> None:
        self._folders, self._labels = folders, labels

    def __call__(self, name: str) -> "Figure":
        """Draw the figure called ``name``."""
        entry = find(name)
        if isinstance(entry, OfRun):
            raise BadInput(f"{name} is a figure of one run: run.plot({name!r})")
        return shown(lambda: entry.draw(several_runs(self._folders, self._labels)[0]), entry.lacks)

    def differences(self) -> "Figure":
        """Draw the differences with their intervals."""
        return self("differences")

    def frontier(self) -> "Figure":
        """Draw mean against worst tenth."""
        return self("frontier")

    def privacy(self) -> "Figure":
        """Draw who pays for privacy."""
        return self("privacy")
