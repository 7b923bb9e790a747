"""What a description states, so that nothing has to be fitted or inferred: who has a few people alone cannot."""

from collections.abc import Iterable

from metafed.core.errors import DataError
from metafed.data.table.columns import stated
from metafed.data.table.description import Description, pattern
from metafed.tasks.task import Kind

LISTED = 6
"""Things to state that a message lists."""
APART = {"data", "separator", "quote", "nothing", "date_format"}
"""Keys of a description that say where the rows are or how they are written, and not what they mean: these may
differ between nodes."""


def lacking(description: Description, kind: Kind) -> list[str]:
    """Return what would be fitted to the rows or inferred from them, each with the way to state it."""
    ways = {
        "number": "[mean, unit]",
        "category": '[its values] or "hashed"',
        None: '[mean, unit] of a number, [its values] or "hashed" of a category',
    }
    found = []
    for feature in description.inputs:
        if pattern(feature.name):
            found.append(f"the columns that {feature.name!r} means, each by its name")
        elif stated(feature) is None:
            found.append(f"[features] {feature.name} = {ways.get(feature.cell, '')}")
    if kind == "classification" and description.classes is None:
        found.append(f"classes = […] of {description.targets[0]}")
    if kind == "regression" and description.scale is None:
        found.append(f"scale = [mean, unit] of {', '.join(description.targets)}")
    return found


def check_stated(description: Description, kind: Kind) -> None:
    """Refuse a description that leaves something to be fitted to a node's own people: other nodes would fit otherwise.

    Raises:
        DataError: It does; the message lists what, and how each is stated.
    """
    if description.partition is not None:
        raise DataError(
            f"{description.path}: the partition {description.partition.kind} shares out a table of everybody; a node"
            " that holds its own people only needs the column that names them: client = …"
        )
    if description.anonymous:
        raise DataError(
            f"{description.path}: anonymous = true takes the most labels that a client has from a table of everybody; a"
            " node that holds its own people only does not have it"
        )
    if description.rare != "refuse":
        raise DataError(
            f"{description.path}: rare = {description.rare!r} counts the rows of everybody; a node that holds its own"
            " people only cannot: leave it out"
        )
    found = lacking(description, kind)
    if found:
        more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise DataError(
            f"{description.path}: a node that holds its own people only fits nothing to them, so state what is the same"
            f" for all nodes: {'; '.join(found[:LISTED])}{more}. `python -m simulation.data describe {description.path}"
            " --stated` writes it all, fitted to a table"
        )


def differing(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, list[str]]:
    """Return the keys, by family, in which two descriptions differ, as ``described`` tells of them."""
    found: dict[str, list[str]] = {}
    apart = set(ours) ^ set(theirs)
    for key in sorted(apart):
        family, _, rest = key.partition(" ")
        keys, key = found.setdefault(family, []), rest.partition(" ")[0]
        if key not in keys:
            keys.append(key)
    return found
