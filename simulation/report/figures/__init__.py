"""The figures of a report, one a file. A new one is a function in a file of its own and a line in ``FIGURES``."""

from metafed.core.names import known
from metafed.experiment.lookup import imported
from simulation.report.figures.adaptation import adaptation
from simulation.report.figures.attributes import attributes
from simulation.report.figures.base import OfRun, OfRuns, OneRun, SeveralRuns
from simulation.report.figures.differences import differences
from simulation.report.figures.distribution import distribution
from simulation.report.figures.frontier import frontier_of
from simulation.report.figures.heat import heat
from simulation.report.figures.labels import labels
from simulation.report.figures.learning import learning, losses
from simulation.report.figures.lorenz import lorenz
from simulation.report.figures.noise import privacy
from simulation.report.figures.size import gain_by_size

FIGURES: tuple[OfRun | OfRuns, ...] = (
    OfRun("distribution", distribution, "served"),
    OfRun("groups", heat, "badly"),
    OfRun("adaptation", adaptation, "adapting"),
    OfRun("gain-by-size", gain_by_size, "sizes"),
    OfRun("labels", labels, "sizes", "no rows were dealt to clients by a partition"),
    OfRun("lorenz", lorenz, "evenness"),
    OfRun("attributes", attributes, "between-rows", "no predictions were kept of rows with an attribute"),
    OfRun("learning", learning, "learning-curves"),
    OfRun("losses", losses, "learning-curves", "nothing was trained"),
    OfRuns("frontier", frontier_of, "The frontier"),
    OfRuns(
        "privacy",
        privacy,
        "Who pays for privacy",
        "there are no two runs with differential privacy that differ in ε",
    ),
    OfRuns("differences", differences, "Differences", "there is nothing to compare it with"),
)
"""In the order in which they stand on a page."""


def find(name: str) -> OfRun | OfRuns:
    """Return the figure called ``name``: one of ours, or ``module:NAME`` of anybody's, whose module is imported.

    Raises:
        ValueError: There is none.
    """
    if ":" not in name:
        return known("figure", name, {figure.key: figure for figure in FIGURES})
    found = imported("figure", name)
    if not isinstance(found, OfRun | OfRuns):
        raise ValueError(f"{name!r} is no simulation.report.figures.OfRun or OfRuns")
    return found


__all__ = ["FIGURES", "OfRun", "OfRuns", "OneRun", "SeveralRuns", "find"]
