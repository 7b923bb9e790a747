"""``compare(run, other)``: which differences hold."""

import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console
from rich.text import Text

from simulation.analysis.choices import checked_metrics
from simulation.analysis.compared import METRICS, compared
from simulation.analysis.tables import differences_table, values_table
from simulation.api.plots import PlotsOfSeveral
from simulation.api.run import Run
from simulation.records.folders import read_methods, with_references
from simulation.records.methods import Method
from simulation.report.pages import write_comparison

if TYPE_CHECKING:
    import polars as pl

Compared: TypeAlias = Run | str | Path
"""A run, or the folder of one, or of a study."""


class Comparison:
    """Methods side by side, and the differences of all others from the first.

    Args:
        folders: Theirs.
        methods: What is in them, each with the name that it is shown under.
        metrics: What is compared.
        part: Which clients.
        family: Of one family only.
        labels: What the methods are called in figures and reports. Default: what differs between them.

    Raises:
        BadInput: They cannot be compared.
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        methods: Sequence[Method],
        metrics: str,
        part: str | None,
        family: str | None,
        labels: Sequence[str] = (),
    ) -> None:
        self._folders, self._metrics, self._labels = folders, checked_metrics(metrics), tuple(labels)
        self.found: dict[str, Any] = compared(methods, metrics, part, family)

    @property
    def differences(self) -> "pl.DataFrame":
        """A row a difference: which method, by which measure, its value with an interval, and how sure it is."""
        import polars as pl

        return pl.DataFrame(self.found["all"]["differences"], infer_schema_length=None)

    @property
    def remarks(self) -> list[str]:
        """What a reader must know."""
        return [*self.found["notes"], *self.found["remarks"]]

    @property
    def plot(self) -> PlotsOfSeveral:
        """The figures of several runs, as matplotlib's."""
        return PlotsOfSeveral(self._folders, self._labels)

    def report(self, path: str | Path) -> Path:
        """Write the report of all of them, one HTML file, and return its path."""
        return write_comparison(self._folders, Path(path), labels=self._labels)

    def show(self, console: Console | None = None) -> None:
        """Print the tables of ``simulation.compare``."""
        console = console or Console(markup=False)
        count = len(self.found["all"]["seeds"])
        title = f"{self.found['part']} clients, {count} seed{'s' * (count != 1)}"
        console.print(values_table(self.found, title, self._metrics))
        if self.found["all"]["differences"]:
            console.print(differences_table(self.found["all"]))
        for note in self.remarks:
            console.print(Text(note), soft_wrap=True)

    def _repr_html_(self) -> str:
        console = Console(record=True, markup=False, width=120, file=io.StringIO(), force_jupyter=False)
        self.show(console)
        return f"<pre>{html.escape(console.export_text())}</pre>"


def compare(
    first: Compared,
    *others: Compared,
    metrics: str = METRICS,
    part: str | None = None,
    family: str | None = None,
    labels: Sequence[str] = (),
) -> Comparison:
    """Compare runs of the same clients: differences from the first, with intervals.

    Runs of the same settings but another seed are one method.

    Args:
        first: What the others are compared with.
        *others: Runs, or folders of runs or of studies.
        metrics: NAME,… of after, worst10, cvar10, best10, std, cov, gini, entropy, gain, harmed, worse_off,
            over_alone, loss_gap.
        part: ``unseen``, ``seen`` or ``all`` clients. Default: unseen ones, or seen ones where nobody is held out.
        family: Of one family only.
        labels: What the methods are called, in their order. Default: what differs between them.

    Raises:
        BadInput: A folder is no run's, the runs cannot be compared, or there is not one label of each method.
    """
    folders = tuple(folder(each) for each in (first, *others))
    return Comparison(folders, with_references(read_methods(folders, labels)), metrics, part, family, labels)


def folder(run: Compared) -> Path:
    """Return a run's folder."""
    return run.folder if isinstance(run, Run) else Path(run)
