"""Client-level differential privacy. A mechanism is a class in a file of its own and a line in ``MECHANISMS``."""

from metafed.privacy.base import Mechanism
from metafed.privacy.gaussian import CentralGaussian, LocalGaussian

MECHANISMS: dict[str, type[Mechanism]] = {
    "central": CentralGaussian,
    "local": LocalGaussian,
}

__all__ = ["MECHANISMS", "CentralGaussian", "LocalGaussian", "Mechanism"]
