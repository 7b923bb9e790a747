"""Weights of rows: a column that says how much each row counts in losses and scores."""

from typing import TYPE_CHECKING

from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.table.description import Description
from metafed.data.table.rare import without
from metafed.data.table.roles import Roles
from metafed.data.table.tables import Table

if TYPE_CHECKING:
    import polars as pl

LEAST, MOST = 1e-6, 1e6
"""Weights between which sums of them keep their digits in float32."""


def without_weightless(description: Description, table: Table, found: Roles) -> Table:
    """Return a table without the rows of weight 0, and with a note of what its weights are.

    Raises:
        DataError: A weight is missing or not allowed, all are 0, or the table is too large to leave rows out of.
    """
    import polars as pl

    name = description.weight
    if name is None:
        return table
    weight, column = pl.col(name).cast(pl.Float64), f"{table.path}: column {name!r}, the weight,"
    sound = ((weight == 0) | weight.is_between(LEAST, MOST)).fill_null(value=False)
    with readable(table.path):
        bad = table.frame.select(pl.col(name)).with_row_index("row").filter(~sound)
        wrong = bad.select(pl.len(), pl.col("row").first(), pl.col(name).first()).collect(engine="streaming")
    count, row, value = wrong.row(0)
    if count:
        more = f", and {count - 1:,} other rows have no better one" if count > 1 else ""
        raise DataError(
            f"{column} has {'no value' if value is None else value} in row {row}{more}: a weight is 0, which leaves the"
            f" row out, or between {LEAST:g} and {MOST:g}"
        )
    some = table.frame.filter(weight != 0)
    with readable(table.path):
        ends = some.select(pl.len(), weight.min().alias("least"), weight.max().alias("most")).collect(
            engine="streaming"
        )
    rows, least, most = ends.row(0)
    if not rows:
        raise DataError(f"{column} is 0 in all {table.rows:,} rows: no row would be left")
    notes = [f"a row counts as {name!r} says, {least:g} to {most:g}, in losses and scores"]
    if zeros := table.rows - rows:
        notes.append(f"{zeros:,} row{'s' * (zeros > 1)} of weight 0 left out{_lost(description, table, weight)}")
    return without(description, table, found, weight != 0, "of weight 0", notes)


def _lost(description: Description, table: Table, weight: "pl.Expr") -> str:
    """Say how many clients have no other rows."""
    import polars as pl

    if description.client is None:
        return ""
    with readable(table.path):
        own = table.frame.group_by(pl.col(description.client)).agg((weight == 0).all().alias("lost"))
        lost = int(own.select(pl.col("lost").sum()).collect(engine="streaming").item())
    return f", all rows of {lost:,} client{'s' * (lost > 1)} among them" if lost else ""
