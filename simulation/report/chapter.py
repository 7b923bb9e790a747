"""One run as a page tells it: figures that its record has the numbers for, and the clients served worst."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from simulation.records.runs import Run, parquet
from simulation.report.drawing.files import shown
from simulation.report.figures import FIGURES, OfRun
from simulation.report.figures.attributes import MEASURES
from simulation.report.figures.base import Place, one_run
from simulation.report.reasons import Rate, Served, worst_served


def chapter(run: Run, more: Sequence[OfRun] = ()) -> dict[str, Any]:
    """Return what a page says of one run beyond its sentences and tables; ``more`` are figures beyond ours.

    Raises:
        BadInput: ``participation.parquet`` is damaged.
    """
    known = one_run(run)
    drawn: dict[str, list[dict[str, Any]]] = {place: [] for place in get_args(Place)}
    for entry in (*FIGURES, *more):
        if isinstance(entry, OfRun) and (figure := entry.of(known)) is not None:
            drawn[entry.place].append(shown(figure))
    served: list[Served] = []
    rates: list[Rate] = []
    if len(known.everyone) and run.summary is not None:
        gaps = {
            name: parts["all"]["fairness"]["gap"]
            for name, parts in run.summary["by_family"].items()
            if parts["all"] is not None
        }
        served, rates = worst_served(known.everyone, known.kinds, gaps, times_failed(run), took_part(run))
    return {"measures": MEASURES, "figures": drawn, "served": served, "rates": rates, "called": run.called}


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
    frame = parquet(path).select("client", "finished", "asked")
    return {int(client): (int(finished), int(asked)) for client, finished, asked in frame.iter_rows()}
