"""What readers have in common: where their file lies, and how to say that it is missing or damaged."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from metafed.core.episodes import Examples
from metafed.core.errors import DataError
from metafed.data.files.bounds import UNREADABLE, check_archive, readable
from metafed.data.files.probe import check_parquet
from metafed.data.sets.catalogue import advice
from metafed.data.source import Origin, Source

if TYPE_CHECKING:
    import polars as pl


class Dataset(Source):
    """Clients out of one file.

    Attributes:
        file: Where the file lies below a data folder; it may also lie in that folder itself.
        licence: The data set's licence, as its publisher states it.
        remedy: What to do if the file is missing, after "or", where the catalogue does not know it.
    """

    file: ClassVar[Path]
    licence: ClassVar[str]
    remedy: ClassVar[str] = "make it"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    @classmethod
    def find(cls, folders: Sequence[Path]) -> Path | None:
        """Return the file's path in the first of ``folders`` that has it, None if none has."""
        for folder in folders:
            for path in (folder / cls.file, folder / cls.file.name):
                if path.is_file():
                    return path
        return None

    @cached_property
    def path(self) -> Path:
        """The file's path.

        Raises:
            DataError: No data folder has it.
        """
        path = self.find(self.origin.data_dirs)
        if path is None:
            searched = ", ".join(str(folder.absolute()) for folder in self.origin.data_dirs)
            raise DataError(
                f"{self.file} is missing; searched: {searched}. Name the folder that has it with"
                f" --data-dir, or {advice(self.file) or self.remedy}"
            )
        return path

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file that is read."""
        return (self.path,)


def arrays(path: Path, wanted: Mapping[str, tuple[str, int]]) -> dict[str, np.ndarray]:
    """Read arrays from an ``.npz`` file; pickled objects are refused.

    Args:
        path: The file.
        wanted: Each array's kinds, as letters of ``numpy.dtype.kind``, and its number of axes.

    Raises:
        DataError: The file is damaged or too large, or an array is missing or of another kind.
    """
    found = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            check_archive(path, archive.zip, wanted)
            for name, (kinds, axes) in wanted.items():
                if name not in archive.files:
                    raise DataError(f"{path} has no array {name!r}; it has {', '.join(archive.files) or 'none'}")
                array = archive[name]
                if array.dtype.kind not in kinds or array.ndim != axes:
                    raise DataError(
                        f"{path}: array {name!r} is {array.dtype} with {array.ndim} axes, expected {axes} axes"
                        f" of kind {' or '.join(kinds)}"
                    )
                found[name] = array
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{path} is damaged: {error}") from error
    return found


def require(path: Path, holds: bool, problem: str) -> None:
    """Raise a ``DataError`` that names file and problem, unless the condition ``holds``."""
    if not holds:
        raise DataError(f"{path} is damaged: {problem}")


def table_of(path: Path, columns: Sequence[str]) -> "pl.DataFrame":
    """Read a Parquet file.

    Raises:
        DataError: The file is damaged, or lacks one of the ``columns``.
    """
    import polars as pl

    check_parquet(path)
    with readable(path):
        table = pl.read_parquet(path, glob=False)
    missing = [name for name in columns if name not in table.columns]
    require(path, not missing, f"columns {missing} are missing; it has {table.columns}")
    return table


def in_blocks(parts: Mapping[int, tuple[np.ndarray, np.ndarray]], group: str) -> Examples:
    """Return a client's rows out of blocks of near-duplicates: the x and y of each, by its number."""
    block = np.concatenate([np.full(len(x), number) for number, (x, _) in parts.items()])
    x, y = (np.concatenate(rows).astype(np.float32) for rows in zip(*parts.values(), strict=True))
    return Examples(x, y, group, np.full(len(block), np.nan), block=block)
