"""``python -m simulation.data``: make the files of data sets that cannot be shipped, and say what there is."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import tyro

from metafed.families.base import GENERATED, DataError, Origin
from simulation.errors import BadInput

DEFAULT_DATA_DIR = Path("data")
PREPARED = ("movielens100k",)


def prepare(
    dataset: Annotated[str, tyro.conf.Positional],
    source: Annotated[Path, tyro.conf.arg(name="from", metavar="DIR")],
    data_dir: Path = DEFAULT_DATA_DIR,
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Make a data set's file out of its publisher's files.

    Args:
        dataset: The data set: movielens100k.
        source: Folder of the publisher's files (u.data, u.item, u.user, or RecBole's ml-100k.inter, .item, .user),
            or the folder above it.
        data_dir: Data folder to write into.
        overwrite: Replace the file if there is one.
    """
    from metafed.lookup import known  # noqa: F401
