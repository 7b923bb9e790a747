"""A fixed number of clients, uniformly without replacement, as in FedAvg (McMahan et al. 2017, arXiv 1602.05629)."""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro

from metafed.sampling.base import Sampler, Scene


@final
class Uniform(Sampler):
    """A fixed number of clients, all equally likely."""

    name: Annotated[Literal["uniform"], tyro.conf.Suppress] = "uniform"

    scheme: ClassVar[Literal["poisson", "without replacement"] | None] = "without replacement"

    def cohort(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Draw ``size`` clients."""
        return sorted(rng.choice(scene.seen, scene.size, replace=False).tolist())
