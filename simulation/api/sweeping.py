"""``sweep``: runs of many settings, each with several seeds and references, by one engine."""

import itertools
import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from pydantic import BaseModel
from rich.console import Console

from metafed.core.reading import brief
from metafed.experiment.lookup import KINDS
from metafed.experiment.settings import Experiment
from simulation.api.comparing import Comparison, compare
from simulation.api.run import Run
from simulation.api.simulating import How, an_experiment, configured
from simulation.cli.console import settled
from simulation.cli.errors import BadInput
from simulation.engines.start import make_grid
from simulation.report.frontier import write_frontier
from simulation.report.pages import write_report
from simulation.runs.pool import Pool
from simulation.runs.sweep.carry_out import begin, cell_by_cell
from simulation.runs.sweep.plan import Cell, name_of_cell

if TYPE_CHECKING:
    import polars as pl


class Sweep:
    """The runs of a sweep.

    Args:
        folder: Theirs; each cell is a folder in ``cells``, which holds a run a seed.
        owned: A temporary folder around it, which goes when this does.
    """

    def __init__(self, folder: Path, owned: Path | None = None) -> None:
        self.folder = folder
        if owned is not None:
            weakref.finalize(self, shutil.rmtree, owned, ignore_errors=True)

    @property
    def cells(self) -> dict[str, list[Run]]:
        """The runs of each cell, by seed."""
        folders = sorted((self.folder / "cells").iterdir())
        return {each.name: [Run(path.parent) for path in sorted(each.glob("seed-*/manifest.json"))] for each in folders}

    @property
    def frontier(self) -> "pl.DataFrame":
        """A row a cell: what was chosen, mean and worst tenth with their intervals, and whether no other is better."""
        import polars as pl

        return pl.read_csv(self.folder / "frontier.csv", glob=False)

    def compare(self) -> Comparison:
        """Compare all cells with the first, and with the references that were run beside them."""
        return compare(*sorted((self.folder / "cells").iterdir()))

    def __repr__(self) -> str:
        return f"Sweep({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        return str(self.frontier._repr_html_())


def sweep(
    experiment: Experiment | None = None,
    axes: Mapping[str, Sequence[Any]] | None = None,
    *,
    seeds: int = 1,
    references: str | None = None,
    engine: Literal["ray", "local"] = "ray",
    workers: int | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    **how: Unpack[How],
) -> Sweep:
    """Run every combination of settings, with several seeds, and the references beside them.

    Args:
        experiment: What all cells have in common. Default: ``Experiment()``.
        axes: Values to try by keyword of the experiment: ``{"objective": [mf.Mean(), mf.Tilted(t=2)]}``. Default: the
            experiment alone.
        seeds: Seeds of each cell, from the experiment's upwards.
        references: As ``--references``: ``"local,global"``.
        engine: As for ``simulate``; it is started once.
        workers: As for ``simulate``.
        out: Folder of the sweep; what is finished in it is kept. Default: a temporary one.
        progress: Print what is run.
        **how: As for ``simulate``.

    Raises:
        BadInput, SettingError: A keyword or a value is not allowed; nothing has run yet.
        RunFailed: A run failed; the cells before it are kept.
    """
    asked = an_experiment("sweep", experiment)
    given = {"engine": engine, "workers": workers, "quiet": not progress, "seeds": seeds, "references": references}
    cells = [_cell(asked, chosen, given, how) for chosen in _combinations(axes or {})]
    owned = Path(tempfile.mkdtemp(prefix="metafed-")) if out is None else None
    folder = owned / "sweep" if owned is not None else Path(out or "")
    what = [each.name for each in cells] + [json.dumps(asked.model_dump(mode="json"), sort_keys=True)]
    begin(folder, what, None, again=True)
    with Pool(make_grid) as pool:
        one = cell_by_cell(folder, Console(quiet=not progress, markup=False), pool, write_frontier, write_report, [])
        for each in cells:
            one(each)
    return Sweep(folder, owned)


def _combinations(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    if not isinstance(axes, Mapping):
        raise BadInput(f"sweep(axes): {brief(axes)}; give lists of values by keyword, {{'objective': [mf.Mean()]}}")
    for name, values in axes.items():
        if not isinstance(values, list | tuple) or not values:
            raise BadInput(f"sweep(axes): {name} is {brief(values)}; give a list of values to try")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _cell(asked: Experiment, chosen: Mapping[str, Any], given: Mapping[str, Any], how: Mapping[str, object]) -> Cell:
    """Return the cell of one combination.

    Raises:
        BadInput, SettingError: A value is not allowed.
    """
    written = {name: _written(name, value) for name, value in chosen.items()}
    changes: Any = chosen
    keywords = ["experiment", "axes", "seeds", "references", "engine", "workers", "out", "progress"]
    config = configured("sweep", asked.replace(**changes), given, how, [*keywords, *How.__annotations__])
    return Cell(name_of_cell(written), written, config)


def _written(name: str, value: Any) -> str:
    """Write a value for the name of a cell and the legend of the frontier."""
    if isinstance(value, BaseModel):
        return settled(KINDS[name].name(value), value) if name in KINDS else brief(value)
    return str(value)
