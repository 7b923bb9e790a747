"""The objectives, one a file: how per-client losses become one direction.

A new one is a class in a file of its own and a line in ``OBJECTIVES``.
"""

from metafed.objectives.base import NOTHING, ClientUpdates, Contribution, Objective, Plain, Rates, State
from metafed.objectives.cvar import Cvar
from metafed.objectives.gap import Gap
from metafed.objectives.mean import Mean
from metafed.objectives.minimax import Minimax
from metafed.objectives.propfair import Propfair
from metafed.objectives.qffl import Qffl
from metafed.objectives.tilted import Tilted
from metafed.objectives.weighted import Weighted

OBJECTIVES: dict[str, type[Objective]] = {
    "mean": Mean,
    "weighted": Weighted,
    "qffl": Qffl,
    "tilted": Tilted,
    "minimax": Minimax,
    "cvar": Cvar,
    "gap": Gap,
    "propfair": Propfair,
}

__all__ = [
    "NOTHING",
    "OBJECTIVES",
    "ClientUpdates",
    "Contribution",
    "Cvar",
    "Gap",
    "Mean",
    "Minimax",
    "Objective",
    "Plain",
    "Propfair",
    "Qffl",
    "Rates",
    "State",
    "Tilted",
    "Weighted",
]
