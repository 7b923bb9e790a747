"""Numbers of rows on disk, so that memory does not grow with them: put in order by buckets."""

import itertools
import os
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, final

import numpy as np

from metafed.data.files.copies import cache

if TYPE_CHECKING:
    import polars as pl

BUCKET = 1_000_000
"""Numbers that are put in order at a time, in memory."""
NUMBER = np.dtype(np.uint32)


@final
class Places:
    """Numbers of rows ``(n,)`` in a file without a name in the cache folder, which ends with the process.

    Args:
        size: How many there are.
        pieces: Pairs of places, which ascend, and of the numbers to stand there; each place is in one piece.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, size: int, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        cache().mkdir(parents=True, exist_ok=True)
        first = np.arange(0, size + BUCKET, BUCKET).clip(max=size)
        filled = first[:-1].copy()
        self._file = tempfile.TemporaryFile(dir=cache())  # noqa: SIM115, read as long as this lives
        with tempfile.TemporaryFile(dir=cache()) as draft:
            for places, numbers in pieces:
                pairs = np.stack([places, numbers], 1).astype(NUMBER)
                cuts = itertools.pairwise(np.searchsorted(places, first))
                for bucket, (start, end) in enumerate(cuts):
                    draft.seek(int(filled[bucket]) * 2 * NUMBER.itemsize)
                    draft.write(pairs[start:end].data)
                    filled[bucket] += end - start
            draft.seek(0)
            for begin, end in itertools.pairwise(first.tolist()):
                pairs = np.frombuffer(draft.read((end - begin) * 2 * NUMBER.itemsize), NUMBER).reshape(-1, 2)
                numbers = np.empty(end - begin, NUMBER)
                numbers[pairs[:, 0] - begin] = pairs[:, 1]
                self._file.write(numbers.data)
        self._file.flush()
        self._size = size

    def slice(self, first: int, length: int) -> "pl.Series":
        """Return ``length`` successive numbers."""
        import polars as pl

        read = os.pread(self._file.fileno(), length * NUMBER.itemsize, first * NUMBER.itemsize)
        return pl.Series(np.frombuffer(read, NUMBER))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the numbers themselves."""
        import polars as pl

        # piece by piece: Linux reads 2 GiB at a time at most
        pieces = [self.slice(first, min(BUCKET, self._size - first)) for first in range(0, self._size, BUCKET)]
        return pl.Series, (pl.concat(pieces).to_numpy(),)
