"""Columns of sequences: ragged lists of numbers, or of lists of equally many numbers. They are padded to the longest.

A row is ``steps · numbers`` numbers, step by step, NaN after the sequence's end, and then the sequence's length.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.bounds import readable

if TYPE_CHECKING:
    import polars as pl


def shape(frame: "pl.LazyFrame", name: str, dtype: "pl.DataType", path: Path) -> tuple[int, int]:
    """Return the steps of the longest sequence, and the numbers of a step.

    Raises:
        DataError: The column holds no lists of numbers, one is empty, or a step has other numbers than the first.
    """
    import polars as pl

    where = f"{path}: column {name!r}, a sequence,"
    if not isinstance(dtype, pl.List | pl.Array):
        raise DataError(f"{where} holds {dtype}: lists of numbers are read")
    column = pl.col(name) if isinstance(dtype, pl.List) else pl.col(name).arr.to_list()
    inner = dtype.inner
    lengths = column.list.len()
    with readable(path):
        least, most, gone = (
            frame.select(lengths.min().alias("a"), lengths.max().alias("b"), column.is_null().sum()).collect().row(0)
        )
    if gone or not least:
        raise DataError(f"{where} has {'no value' if gone else 'an empty list'} in a row: leave the row out")
    if isinstance(inner, pl.Array):
        numbers, inner = int(np.prod(inner.shape)), inner.inner
    elif isinstance(inner, pl.List):
        with readable(path):
            sizes = frame.select(column.list.explode().list.len().unique()).collect()[name].to_list()
        if len(sizes) != 1 or not sizes[0]:
            raise DataError(f"{where} has steps of {sorted(map(str, sizes))} numbers: a step has equally many in all")
        numbers, inner = int(sizes[0]), inner.inner
    else:
        numbers = 1
    if not (isinstance(inner, pl.DataType) and inner.is_numeric()):
        raise DataError(f"{where} holds lists of {inner}: lists of numbers are read")
    return int(most), numbers


def values(column: "pl.Series", shape: tuple[int, ...]) -> np.ndarray:
    """Return padded sequences and their lengths ``(n, steps · numbers + 1)`` in float64."""
    steps, numbers = shape
    made = np.full((len(column), steps * numbers + 1), np.nan)
    for row, cell in enumerate(column.to_list()):
        own = np.asarray(cell, np.float64).reshape(-1)
        made[row, : len(own)], made[row, -1] = own, len(own) // numbers
    return made


def sound(name: str, numbers: int) -> "pl.Expr":
    """Return whether all numbers of a sequence, ``numbers`` a step, are finite."""
    import polars as pl

    inner = pl.List(pl.Float64)
    whole = (
        pl.col(name).cast(pl.List(inner)).list.eval(pl.element().explode()) if numbers > 1 else pl.col(name).cast(inner)
    )
    return whole.list.eval(pl.element().is_finite().fill_null(value=False)).list.all()
