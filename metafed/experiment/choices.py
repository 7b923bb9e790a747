"""``--tasks`` and ``--mix``: which families a run has, where their clients come from, and how many of each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import gcd
from pathlib import Path

from metafed.core import session
from metafed.core.errors import DataError
from metafed.core.names import known, near
from metafed.core.reading import brief
from metafed.data.family import SUFFIX, Family, TaskChoice, own_family
from metafed.data.source import GENERATED
from metafed.data.table.given import FRAME
from metafed.experiment.lookup import imported
from metafed.families import FAMILIES

TABLES = (".csv", ".tsv", ".parquet", ".npz")
OWN_DATA = "own-data"
"""Entry of a node's config: the folder of its descriptions, whose tables hold its own people only."""
LARGEST_SHARE = 1000
"""The largest number in ``--mix``."""


def names(text: str) -> tuple[str, ...]:
    """Return the names of the families in ``FAMILY[:DATASET],…``; nothing is read."""
    return tuple(name for name, _ in _entries(text))


def descriptions(text: str) -> tuple[str, ...]:
    """Return the paths of the descriptions of a user's own tables; nothing is read."""
    return tuple(source for _, source in _entries(text) if source.endswith(SUFFIX))


def builtin(text: str) -> tuple[TaskChoice, ...]:
    """Return the entries that are no table of a user's own; nothing is read.

    Raises:
        ValueError: A family or a data set is unknown, or none is named.
    """
    entries = _entries(text)
    if not entries:
        raise ValueError(f"no family is named (known: {', '.join(FAMILIES)})")
    return tuple(_known(name, source) for name, source in entries if not source.endswith(SUFFIX))


def written(families: object, keyword: str = "families") -> str:
    """Return ``--tasks`` of families: entries of ``--tasks``, and families that were made in Python.

    Raises:
        ValueError: One is neither, or was made in Python, and its clients are neither a file's nor given.
    """
    if isinstance(families, str | Family):
        families = [families]
    if isinstance(families, Mapping) or not isinstance(families, Iterable):
        raise ValueError(f"{keyword}={brief(families)}: give a list of names and of families of your own")
    return ",".join(family if isinstance(family, str) else _entry(keyword, family) for family in families)


def _entry(keyword: str, family: object) -> str:
    if not isinstance(family, Family):
        raise ValueError(f"{keyword} has {brief(family)}, which is neither a name nor an mf.Family")
    sources = [source for source in family.sources if source.startswith(FRAME) or source.endswith(SUFFIX)]
    if len(sources) == 1:
        return f"{family.name}:{sources[0]}"
    if FAMILIES.get(family.name) == family:
        return family.name
    if len(family.sources) > 1:
        raise ValueError(
            f"family {family.name!r} has the sources {', '.join(family.sources)}: make one with one source"
        )
    if family.name in FAMILIES:
        raise ValueError(f"family {family.name!r} is called like one of metafed: give it another name")
    return f"{family.name}:{session.keep(family.name, family)}"


def _known(name: str, source: str) -> TaskChoice:
    if source.startswith(f"{session.SESSION}:"):
        family = imported("family", source)
        (made,) = family.sources.values()
        return TaskChoice(replace(family, sources={source: made}), source)
    if source.startswith(FRAME):
        return TaskChoice(own_family(name, source, FAMILIES.get(name), tuple(FAMILIES)), source)
    if Path(source or name).suffix in TABLES:
        raise ValueError(f"{source or name!r} is a table: describe it in a TOML file, see docs/your-own-data.md")
    family = known("family", name, FAMILIES)
    source = source or GENERATED
    known(f"data set of family {name!r}:", source, family.sources)
    return TaskChoice(family, source)


def parse_tasks(text: str) -> tuple[TaskChoice, ...]:
    """Parse ``FAMILY[:DATASET],…``; a data set may be a user's own, ``NAME:FILE.toml``, or ``FILE.toml`` alone.

    Raises:
        ValueError: A family or a data set is unknown, or none is named; or a user's own cannot be used (DataError).
    """
    if not _entries(text):
        raise ValueError(f"no family is named (known: {', '.join(FAMILIES)})")
    return tuple(
        TaskChoice(own_family(name, source, FAMILIES.get(name), tuple(FAMILIES)), source)
        if source.endswith(SUFFIX)
        else _known(name, source)
        for name, source in _entries(text)
    )


def moved(text: str, folder: str) -> str:
    """Return ``--tasks`` with every description taken from ``folder``, whatever folder it names.

    Raises:
        DataError: Two descriptions have one file name.
    """
    found: list[tuple[str, str]] = []
    for name, source in _entries(text):
        if source.endswith(SUFFIX):
            source = str(Path(folder) / Path(source).name)
            if source in [there for _, there in found]:
                raise DataError(f"--tasks {text}: two descriptions are called {Path(source).name!r}; rename one")
        found.append((name, source))
    return ",".join(f"{name}:{source}" if source else name for name, source in found)


def _entries(text: str) -> list[tuple[str, str]]:
    """Return name and source of each entry; without a source it is empty, and a description alone names the family."""
    found = []
    for entry in filter(None, (item.strip() for item in text.split(","))):
        name, _, source = entry.partition(":")
        alone = not source and entry.endswith(SUFFIX)
        found.append((Path(entry).stem, entry) if alone else (name, source))
    return found


def parse_mix(text: str | None, families: tuple[str, ...]) -> tuple[int, ...]:
    """Parse ``FAMILY=NUMBER,…`` to the smallest whole numbers of these proportions, in the order of ``families``.

    Raises:
        ValueError: A family is not of the run or is named twice, or a number is not whole, below 1, or too large.
    """
    numbers: dict[str, int] = {}
    for entry in filter(None, (item.strip() for item in (text or "").split(","))):
        name, _, number = entry.partition("=")
        if name not in families:
            hint = near(name, families)
            raise ValueError(f"--mix {entry}: no such family in --tasks{hint} (it has {', '.join(families)})")
        if name in numbers:
            raise ValueError(f"--mix {text}: family {name!r} is named twice")
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= LARGEST_SHARE):
            raise ValueError(
                f"--mix {entry}: a proportion is a whole number from 1 to {LARGEST_SHARE}, such as {name}=3; a family"
                " without clients is left out of --tasks"
            )
        numbers[name] = int(number)
    shares = [numbers.get(name, 1) for name in families]
    return tuple(share // gcd(*shares) for share in shares)
