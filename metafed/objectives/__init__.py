"""The objectives, one a file: how per-client losses become one direction."""

from metafed.objectives.base import NOTHING, Contribution, Objective
from metafed.objectives.mean import Mean

__all__ = ["NOTHING", "Contribution", "Mean", "Objective"]
