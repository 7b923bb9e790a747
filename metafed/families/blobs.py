"""Benchmarks of time: five-way classification of Gaussian blobs, as vectors and as images.

A client's five classes have means N(0, I) of their own, and rows scatter around them by N(0, I). It is easy
on purpose: it exists so that time can be measured on data of a known shape, without any file.
"""

from pathlib import Path
from typing import final

import numpy as np

from metafed.episodes import Examples, Shots
from metafed.families.base import GENERATED, Family, Origin, Source
from metafed.streams import stream

WAYS, PER_CLASS = 5, 40


@final
class Blobs(Source):
    """Any number of clients with five classes of 40 rows in ``features`` dimensions."""

    outputs = WAYS

    def __init__(self, origin: Origin, features: int) -> None:
        self._seed, self.features = origin.seed, features

    @property
    def clients(self) -> int | None:
        """Any number."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing to add."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Nothing is read."""
        return ()

    def examples(self, client: int) -> Examples:
        """Return 200 rows of five blobs; means are so far apart that the best predictor hardly errs."""
        rng = stream(self._seed, "blobs/client", client)
        y = np.repeat(np.arange(WAYS), PER_CLASS)
        means = rng.standard_normal((WAYS, self.features), dtype=np.float32)
        x = means[y] + rng.standard_normal((len(y), self.features), dtype=np.float32)
        return Examples(x, y, "all", np.full(len(y), np.nan, np.float32))


BLOBS = Family(
    name="blobs",
    kind="classification",
    shots=Shots(5, 15, 15, per_class=True),
    sources={GENERATED: lambda origin: Blobs(origin, 64)},
    anonymous=True,
)

BLOB_IMAGES = Family(
    name="blob-images",
    kind="classification",
    shots=Shots(1, 15, 15, per_class=True),
    sources={GENERATED: lambda origin: Blobs(origin, 784)},
    anonymous=True,
    network="conv4",
    image=(1, 28, 28),
)
