"""The samplers, one a file: who is asked in a round.

A new one is a class in a file of its own and a line in ``SAMPLERS``.
"""

from metafed.sampling.availability import Availability
from metafed.sampling.base import Sampler, Scene
from metafed.sampling.data import Data
from metafed.sampling.poisson import Poisson
from metafed.sampling.power_of_choice import PowerOfChoice
from metafed.sampling.uniform import Uniform

SAMPLERS: dict[str, type[Sampler]] = {
    "uniform": Uniform,
    "poisson": Poisson,
    "availability": Availability,
    "data": Data,
    "power-of-choice": PowerOfChoice,
}

__all__ = ["SAMPLERS", "Availability", "Data", "Poisson", "PowerOfChoice", "Sampler", "Scene", "Uniform"]
