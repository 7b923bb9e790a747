"""``prepare``: a data set's file out of its publisher's files, read once by its reader before it is put in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import tyro

from metafed.core.errors import DataError
from metafed.data.sets.catalogue import Entry
from metafed.data.source import Origin
from server.record.tables import sha256_of
from simulation.cli.errors import BadInput
from simulation.data.files import trouble, whole, write
from simulation.data.sets import DATA_DIR, entry, licence, readers


@dataclass(frozen=True)
class Prepare:
    """Make a data set's file out of its publisher's files."""

    dataset: tyro.conf.Positional[str]
    """The data set, as in `list`."""
    path: Annotated[Path, tyro.conf.arg(name="from", metavar="PATH")]
    """Folder or archive of the publisher's files."""
    data_dir: Path = DATA_DIR
    """Data folder to write to."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace the file if it exists."""

    def run(self, catalogue: Mapping[str, Entry]) -> None:
        """Do it."""
        found = entry(self.dataset, catalogue)
        kept(found, self.data_dir, self.overwrite)
        make(found, self.path, self.data_dir)


def kept(found: Entry, data_dir: Path, overwrite: bool) -> None:
    """Refuse to replace a file unless a flag allows it.

    Raises:
        BadInput: The prepared file exists.
    """
    target = data_dir / found.file
    if target.exists() and not overwrite:
        raise BadInput(f"{target} exists already; replace it with --overwrite")


def make(found: Entry, path: Path, data_dir: Path) -> None:
    """Make the prepared file of an entry out of the publisher's files at ``path``, and say what is in it.

    Raises:
        BadInput: Files are missing or damaged, or make no data set that its reader accepts, or cannot be written;
            nothing is left.
    """
    target = data_dir / found.file
    try:
        try:
            content = found.making().read(path)
        except ModuleNotFoundError as error:
            raise BadInput(f"{found.name} has no maker ({error}); {target} is expected, see {found.page}") from None
        with whole(target) as place:
            write(place, content)
            # one reader is enough: the others differ in what they need beside the file
            counted = [(reader.task, clients(reader.kind, place)) for reader in islice(readers(found.file), 1)]
    except DataError as error:
        wanted = "" if path.exists() else f"; {found.wants} is expected"
        raise BadInput(f"{error}{wanted}") from None
    except OSError as error:
        raise trouble(f"--data-dir {data_dir}", error) from None
    shapes = (
        {name: "x".join(map(str, array.shape)) for name, array in content.items()}
        if isinstance(content, Mapping)
        else {"rows": f"{content.height:,}", "columns": ", ".join(content.columns)}
    )
    print(f"{target}: {target.stat().st_size:,} bytes, sha256 {sha256_of(target)}")
    print("; ".join(f"{name} {shape}" for name, shape in shapes.items()))
    for task, number in counted:
        print(f"--tasks {task}: {number} clients")
    print(f"licence: {licence(found)}" + (f"; {found.binds}" if found.binds else ""))


def clients(kind: "type", path: Path) -> str:
    """Return how many clients a reader makes of the file at ``path``.

    Raises:
        DataError: It refuses the file.
    """
    number = kind(Origin(0, (path.absolute().parent,))).clients
    return "any number of" if number is None else f"{number:,}"
