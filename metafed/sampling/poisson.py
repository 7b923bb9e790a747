"""Poisson sampling: every client by itself, with probability cohort / seen.

It is what accountants of differential privacy take for granted (Abadi et al. 2016, arXiv 1607.00133; McMahan et al.
2018, arXiv 1710.06963). The number of clients varies from round to round; a round may have none, and θ then stays.
"""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro

from metafed.sampling.base import Sampler, Scene


@final
class Poisson(Sampler):
    """Each client independently, with probability cohort / seen clients; a round may be empty."""

    name: Annotated[Literal["poisson"], tyro.conf.Suppress] = "poisson"

    scheme: ClassVar[Literal["poisson", "without replacement"] | None] = "poisson"

    def cohort(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Toss every client's coin."""
        chance = self.probability(scene.seen, scene.size)
        return np.flatnonzero(rng.random(scene.seen) < chance).tolist()

    def probability(self, seen: int, size: int) -> float:
        """``size`` / ``seen``."""
        return size / seen
