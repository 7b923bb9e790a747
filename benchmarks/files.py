"""One Parquet file with many clients, for measuring what a population costs that lies on disk."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from metafed.core.streams import stream

ROWS, COLUMNS = 50, 20
"""Of a client: so many rows of so many numbers, beside client and target."""
PIECE = 2000
"""Clients that are made at a time."""


class Table(NamedTuple):
    """A table on disk.

    Attributes:
        task: What ``--tasks`` calls it.
        clients: Clients in it.
        disk: Bytes of the file.
        loaded: Bytes of its columns in memory, were it read whole.
    """

    task: str
    clients: int
    disk: int
    loaded: int


def make(folder: Path, clients: int, seed: int = 0) -> Table:
    """Write a table of ``clients`` who each have a linear rule of their own, client by client, and its description."""
    import polars as pl

    path, pieces, loaded = folder / f"people-{clients}.parquet", [], 0
    for first in range(0, clients, PIECE):
        rng, count = stream(seed, "benchmarks/files", first), min(PIECE, clients - first)
        x = rng.standard_normal((count, ROWS, COLUMNS), np.float32)
        y = np.einsum("crk,ck->cr", x, rng.standard_normal((count, COLUMNS), np.float32))
        columns = {
            "client": np.repeat(np.arange(first, first + count, dtype=np.int32), ROWS),
            "target": (y.ravel() > 0).astype(np.int8),
        }
        columns |= {f"x{k:02d}": np.ascontiguousarray(x[:, :, k]).ravel() for k in range(COLUMNS)}
        pieces.append(folder / f"piece-{first:09d}")
        frame = pl.DataFrame(columns)
        loaded += int(frame.estimated_size())
        frame.write_parquet(pieces[-1])
    pl.scan_parquet(pieces, glob=False).sink_parquet(path, row_group_size=16_384, maintain_order=True)
    for piece in pieces:
        piece.unlink()
    described = folder / f"people-{clients}.toml"
    described.write_text(f'data = "{path.name}"\nclient = "client"\ntarget = "target"\nfeatures = ["x*"]\n')
    return Table(f"people:{described}", clients, path.stat().st_size, loaded)
