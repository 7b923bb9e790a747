"""A large table whose clients' rows lie scattered is copied once, sorted by client, to the user's cache folder."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.files.parts import parts

if TYPE_CHECKING:
    import polars as pl

STEP = 1_000_000
"""Rows that are sorted at a time, about; memory grows with it, not with the table."""
GROUP = 16_384
"""Rows of a row group of the copy."""


def cache() -> Path:
    """Return the folder of the copies.

    Raises:
        DataError: There is no home folder, and no other is named.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metafed"
    except RuntimeError:
        raise DataError("a copy of the rows needs a folder, and there is no home: name one by XDG_CACHE_HOME") from None


def sorted_copy(path: Path, frame: "pl.LazyFrame", client: str, used: Sequence[str], rows: int) -> Path:
    """Return a Parquet file with the columns ``used`` of ``frame``, the rows of each client together, in their order.

    It is made if the cache folder has none of this content of ``path``, in memory that does not depend on its size:
    piece by piece rows are put aside into buckets of clients, then bucket by bucket sorted. It is written whole or
    not at all, so that several processes may ask for it at once.

    Args:
        path: The file that ``frame`` comes from.
        frame: Its rows.
        client: Column of the client.
        used: Columns to copy.
        rows: How many rows there are.

    Raises:
        DataError: It cannot be written, or the file is damaged.
    """
    import polars as pl

    stats = [part.stat() for part in parts(path)]
    state = " ".join(f"{stat.st_size} {stat.st_mtime_ns}" for stat in stats)
    schema = frame.select(sorted(used)).collect_schema()
    content = f"{path.resolve()} {state} {client} {schema} {STEP} {GROUP}"
    copy = cache() / f"{path.stem}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.parquet"
    if copy.is_file():
        return copy
    buckets = -(-rows // STEP)
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix="draft-") as draft, readable(path):
            folder = Path(draft)
            if path.suffix != ".parquet":
                # a CSV file would be taken apart anew for every piece; all of it, so that damage is not overlooked
                frame.sink_parquet(folder / "whole")
                frame = pl.scan_parquet(folder / "whole", glob=False)
            bucket = (pl.col(client).hash(seed=0) % buckets).alias("bucket")
            for piece, first in enumerate(range(0, rows, STEP)):
                some = frame.select(used).slice(first, STEP).with_columns(bucket).collect()
                for (number,), part in some.partition_by("bucket", as_dict=True, include_key=False).items():
                    part.write_parquet(folder / f"{number:06d}-{piece:06d}", compression="lz4")
            ordered = []
            for number in range(buckets):
                pieces = sorted(folder.glob(f"{number:06d}-*"))
                if pieces:
                    ordered.append(folder / f"{number:06d}")
                    whole = pl.concat([pl.read_parquet(piece, glob=False) for piece in pieces])
                    whole.sort(client, maintain_order=True).write_parquet(ordered[-1], compression="lz4")
            pl.scan_parquet(ordered, glob=False).sink_parquet(
                folder / "done", row_group_size=GROUP, maintain_order=True
            )
            os.replace(folder / "done", copy)
    except OSError as error:
        raise DataError(
            f"{path} is large and the rows of a client are scattered; a sorted copy cannot be written to {cache()}:"
            f" {error.strerror}. Sort the file by {client!r}, or name another folder by XDG_CACHE_HOME"
        ) from error
    return copy
