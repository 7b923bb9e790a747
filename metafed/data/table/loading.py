"""A user's table, opened: the roles of its columns, its clients and its classes; kept for the process."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from metafed.core.episodes import Shots
from metafed.data.files.parts import parts
from metafed.data.table.description import Description
from metafed.data.table.people import People, people
from metafed.data.table.rare import without_rare
from metafed.data.table.roles import Roles, roles
from metafed.data.table.soundness import classes_of
from metafed.data.table.tables import Table, opened
from metafed.data.table.weights import without_weightless
from metafed.tasks.task import Kind


class Loaded(NamedTuple):
    """An opened table: the roles of its columns, its clients, and its classes; none for regression."""

    table: Table
    roles: Roles
    people: People
    classes: tuple[str, ...]


def changed(path: Path) -> tuple[int, ...] | None:
    """Return times of change and sizes of a file or a folder's files: they tell one content from another.

    None if there is none.
    """
    try:
        stats = [part.stat() for part in parts(path)]
    except OSError:
        return None
    # the change time, too: who copies a file over another may keep its date
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))


@lru_cache(maxsize=8)
def load(
    description: Description, kind: Kind, shots: Shots, change: tuple[int, ...] | None, hashed: int | None = None
) -> Loaded:
    """Open a table; kept, since several sources of a process are made of one description.

    Args:
        description: The description.
        kind: Classification or regression.
        shots: Sizes of episodes.
        change: Of the file, so that no older content is returned.
        hashed: The seed of a run that hashes the names of clients; None where they stay.

    Raises:
        DataError: The file is missing or damaged, or does not fit the description.
    """
    table = opened(description)
    found = roles(description, table, kind)
    table = without_weightless(description, table, found)
    table = without_rare(description, table, found) if kind == "classification" else table
    classes = classes_of(description, table) if kind == "classification" else ()
    who = people(description, table, found, shots, hashed)
    # from here on the rows are read from where they are sorted
    return Loaded(replace(table, frame=who.index.frame, salt=who.salt), found, who, classes)
