"""What a frame's rows take beyond the frame itself, until the first client's rows are read.

``python -m benchmarks.indexing --rows 1000000 4000000 --clients 20000 --scattered``
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import tyro

import metafed as mf
from benchmarks.memory import peak_bytes
from metafed.core.streams import stream
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight

FEATURES = 6
"""With the client and the target: 64 bytes a row."""


@dataclass
class Options:
    """What a frame's rows take beyond the frame itself."""

    rows: tuple[int, ...] = (1_000_000, 4_000_000)
    """Rows, in turn."""
    clients: int = 20_000
    """Clients of each frame."""
    scattered: bool = False
    """Rows of a client lie scattered, not together."""


def made(rows: int, clients: int, scattered: bool) -> pl.DataFrame:
    """Return a frame of 64 bytes a row."""
    draw = stream(rows, "benchmarks/indexing")
    user = np.arange(rows) % clients
    user = draw.permutation(user) if scattered else np.sort(user)
    columns = {f"x{number}": draw.normal(size=rows) for number in range(FEATURES)}
    return pl.DataFrame({"user": user, **columns, "y": draw.integers(0, 3, rows)})


def opened(frame: pl.DataFrame) -> None:
    """Do what a run of ten clients does before its first round."""
    family = mf.Family.from_frame("big", frame, client="user", target="y", features="x*")
    federation = Federation(mf.Experiment(families=[family], clients=10))
    preflight(federation)
    federation.population.split(0)


def main() -> None:
    """Print for each number of rows how far the peak of this process rises, on Linux."""
    asked = tyro.cli(Options)
    opened(made(2_000, 100, asked.scattered))
    before, first = 0, 0
    for rows in asked.rows:
        frame = made(rows, asked.clients, asked.scattered)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        start, began = peak_bytes(), time.process_time()
        opened(frame)
        rise = peak_bytes() - start
        grown = f", {(rise - before) / (rows - first):.1f} a row more" if first else ""
        print(f"{rows} rows: {rise} bytes{grown}; {time.process_time() - began:.1f} s of a processor")
        before, first = rise, rows


if __name__ == "__main__":
    main()
