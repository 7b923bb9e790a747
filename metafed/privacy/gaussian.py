"""Gaussian noise: at the server, DP-FedAvg (McMahan et al. 2018, arXiv 1710.06963), or at the client."""

from abc import ABC
from typing import Any, ClassVar, Literal, final

import numpy as np

from metafed.core.parameters import Vector
from metafed.privacy.base import Mechanism


class Gaussian(Mechanism, ABC):
    """Noise of standard deviation z C."""

    def noisy(self, vector: Vector, scale: float, rng: np.random.Generator) -> Vector:
        """Add Gaussian noise."""
        return vector + rng.standard_normal(len(vector)) * scale

    def event(self, noise: float) -> Any:
        """Return the Gaussian mechanism."""
        from dp_accounting import GaussianDpEvent

        return GaussianDpEvent(noise)


@final
class CentralGaussian(Gaussian):
    """Gaussian noise that the server adds to the sum."""

    adapts: ClassVar[bool] = True


@final
class LocalGaussian(Gaussian):
    """Gaussian noise that each client adds to what it sends; the sum has √n times that of the central mechanism."""

    noise_at: ClassVar[Literal["server", "client"]] = "client"
