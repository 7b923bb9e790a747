"""Attributes of rows: columns by whose values fairness is measured, and which the model does not see."""

from typing import TYPE_CHECKING

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.table.description import Description
from metafed.data.table.tables import Table
from metafed.tasks.task import Kind

if TYPE_CHECKING:
    import polars as pl

MOST = 20
"""Values that an attribute has at most."""
LONGEST = 80
"""Characters of a value at most."""


def check_attributes(description: Description, table: Table) -> None:
    """Refuse attributes that no rows can be grouped by.

    Raises:
        DataError: A column is missing, holds numbers or times, or has too many values or too long ones.
    """
    import polars as pl

    for name in description.attributes:
        kept, where = table.has(description, "attribute", name), f"{table.path}: column {name!r}, an attribute,"
        if kept.nested or kept.content not in ("text", "integer", "bool"):
            raise DataError(
                f"{where} holds {kept.content}: fairness is between rows of a few values; make texts of it, such as age"
                " in three ranges"
            )
        column = pl.col(name).cast(pl.String)
        with readable(table.path):
            values = table.frame.select(column.drop_nulls().unique()).collect(engine="streaming").to_series()
        if len(values) > MOST:
            raise DataError(
                f"{where} has {len(values):,} different values; {MOST} are possible: put values together, such as age"
                " in three ranges"
            )
        if long := [value for value in values if len(value) > LONGEST]:
            raise DataError(f"{where} has a value of {len(long[0])} characters; {LONGEST} are possible: shorten it")


def attributes_of(table: Table, rows: "pl.LazyFrame", names: list[str]) -> np.ndarray | None:
    """Return the values of rows ``(n, A)`` as texts, empty where there is none; None without attributes."""
    if not names:
        return None
    found = table.read(rows, names, frozenset(names))
    return np.array([[value or "" for value in found[name]] for name in names], np.str_).T


def notes(description: Description, kind: Kind) -> tuple[str, ...]:
    """Say which columns are attributes, which of them the model sees, and what it takes to measure fairness by them."""
    named = {feature.name for feature in description.inputs}
    shown = [f"{name!r} ({'a feature, too' if name in named else 'no feature'})" for name in description.attributes]
    way = "with --keep-predictions" if kind == "classification" else "of classes only, and these targets are numbers"
    return (f"attributes of rows: {', '.join(shown)}; fairness by them is measured {way}",) if shown else ()
