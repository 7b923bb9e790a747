"""Only who is online: a fixed number of clients, uniformly among those whose device is available now.

The virtual time and the devices say who is (docs/devices-and-time.md). Where fewer are online than are wanted, all of
them are asked; where nobody is, the round is empty and time goes on.
"""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro

from metafed.sampling.base import Sampler, Scene


@final
class Availability(Sampler):
    """A fixed number of the clients that are online at the round's virtual time, all equally likely."""

    name: Annotated[Literal["availability"], tyro.conf.Suppress] = "availability"

    uses: ClassVar[Literal["nothing", "rows", "losses", "online"]] = "online"

    def cohort(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Go through all clients in random order until ``size`` are found that are online."""
        found: list[int] = []
        for client in rng.permutation(scene.seen).tolist():
            if len(found) == scene.size:
                break
            if scene.online(client):
                found.append(client)
        return sorted(found)
