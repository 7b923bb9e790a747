"""Inputs that a fuzzer begins with, by target."""

import gzip
import io
import struct

import numpy as np
import polars as pl

PEOPLE = {"u": [1] * 8 + [2] * 8 + [3] * 8, "x": list(range(24)), "y": [0, 1] * 12}


def own_data(kind: int, table: bytes) -> bytes:
    """Return an input of the target own-data: a table of kind 0 (CSV), 1 (Parquet) or 2 (arrays)."""
    return struct.pack("<HHH", kind, 0, len(table)) + table


def parquet() -> bytes:
    """Return a sound table as Parquet."""
    file = io.BytesIO()
    pl.DataFrame(PEOPLE).write_parquet(file, statistics=False)
    return file.getvalue()


def arrays() -> bytes:
    """Return a sound table as arrays, deflated."""
    file = io.BytesIO()
    np.savez_compressed(file, **{name: np.array(values, np.int8) for name, values in PEOPLE.items()})
    return file.getvalue()


CSV = b"u,x,y\n" + b"".join(b"%d,%d,%d\n" % row for row in zip(*PEOPLE.values(), strict=True))

SEEDS: dict[str, list[bytes]] = {
    "config-file": [
        b'clients = 20\nrounds = 2\n[algorithm]\nname = "maml"\ninner-steps = 3\n',
        b'aggregator = "krum"\n[objective]\nname = "qffl"\nq = 2.0\n[sampling]\nname = "poisson"\n',
        b"dp-noise = 1.0\ndp-clip = 0.5\nsecure-aggregation = true\nmix = 'assistant=2'\n",
    ],
    "tasks": [b"personalization,assistant:clinc150,avatar", b"a=3,b=2", b"mine:x.toml", b"sinusoid:\xff"],
    "faults": [b'{"fault": [{"kind": "alie", "share": 0.2}]}', b'{"kind": "nan", "clients": [1]}]}'],
    "own-data": [
        own_data(0, CSV),
        own_data(0, gzip.compress(CSV)),
        own_data(1, parquet()),
        own_data(1, b"PAR1"),
        own_data(2, arrays()),
        own_data(2, b"PK\x03\x04"),
    ],
    "checkpoint": [b"\x02\x00{}" + b"\0" * 20],
}
