"""Where the rows of each client lie: nothing but their places is kept, whatever order the table has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.copies import cache
from metafed.data.table.places import NUMBER, Places

if TYPE_CHECKING:
    import polars as pl

PIECE = 250_000
"""Rows that are looked at at a time, about; what is made on the way is no larger, however many rows there are."""
IN_MEMORY = 1_000_000
"""Numbers of rows that are kept in memory at most: 4 MB."""


@dataclass(frozen=True)
class Index:
    """The rows of a table, those of a client successive.

    Attributes:
        frame: All rows, in the order in which they are given.
        client: The column that names the client.
        order: Of rows that lie scattered, their numbers client by client ``(n,)``, four bytes each; on disk where there
            are more than ``IN_MEMORY``; None where the rows of every client are successive as it is.
        ends: Where pieces of about ``PIECE`` rows end, each of whole clients; none of a table that is not in memory.
    """

    frame: "pl.LazyFrame"
    client: str
    order: "pl.Series | Places | None" = None
    ends: tuple[int, ...] = ()

    def rows(self, first: int, length: int, names: Sequence[str] | None = None) -> "pl.LazyFrame":
        """Return successive rows, in the order of the index; of all columns, or of those named."""
        frame = self.frame if names is None else self.frame.select(names)
        if self.order is None:
            return frame.slice(first, length)
        # the frame is in memory: of it nothing is copied but these rows
        return frame.collect()[self.order.slice(first, length)].lazy()

    def pieces(self, names: Sequence[str]) -> Iterator[tuple[int, "pl.LazyFrame"]]:
        """Yield the place of the first row and the rows of each piece; no client has rows in two pieces."""
        if not self.ends:
            yield 0, self.frame.select(names)
        for first, end in zip((0, *self.ends), self.ends, strict=False):
            yield first, self.rows(first, end - first, names)


def indexed(frame: "pl.DataFrame", client: str) -> Index:
    """Return the index of rows in memory.

    Raises:
        DataError: It needs a file, which cannot be written.
    """
    who = frame[client]
    found = _spans(who.alias("client"))
    together = bool((found["last"] - found["first"] + 1 == found["rows"]).all())
    ends = found["rows"].cast(int).cum_sum().to_numpy()
    last = np.flatnonzero(np.diff((ends - 1) // PIECE, append=-1))
    return Index(frame.lazy(), client, None if together else _order(who, found), tuple(ends[last].tolist()))


def together(frame: "pl.LazyFrame", client: str) -> bool:
    """Say whether the rows of every client are successive, of a table that is not in memory."""
    import polars as pl

    row = pl.col("row")
    spans = frame.select(pl.col(client).alias("client")).with_row_index("row").group_by("client")
    gaps = spans.agg(gap=row.max() - row.min() + 1 - pl.len()).select(pl.col("gap").max())
    return int(gaps.collect(engine="streaming").item()) == 0


def _spans(who: "pl.Series") -> "pl.DataFrame":
    """Return how many rows each client has, the first and the last of them; a row a client, in the order of the first.

    Polars' own grouping would keep a part of all rows where there are many clients.
    """
    import polars as pl

    row, first, last, rows = (pl.col(name) for name in ("row", "first", "last", "rows"))
    found: list[pl.DataFrame] = []
    for start in range(0, len(who), PIECE):
        piece = who.slice(start, PIECE).to_frame().with_row_index("row", start)
        found.append(piece.group_by("client").agg(rows=pl.len(), first=row.min(), last=row.max()))
        if sum(map(len, found[1:])) > max(PIECE, len(found[0])) or start + PIECE >= len(who):
            found = [pl.concat(found).group_by("client").agg(rows.sum(), first.min(), last.max())]
    return found[0].sort("first")


def _order(who: "pl.Series", found: "pl.DataFrame") -> "pl.Series | Places":
    """Return the numbers of the rows client by client ``(n,)``."""
    import polars as pl

    rows, pieces = len(who), _sorted(who, found)
    if rows <= IN_MEMORY:
        order = np.empty(rows, NUMBER)
        for places, numbers in pieces:
            order[places] = numbers
        return pl.Series(order)
    try:
        return Places(rows, pieces)
    except OSError as error:
        raise DataError(
            f"the rows of a client are scattered; an index of {rows:,} rows cannot be written to {cache()}:"
            f" {error.strerror}. Sort the rows by {who.name!r}, or name another folder by XDG_CACHE_HOME"
        ) from error


def _sorted(who: "pl.Series", found: "pl.DataFrame") -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places in the index, which ascend, and the numbers of the rows there: sorted by counting, in pieces."""
    numbers = found.select("client").with_row_index("number")
    free = found["rows"].cast(int).cum_sum().to_numpy() - found["rows"].to_numpy()
    step = max(PIECE, len(found))
    for start in range(0, len(who), step):
        piece = who.slice(start, step).alias("client").to_frame()
        piece = piece.join(numbers, on="client", how="left", nulls_equal=True, maintain_order="left")
        number = piece["number"].to_numpy()
        place = np.argsort(number, kind="stable")
        runs = np.flatnonzero(np.diff(number[place].astype(np.int64), prepend=-1))
        length, client = np.diff(runs, append=len(number)), number[place[runs]]
        yield np.repeat(free[client] - runs, length) + np.arange(len(number)), place + start
        free[client] += length
