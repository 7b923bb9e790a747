"""How large a user's table may be: a file of a few kilobytes may claim, or unpack to, any size.

What is bounded is what a process would hold in memory: the arrays of an archive, a table that is read whole, and the
rows of one client. All else of a large table is looked at piece by piece, whatever its size. The message of a
damaged table is made here, too.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from metafed.core.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

ARCHIVE = 4 * 2**30
"""Bytes at most that the arrays of an ``.npz`` file unpack to, of those that the description names."""
ROWS = 10**9
"""Rows of a table at most."""
WHOLE = 10**9
"""Cells at most of a table that is dealt to clients by a partition: it is read whole."""
CELLS = 10**8
"""Cells of one client's rows at most."""
TEXTS = 2**28
"""Bytes of one client's texts at most."""
PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    **dict.fromkeys((b"\x78\x01", b"\x78\x9c", b"\x78\xda"), "zlib"),
}
"""What compressed files begin with; polars unpacks them by itself, to whatever size."""
UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RuntimeError),
    *(MemoryError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What zipfile and NumPy raise on an archive that is damaged, encrypted, or of a kind that they do not know.
MemoryError: a header of a few bytes may claim any size."""
REMEDY = "; write a Parquet file with successive rows of each client, of which those of one client are read at a time"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what polars says of a damaged file into one line that names it."""
    import polars as pl

    try:
        yield
    # a panic of its own code is raised by polars as an exception that is none of Python's usual ones
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).strip() or type(error).__name__
        raise DataError(f"{path} is damaged: {reason.splitlines()[0]}") from error


def check_archive(path: Path, archive: zipfile.ZipFile, wanted: Container[str], remedy: str = "") -> None:
    """Look at what the arrays of an archive say that they unpack to, which is also where their reader stops.

    Args:
        path: The archive's.
        archive: It.
        wanted: Names of the arrays that are read.
        remedy: What to do about it.

    Raises:
        DataError: It is more than ``ARCHIVE``.
    """
    size = sum(each.file_size for each in archive.infolist() if each.filename.removesuffix(".npy") in wanted)
    if size > ARCHIVE:
        size_text = f"{size / 2**30:.1f} GiB, more than {ARCHIVE / 2**30:.0f} GiB"
        raise DataError(f"{path}: the arrays that are used unpack to {size_text}{remedy}")


def check_array(path: Path, name: str, array: "np.ndarray") -> None:
    """Look for an array that has rows without a byte: any number of them fits into a file.

    Raises:
        DataError: It is one.
    """
    if array.ndim and len(array) and not array.nbytes:
        raise DataError(f"{path}: the array {name!r} has {len(array):,} rows of nothing")


def check_plain(path: Path) -> None:
    """Look for a compressed text file.

    Raises:
        DataError: It is one.
    """
    with path.open("rb") as file:
        first = file.read(4)
    for sign, what in PACKED.items():
        if first.startswith(sign):
            raise DataError(f"{path} is compressed ({what}): unpack it first")


def check_rows(path: Path, rows: int) -> None:
    """Count a table's rows.

    Raises:
        DataError: There are more than ``ROWS``.
    """
    if rows > ROWS:
        raise DataError(f"{path} has {rows:,} rows, more than {ROWS:,}: cut it into several")


def check_whole(path: Path, rows: int, width: int) -> None:
    """Count the cells of a table that is read whole.

    Raises:
        DataError: There are more than ``WHOLE``.
    """
    if rows * width > WHOLE:
        size_text = f"{rows:,} rows of {width:,} numbers or texts"
        raise DataError(
            f"{path} has {size_text}, and a partition reads all of them: more than {WHOLE:,}. Deal fewer rows, or name"
            " the column of the client"
        )


def check_people(path: Path, who: "pl.DataFrame", width: int) -> None:
    """Count what each client has.

    Args:
        path: The file.
        who: A row a client: ``client``, ``rows``, and bytes of its ``texts`` where there are texts.
        width: Numbers and texts of a row.

    Raises:
        DataError: A client has more than ``CELLS`` cells, or ``TEXTS`` bytes of texts.
    """
    for column, unit, most in (("rows", width, CELLS), ("texts", 1, TEXTS)):
        if column not in who.columns:
            continue
        name, count = who.select("client", column).row(int(who[column].arg_max() or 0))
        if count * unit > most:
            size_text = (
                f"{count:,} rows of {width:,} numbers or texts, more than {most:,} in all"
                if column == "rows"
                else f"{count:,} bytes of texts, more than {most:,}"
            )
            raise DataError(f"{path}: client {name!r} has {size_text}: the rows of a client are held in memory")
