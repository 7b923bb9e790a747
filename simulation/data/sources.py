"""The clients of one task, for looking at them outside of a run: seen and held-out ones, each once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.names import known
from metafed.core.reading import brief
from metafed.data.family import TaskChoice
from metafed.data.sets.catalogue import Entry
from metafed.data.source import Origin, Source
from metafed.data.table.source import Own
from metafed.experiment.choices import parse_tasks
from metafed.experiment.fields import MOST
from metafed.families import FAMILIES
from simulation.cli.errors import BadInput
from simulation.data.sets import first_folder, folders, named, one_file, readers

SUFFIX = ".toml"
"""Of a description of somebody's own data."""


class People(NamedTuple):
    """The clients of one task.

    Attributes:
        choice: Family and source.
        source: A source of all that is not held out.
        parts: Sources with the numbers of their clients; the second, if any, has those of held-out classes.
        endless: Whether any number of clients can be made, and some are in ``parts``.
    """

    choice: TaskChoice
    source: Source
    parts: list[tuple[Source, range]]
    endless: bool

    @property
    def task(self) -> str:
        """What ``--tasks`` calls it."""
        return f"{self.choice.family.name}:{self.choice.source}"

    @property
    def shots(self) -> Shots:
        """The size of its episodes."""
        return self.source.shots or self.choice.family.shots

    def __len__(self) -> int:
        return sum(len(numbers) for _, numbers in self.parts)

    def examples(self) -> Iterator[Examples]:
        """Read the clients one by one."""
        for source, numbers in self.parts:
            for number in numbers:
                yield source.examples(number)


def check_clients(clients: int, what: str = "--clients {}") -> None:
    """Refuse a number of clients that cannot be made.

    Raises:
        BadInput: It is such a number.
    """
    if not 1 <= clients <= MOST:
        raise BadInput(f"{what.format(brief(clients))}: at least 1 is needed, and at most {MOST:,}")


def tasks(name: str, catalogue: dict[str, Entry], data_dir: str) -> list[tuple[str, tuple[Path, ...]]]:
    """Return the tasks that ``name`` means, each with the folders to read it from.

    Args:
        name: A prepared file's path, an entry's or a reader's name, or what ``--tasks`` takes.
        catalogue: The entries.
        data_dir: Data folders, separated as in PATH.

    Raises:
        BadInput: It means nothing; a near miss is suggested.
    """
    searched, path = folders(data_dir), Path(name)
    if path.is_file() and path.suffix != SUFFIX:
        found = [reader.task for reader in readers() if reader.kind.file.name == path.name]
        if not found:
            names = sorted({reader.kind.file.name for reader in readers()})
            raise BadInput(
                f"{path}: a prepared file has one of the names {', '.join(names)}. Data of your own need a"
                " description: see docs/your-own-data.md"
            )
        return [(task, first_folder((), path)) for task in found]
    if name in catalogue:
        found = [reader.task for reader in readers(catalogue[name].file)]
    else:
        one_file(name, {reader.kind.file: reader.task for reader in named(name)})
        found = [reader.task for reader in named(name)]
    try:
        if not found and not name.endswith(SUFFIX) and name.partition(":")[0] not in FAMILIES:
            known("data set or family", name, {**catalogue, **FAMILIES})
        if not found and len(parse_tasks(name)) != 1:
            raise ValueError(f"{name!r} names several tasks: name one")
    except ValueError as error:
        raise BadInput(str(error)) from None
    return [(task, searched) for task in found or [name]]


def people(task: str, data_dirs: tuple[Path, ...], clients: int, seed: int = 0) -> People:
    """Return the clients of a task: all, or ``clients`` of each kind where any number can be made.

    Raises:
        DataError: The data set is missing or damaged.
    """
    (choice,) = parse_tasks(task)
    kind = choice.family.sources[choice.source]
    make: Callable[[Origin], Source] = kind
    # the source of a family may be a function
    if isinstance(kind, type) and issubclass(kind, Own):  # holds out no classes, cannot be fitted to one seen client
        own = make(Origin(seed, data_dirs, None))
        return People(choice, own, [(own, range(own.clients or 0))], endless=False)
    # the second has one seen client; where classes are held out, all the others have those
    everyone, held_out = (make(Origin(seed, data_dirs, first)) for first in (None, 1))
    total, held = everyone.clients, held_out.clients
    if total is None or held is None:
        parts = [(everyone, range(clients))]
        if not same(everyone.examples(1), held_out.examples(1)):
            parts.append((held_out, range(1, 1 + clients)))
        return People(choice, everyone, parts, endless=True)
    if held == total:
        return People(choice, everyone, [(everyone, range(total))], endless=False)
    parts = [(everyone, range(total - (held - 1))), (held_out, range(1, held))]
    return People(choice, everyone, parts, endless=False)


def same(one: Examples, other: Examples) -> bool:
    """Say whether two clients have the same rows."""
    return np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y)
