"""What a published form of a data set is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

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
