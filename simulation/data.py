"""``python -m simulation.data``: make files of data sets that cannot be shipped, and list what there is."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from simulation.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

    from metafed.datasets.base import Dataset

DATA_DIR = Path("data")


def prepare(
    dataset: Annotated[str, tyro.conf.Positional],
    folder: Annotated[Path, tyro.conf.arg(name="from", metavar="DIR")],
    data_dir: Path = DATA_DIR,
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Make a data set's file out of its publisher's files.

    Args:
        dataset: The data set: movielens100k.
        folder: Folder of the publisher's files: u.data, u.item, u.user, or RecBole's ml-100k.inter, .item, .user.
        data_dir: Data folder to write to.
        overwrite: Replace the file if it exists.
    """
    from metafed.datasets import movielens_files
    from metafed.datasets.movielens100k import MovieLens100K
    from metafed.families.base import DataError
    from metafed.lookup import known

    try:
        known("data set", dataset, {"movielens100k": MovieLens100K})
        target = data_dir / MovieLens100K.file
        if target.exists() and not overwrite:
            raise BadInput(f"{target} exists already; replace it with --overwrite")
        arrays = movielens_files.read(folder)
        write(target, arrays)
    except (DataError, ValueError) as error:
        raise BadInput(str(error)) from None
    except OSError as error:
        raise BadInput(f"--data-dir {data_dir}: {error.strerror}") from None
    people, films = len(arrays["user_age"]), len(arrays["item_year"])
    print(f"{target}: {len(arrays['rating']):,} ratings by {people:,} people of {films:,} films")
    print(f"licence: {MovieLens100K.licence}")


def list_all(data_dir: str = str(DATA_DIR)) -> None:
    """List the data sets: family, clients, licence, and where the file is.

    Args:
        data_dir: Data folder; several are separated as in PATH. ./data is searched last.
    """
    folders = [*(Path(name) for name in data_dir.split(os.pathsep) if name), DATA_DIR]
    rows = [("name", "family", "clients", "licence", "file")]
    for family, name, kind in datasets():
        path = kind.find(folders)
        where = str(path) if path else f"not found: {kind.file}"
        clients, trouble = count(kind, folders) if path else ("-", "")
        rows.append((name, family, clients, kind.licence, trouble or where))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))


def datasets() -> "Iterator[tuple[str, str, type[Dataset]]]":
    """Yield family, name and reader of every data set."""
    from metafed.datasets.base import Dataset
    from metafed.families import FAMILIES

    for family in FAMILIES.values():
        for name, make in family.sources.items():
            if isinstance(make, type) and issubclass(make, Dataset):
                yield family.name, name, make


def count(kind: "type[Dataset]", folders: Sequence[Path]) -> tuple[str, str]:
    """Return how many clients a data set has, and what is wrong with it if anything."""
    from metafed.families.base import DataError, Origin

    try:
        clients = kind(Origin(0, tuple(folders))).clients
    except DataError as error:
        return "-", str(error)
    return ("any" if clients is None else str(clients)), ""


def write(target: Path, arrays: "Mapping[str, np.ndarray]") -> None:
    """Write an ``.npz`` file whole or not at all."""
    import numpy as np

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".tmp", delete=False) as file:
        try:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stub takes keywords for allow_pickle
            file.close()
            Path(file.name).chmod(0o644)
            os.replace(file.name, target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        tyro.extras.subcommand_cli_from_dict(
            {"prepare": prepare, "list": list_all},
            args=argv,
            prog="python -m simulation.data",
            description="Make files of data sets that cannot be shipped, and list what there is.",
        )
    except BadInput as error:
        print(f"metafed: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
