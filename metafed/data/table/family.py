"""A family for a user's own table: its name is the user's, or that of a family whose sizes of episodes it takes."""

import re
from functools import lru_cache
from pathlib import Path

from metafed.core.episodes import Shots
from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.core.parameters import TRUNK
from metafed.data.source import Family
from metafed.data.table.description import Description
from metafed.data.table.roles import inferred_kind
from metafed.data.table.source import Own, changed
from metafed.data.table.tables import opened
from metafed.tasks.task import Kind

SUFFIX = ".toml"
SHOTS = Shots(support=20, query=40, evaluation=100, per_class=False)
"""Sizes of episodes, where neither the description nor a family says them."""
NAME = re.compile(r"[a-z][a-z0-9_-]*")
TOO_LIKE = 0.85
"""Likeness of a free name to that of a family of ours from which on it is taken for a slip."""


def own_family(name: str, source: str, like: Family | None, known: tuple[str, ...]) -> Family:
    """Return the family of a user's table.

    Args:
        name: Its name: free, or that of a family that is ours.
        source: Path of the description, a TOML file.
        like: The family of that name, if there is one: what the description leaves open is as there.
        known: Names of our families, which a free name must not be mistaken for.

    Raises:
        DataError: The name cannot be used, or the description or its table cannot.
    """
    if like is None:
        if not NAME.fullmatch(name) or name == TRUNK:
            raise DataError(
                f"{name!r} cannot name a family: lower-case letters, digits, - and _ can, but not {TRUNK!r}; write"
                f" NAME:{source}"
            )
        if hint := near(name, known, TOO_LIKE):
            raise DataError(f"{name!r} is nearly the name of a family of metafed{hint} Else choose another name")
    path = Path(source)
    description = _described(path, changed(path))
    usual = (None, SHOTS) if like is None else (like.kind, like.shots)
    return _family(name, source, description, *usual, changed(description.file))


@lru_cache(maxsize=16)
def _described(path: Path, change: tuple[int, ...] | None) -> Description:
    return Description.from_file(path)


@lru_cache(maxsize=16)
def _family(
    name: str, source: str, description: Description, kind: Kind | None, usual: Shots, change: tuple[int, ...] | None
) -> Family:
    stated: Kind | None = "classification" if description.classes else "regression" if description.scale else None
    kind = description.kind or kind or stated or inferred_kind(description, opened(description))
    if kind == "classification" and len(description.targets) > 1:
        raise DataError(f"{description.path}: {kind} has one target, but there are {', '.join(description.targets)}")
    if kind == "classification" and description.scale is not None:
        raise DataError(f"{description.path}: scale is for regression, but kind is {kind}, as of the family {name}")
    if kind == "regression" and description.classes is not None:
        raise DataError(
            f"{description.path}: classes are for classification, but kind is {kind}, as of the family {name}"
        )
    shots = description.shots.over(usual)
    if kind == "regression" and shots.per_class:
        raise DataError(
            f"{description.path}: episodes of regression have no classes, but shots are per class, as of the family"
            f" {name}: write [shots] per-class = false"
        )
    # a class of its own, since what a family offers are classes of sources
    made = type("Own", (Own,), {"__module__": __name__, "description": description, "kind": kind, "shots": shots})
    channels, height, width = description.image or (0, 0, 0)
    image = (channels, height, width) if description.image else None
    return Family(name, kind, shots, {source: made}, network="conv4" if image else "mlp", image=image)
