"""One run as a page tells it: figures that its record has the numbers for, and the clients served worst."""

from collections import Counter
from typing import Any

import polars as pl

from metafed.fairness.panel import Panel
from simulation.cli.errors import BadInput
from simulation.records.runs import Run, kinds
from simulation.report.drawing.files import shown
from simulation.report.drawing.plot import Figure
from simulation.report.figures.adaptation import adaptation
from simulation.report.figures.distribution import distribution
from simulation.report.figures.heat import heat
from simulation.report.figures.learning import learning, losses
from simulation.report.figures.lorenz import lorenz
from simulation.report.figures.size import gain_by_size
from simulation.report.findings import evaluated
from simulation.report.reasons import Rate, Served, worst_served


def figures(run: Run) -> dict[str, Figure]:
    """Return the figures that the record of ``run`` has the numbers for, by key."""
    known = kinds(run.manifest)
    who, panels = evaluated(run)
    drawn: list[Figure | None] = []
    people, everyone = last(panels), last(evaluated(run, part="all")[1])
    if people is not None and everyone is not None:
        drawn += [
            distribution(people, known, who),
            heat(everyone, known),
            adaptation(everyone, known),
            gain_by_size(everyone, known),
            lorenz(people, known, who, int(run.manifest.get("seed") or 0)),
        ]
    drawn += [learning(run.rounds, panels, who, known), losses(run.rounds, run.clients, panels, who)]
    return {figure.key: figure for figure in drawn if figure is not None}


def chapter(run: Run) -> dict[str, Any]:
    """Return what a page says of one run beyond its sentences and tables.

    Raises:
        BadInput: ``participation.parquet`` is damaged.
    """
    everyone = last(evaluated(run, part="all")[1])
    served: list[Served] = []
    rates: list[Rate] = []
    if everyone is not None and run.summary is not None:
        gaps = {
            name: parts["all"]["fairness"]["gap"]
            for name, parts in run.summary["by_family"].items()
            if parts["all"] is not None
        }
        served, rates = worst_served(everyone, kinds(run.manifest), gaps, times_failed(run), took_part(run))
    return {
        "figures": {key: shown(figure) for key, figure in figures(run).items()},
        "served": served,
        "rates": rates,
    }


def times_failed(run: Run) -> Counter[int]:
    """Count each client's failures in training."""
    return Counter(int(failed["client"]) for line in run.rounds for failed in line["failed"])


def took_part(run: Run) -> dict[int, tuple[int, int]]:
    """Return how many rounds each client finished, and in how many it was asked; empty for a run without devices.

    Raises:
        BadInput: ``participation.parquet`` is damaged.
    """
    path = run.folder / "participation.parquet"
    if not path.is_file():
        return {}
    try:
        frame = pl.read_parquet(path, glob=False, columns=["client", "finished", "asked"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path}: not readable as Parquet: {str(error).splitlines()[0]}") from None
    return {int(client): (int(finished), int(asked)) for client, finished, asked in frame.iter_rows()}


def last(panels: dict[int, Panel]) -> Panel | None:
    """Return the last evaluation's clients; None if there is nobody."""
    if not panels or not len(panels[max(panels)]):
        return None
    return panels[max(panels)]
