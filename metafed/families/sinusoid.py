"""Benchmark: sinusoid regression, as in the MAML paper (Finn et al. 2017, section 5.1).

A client is a sine wave: amplitude U[0.1, 5], phase U[0, π], inputs U[−5, 5], no noise.
"""

from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.source import GENERATED
from metafed.families.generated import Generator

ROWS = 240


@final
class Sinusoids(Generator):
    """Any number of sine waves."""

    features = 1
    outputs = 1

    def examples(self, client: int) -> Examples:
        """Return 240 points of one wave; the best possible predictor makes no error."""
        rng = stream(self._seed, "sinusoid/client", client)
        amplitude, phase = rng.uniform(0.1, 5.0), rng.uniform(0.0, np.pi)
        x = rng.uniform(-5.0, 5.0, (ROWS, 1))
        y = amplitude * np.sin(x - phase)
        group = "small" if amplitude < 5.1 / 2 else "large"
        return Examples(x.astype(np.float32), y.astype(np.float32), group, np.zeros(ROWS, np.float32))


SINUSOID = Family(
    name="sinusoid",
    kind="regression",
    shots=Shots(support=10, query=10, evaluation=100, per_class=False),
    sources={GENERATED: Sinusoids},
    inner_lr=0.01,  # the paper's
)
