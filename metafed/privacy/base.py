"""The one interface of privacy mechanisms: what a client's contribution is cut to, its noise, and what that costs.

All protect whole clients: what one adds to the sum is cut to a length C, and noise of the scale z C is added to every
coordinate of every part, in one of two places. The server divides by the expected number of clients that hold a part,
which depends on no data, whatever the mechanism.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from metafed.core.parameters import Vector
from metafed.core.traits import Trait
from metafed.objectives import Contribution
from metafed.privacy.accounting import Sampling, epsilon
from metafed.privacy.clipping import cut


class Mechanism(BaseModel, ABC):
    """Noise under which a client's contribution is hidden; ``--privacy.model`` chooses it. All methods are pure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise_at: ClassVar[Literal["server", "client"]] = "server"
    """Who adds the noise. server: it is trusted, it tells hosts C, and sampling makes ε smaller. client: nobody is
    trusted, C is the experiment's, and every round counts, for the server knows whom it asks."""
    adapts: ClassVar[bool] = False
    """Whether C may follow a quantile, by a count whose noise is Gaussian and part of what is accounted for."""
    hides: ClassVar[frozenset[Trait]] = frozenset({"client_updates", "client_predictions"})
    """What the server does not get of single clients."""

    def cut(self, one: Contribution, clip: float) -> Contribution:
        """On the host: return a client's contribution of length C at most, here the Euclidean length of all its parts.

        Whatever the client says, the result is no longer than ``clip`` in the norm that ``event`` takes for granted.

        Raises:
            ValueError: It cannot be cut.
        """
        return cut(one, clip)

    @abstractmethod
    def noisy(self, vector: Vector, scale: float, rng: np.random.Generator) -> Vector:
        """Return a part of the sum, or of one client's contribution where clients add the noise, under noise.

        Args:
            vector: ``(size,)``; zeros where nobody holds the part.
            scale: z C, in units of the vector.
            rng: A stream of the round, or of the round and the client.
        """

    @abstractmethod
    def event(self, noise: float) -> Any:
        """Return what ``noisy`` releases, of a sum that one client changes by 1 at most, as dp-accounting's event.

        Args:
            noise: The scale of the noise.
        """

    def epsilon(self, sampling: Sampling, noise: float, delta: float, rounds: int) -> float:
        """Return the ε of so many rounds, infinity where there is no bound; by dp-accounting, from ``event``.

        Args:
            sampling: How a round samples; what neighbours are follows from it.
            noise: The noise multiplier z.
            delta: δ.
            rounds: How many rounds.

        Raises:
            DataError: The accountant does not know such an event under this sampling.
        """
        return _epsilon(self, sampling, noise, delta, rounds)


@lru_cache(maxsize=4096)
def _epsilon(mechanism: Mechanism, sampling: Sampling, noise: float, delta: float, rounds: int) -> float:
    return epsilon(sampling, mechanism.event(noise / sampling.sensitivity), delta, rounds)
