"""What data sets there are: the catalogue's entries with the readers that read them, by all their names."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from metafed.core.names import known
from metafed.data.sets.base import Dataset
from metafed.data.sets.catalogue import Entry
from metafed.families import FAMILIES
from simulation.cli.errors import BadInput

DATA_DIR = Path("data")


class Reader(NamedTuple):
    """A data set as a family's clients.

    Attributes:
        family: The family's name.
        name: The reader's name in ``--tasks``, after the colon.
        kind: Its class.
    """

    family: str
    name: str
    kind: type[Dataset]

    @property
    def task(self) -> str:
        """What ``--tasks`` calls it."""
        return f"{self.family}:{self.name}"


def readers(file: Path | None = None) -> Iterator[Reader]:
    """Yield all readers of all families, or those of one prepared file."""
    for family in FAMILIES.values():
        for name, make in family.sources.items():
            if isinstance(make, type) and issubclass(make, Dataset) and file in (None, make.file):
                yield Reader(family.name, name, make)


def entry(name: str, catalogue: Mapping[str, Entry]) -> Entry:
    """Return the entry of a data set, by its own name or that of one of its readers.

    Raises:
        BadInput: There is none; a near miss is suggested.
    """
    files = {reader.kind.file: reader.task for reader in named(name)}
    if name not in catalogue and files:
        one_file(name, files)
        found = [entry for entry in catalogue.values() if entry.file in files]
        if found:
            return found[0]
    try:
        return known("data set", name, catalogue)
    except ValueError as error:
        raise BadInput(str(error)) from None


def named(name: str) -> list[Reader]:
    """Return the readers that go by ``name``, which may be FAMILY:READER or READER alone."""
    return [reader for reader in readers() if name in (reader.name, reader.task)]


def one_file(name: str, files: Mapping[Path, str]) -> None:
    """Refuse a name of several data sets.

    Raises:
        BadInput: It is; the message lists them.
    """
    if len(files) > 1:
        raise BadInput(f"{name!r} is the name of several data sets: {', '.join(files.values())}")


def licence(found: Entry) -> str:
    """Return the licence that the entry's readers state."""
    return next((reader.kind.licence for reader in readers(found.file)), f"see {found.page}")


def folders(data_dir: str) -> tuple[Path, ...]:
    """Return the data folders that a run would search, in its order."""
    named = (Path(name) for name in data_dir.split(os.pathsep) if name)
    return tuple(dict.fromkeys([*named, DATA_DIR]))


def first_folder(data_dirs: Sequence[Path], path: Path) -> tuple[Path, ...]:
    """Return ``data_dirs`` with the folder of ``path`` in front, so that just this file is read."""
    return (path.absolute().parent, *data_dirs)
