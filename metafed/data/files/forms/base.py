"""What a published form of a data set is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.bounds import ARCHIVE

if TYPE_CHECKING:
    import polars as pl

Columns: TypeAlias = "Mapping[str, np.ndarray] | pl.DataFrame"
"""Arrays ``(n, …)`` by column, or a frame."""


class Form(ABC):
    """A folder whose files mean a table without a description of its columns.

    Attributes:
        name: What messages call it.
    """

    name: ClassVar[str]

    @abstractmethod
    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the files that are read, in order; none if the folder has another form. Nothing is read."""

    @abstractmethod
    def keys(self, folder: Path) -> dict[str, Any]:
        """Return the keys of a description that the form gives by itself, such as ``target``.

        Raises:
            DataError: A file is damaged.
        """

    @abstractmethod
    def read(self, folder: Path) -> Columns:
        """Return the columns.

        Raises:
            DataError: A file is damaged, or too large.
        """


def check_files(files: Sequence[Path], remedy: str = "leave some of its files out") -> None:
    """Look at files that are read whole, before one is opened.

    Args:
        files: All that are read.
        remedy: What to do if they are too large.

    Raises:
        DataError: One is no regular file, or they are larger than memory is taken for.
    """
    if odd := [path for path in files if not path.is_file()]:
        raise DataError(f"{odd[0]} is no file")
    if (size := sum(path.stat().st_size for path in files)) > ARCHIVE:
        raise DataError(
            f"{files[0].parent}: what is read has {size / 2**30:.1f} GiB, more than {ARCHIVE / 2**30:.0f} GiB: {remedy}"
        )
