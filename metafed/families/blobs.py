"""Benchmarks of time: five-way classification of Gaussian blobs, as vectors and as images.

A client's five classes have means N(0, I) of their own, and rows scatter around them by N(0, I). It is easy
on purpose: it exists so that time can be measured on data of a known shape, without any file.
"""

from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.source import GENERATED, Origin, Source

WAYS, PER_CLASS = 5, 40


@final
class Vectors(Source):
    """Any number of clients with five classes of 40 rows in 64 dimensions."""

    features = 64
    outputs = WAYS
    clients = None
    notes = ()
    files = ()

    def __init__(self, origin: Origin) -> None:
        self._seed = origin.seed

    def examples(self, client: int) -> Examples:
        """Return 200 rows of five blobs."""
        return blobs(self._seed, client, self.features)


@final
class Images(Source):
    """The same in 784 dimensions, to be taken for images."""

    features = 784
    outputs = WAYS
    clients = None
    notes = ()
    files = ()

    def __init__(self, origin: Origin) -> None:
        self._seed = origin.seed

    def examples(self, client: int) -> Examples:
        """Return 200 rows of five blobs."""
        return blobs(self._seed, client, self.features)


def blobs(seed: int, client: int, features: int) -> Examples:
    """Return the rows of a client; its blobs are so far apart that the best predictor hardly errs."""
    rng = stream(seed, "blobs/client", client)
    y = np.repeat(np.arange(WAYS), PER_CLASS)
    means = rng.standard_normal((WAYS, features), dtype=np.float32)
    x = means[y] + rng.standard_normal((len(y), features), dtype=np.float32)
    return Examples(x, y, "all", np.full(len(y), np.nan, np.float32))


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
