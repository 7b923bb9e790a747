"""Columns of images: bytes of PNG and JPEG files, or paths. Only those of the client that is read are decoded."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.files.pictures import check_shape, pixels, shape_of

if TYPE_CHECKING:
    import polars as pl

PIECE = 1000
"""Images whose heads are looked at at a time."""
BYTES, PATH = "bytes", "path"
"""Fields of an image as Hugging Face's ``datasets`` keep it."""


def holds(dtype: "pl.DataType", declared: bool) -> bool:
    """Say whether a column is one of images: by its type, or because the description says so of texts, the paths."""
    import polars as pl

    if isinstance(dtype, pl.Struct):
        return {field.name for field in dtype.fields} == {BYTES, PATH}
    return bool(dtype == pl.Binary or (declared and dtype == pl.String))


def shape(frame: "pl.LazyFrame", name: str, path: Path) -> tuple[int, int, int]:
    """Return channels, height and width of the first image.

    Raises:
        DataError: There is none, or it cannot be read.
    """
    import polars as pl

    with readable(path):
        first = frame.select(pl.col(name).drop_nulls().head(1)).collect()[name].to_list()
    where = f"{path}: column {name!r}"
    if not first or (picture := _picture(first[0], path)) is None:
        raise DataError(f"{where} has no image in any row")
    return shape_of(picture, where)


def values(column: "pl.Series", shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Return the pixels of images, 0 to 255 ``(n, channels · height · width)`` in float64.

    Raises:
        DataError: One cannot be read.
    """
    made = np.empty((len(column), *shape))
    for row, cell in enumerate(column.to_list()):
        picture = _picture(cell, path)
        assert picture is not None, "all rows were looked through"
        made[row] = pixels(picture, shape, f"{path}: column {column.name!r}")
    return made.reshape(len(made), -1)


def check(
    frame: "pl.LazyFrame",
    path: Path,
    name: str,
    shape: tuple[int, ...],
    client: str | None,
    called: Callable[[str], str],
) -> None:
    """Look at the head of every image.

    Args:
        frame: The rows.
        path: The table.
        name: The column.
        shape: What every image has.
        client: The column of the client, for messages.
        called: What messages call the client of that name.

    Raises:
        DataError: One is missing, is none, or has another shape; the message names its row.
    """
    import polars as pl

    start = 0
    while True:
        with readable(path):
            names = [pl.col(client).cast(pl.String).alias("whose")] if client else []
            piece = frame.slice(start, PIECE).select(name, *names).collect()
        if not len(piece):
            return
        for row, cell in enumerate(piece[name].to_list(), start):
            whose = f" (client {called(piece['whose'][row - start])!r})" if client else ""
            where = f"{path}: column {name!r}, row {row}{whose}"
            if (picture := _picture(cell, path)) is None:
                raise DataError(f"{where} has no image: leave the row out")
            check_shape(picture, shape, where)
        start += len(piece)


def _picture(cell: Any, path: Path) -> bytes | Path | None:
    """Return an image's bytes or path; paths are counted from the folder of the table."""
    if isinstance(cell, dict):
        cell = cell[PATH] if cell[BYTES] is None else cell[BYTES]
    return path.parent / cell if isinstance(cell, str) else cell
