"""The algorithms, one a file. A new one is a class in a file of its own and a line in ``ALGORITHMS``."""

from metafed.algorithms.base import Algorithm, Update
from metafed.algorithms.maml import Maml

ALGORITHMS: dict[str, type[Algorithm]] = {"maml": Maml}

__all__ = ["ALGORITHMS", "Algorithm", "Maml", "Update"]
