"""A client's rows as sequences, for networks that want them: the same rows, targets and splits as with features."""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from metafed.core.episodes import Examples
from metafed.data.files.bounds import readable
from metafed.data.source import Source
from metafed.models import Inputs

if TYPE_CHECKING:
    import polars as pl

TOKENS = Inputs("sequence", (32,), vocabulary=2048)
"""Texts as hashed words; the last words are kept."""
WORD = re.compile(r"\w+|[^\w\s]")
"""Words and signs."""


@final
class Sequential:
    """A source whose rows are the sequences that it offers, in place of features.

    Args:
        source: Offers sequences, and says all else.
    """

    columns = ()

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        """Return what the source has under this name."""
        return getattr(self._source, name)

    @property
    def features(self) -> int:
        """Numbers in a row: a sequence is flattened."""
        assert self._source.sequence is not None, "only sources that offer sequences are seen so"
        return self._source.sequence.size

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source, and what its sequences are."""
        return (*self._source.notes, *self._source.sequence_notes)

    def examples(self, client: int) -> Examples:
        """Return the client's rows with flattened sequences ``(n, features)`` as x."""
        own, x = self._source.examples(client), self._source.sequences(client)
        return own._replace(x=x.reshape(len(x), -1).astype(np.float32))


def windows(moments: np.ndarray, age: np.ndarray, length: int) -> np.ndarray:
    """Return the last moments up to each, oldest first, ``(n, length, D + 1)``: 1 ends a moment, padding is 0.

    Args:
        moments: Successive moments ``(n, D)``.
        age: How many moments of the same stretch lie before each ``(n,)``; what lies before the stretch is padding.
        length: Moments in a window.
    """
    back = np.arange(length)[::-1]
    there = age[:, None] >= back
    earlier = np.maximum(np.arange(len(moments))[:, None] - back, 0)
    seen = np.where(there[..., None], moments[earlier], 0)
    return np.concatenate([seen, there[..., None]], axis=2)


def cut(texts: "pl.LazyFrame", column: str, path: Path) -> str:
    """Say how many texts of a file have more words than a sequence has.

    Raises:
        DataError: The file is damaged.
    """
    import polars as pl

    (length,), words = TOKENS.shape, pl.col(column).cast(pl.String).str.count_matches(WORD.pattern)
    with readable(path):
        long, rows = texts.select((words > length).sum(), pl.len().alias("rows")).collect().row(0)
    return f"{long:,} of {rows:,} texts have more than {length} words: the last {length} are seen"


def tokens(texts: Sequence[str], inputs: Inputs = TOKENS) -> np.ndarray:
    """Return the ids ``(n, tokens)`` of the last words of texts, padded with 0 at their beginning.

    A word's id is its CRC-32 modulo the vocabulary's size less one, plus 1: it depends on no data set and no run.
    """
    (length,), found = inputs.shape, np.zeros((len(texts), *inputs.shape), np.int64)
    for row, text in zip(found, texts, strict=True):
        own = [zlib.crc32(word.encode()) % (inputs.vocabulary - 1) + 1 for word in WORD.findall(text.lower())[-length:]]
        row[length - len(own) :] = own
    return found
