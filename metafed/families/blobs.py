"""Benchmarks of time: five-way classification of Gaussian blobs, as vectors and as images.

A client's five classes have means N(0, I) of their own, and rows scatter around them by N(0, I). It is easy
on purpose: it exists so that time can be measured on data of a known shape, without any file.
"""

from abc import ABC
from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.source import GENERATED
from metafed.families.generated import Generator

WAYS, PER_CLASS = 5, 40


class Blobs(Generator, ABC):
    """Any number of clients with five classes of 40 rows, each class around a mean of its own."""

    outputs = WAYS

    @final
    def examples(self, client: int) -> Examples:
        """Return 200 rows: standard normal around means that are standard normal, too."""
        rng = stream(self._seed, "blobs/client", client)
        y = np.repeat(np.arange(WAYS), PER_CLASS)
        means = rng.standard_normal((WAYS, self.features), dtype=np.float32)
        x = means[y] + rng.standard_normal((len(y), self.features), dtype=np.float32)
        return Examples(x, y, "all", np.full(len(y), np.nan, np.float32))


@final
class Vectors(Blobs):
    """In 64 dimensions."""

    features = 64


@final
class Images(Blobs):
    """In 784 dimensions, to be taken for images."""

    features = 784


BLOBS = Family(
    name="blobs",
    kind="classification",
    shots=Shots(5, 15, 15, per_class=True),
    sources={GENERATED: Vectors},
    anonymous=True,
)

BLOB_IMAGES = Family(
    name="blob-images",
    kind="classification",
    shots=Shots(1, 15, 15, per_class=True),
    sources={GENERATED: Images},
    anonymous=True,
    network="conv4",
    image=(1, 28, 28),
)
