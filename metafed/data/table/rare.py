"""Labels of a few rows, which no split leaves enough of, and what the description says to do with them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from metafed.core.episodes import MINIMUM
from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.table.description import Description
from metafed.data.table.people import large
from metafed.data.table.roles import Roles
from metafed.data.table.tables import Table

if TYPE_CHECKING:
    import polars as pl


def without_rare(description: Description, table: Table, found: Roles) -> Table:
    """Return a table without the rows of labels that have fewer rows than the description says.

    Raises:
        DataError: The table is not read into memory, or no label has so many rows.
    """
    import polars as pl

    least = MINIMUM if description.rare == "drop" else description.rare
    if isinstance(least, str):
        return table
    label = pl.col(description.targets[0])
    with readable(table.path):
        counts = table.frame.group_by(label.alias("label")).agg(pl.len().alias("rows")).collect(engine="streaming")
    few = counts.filter(pl.col("label").is_not_null(), pl.col("rows") < least).sort("label")
    if not len(few):
        return table
    left_out = int(few["rows"].sum())
    if left_out == table.rows:
        raise DataError(f"{table.path}: no label has {least} rows, as rare in {description.path} asks")
    names, which = few["label"].cast(pl.String).to_list(), f"of labels with fewer than {least} rows"
    note = f"{left_out:,} rows left out, of {len(names):,} labels with fewer than {least} rows: {', '.join(names[:10])}"
    kept = label.is_null() | ~label.is_in(few["label"].to_list())
    return without(description, table, found, kept, which, [note])


def without(
    description: Description, table: Table, found: Roles, kept: "pl.Expr", which: str, notes: Sequence[str]
) -> Table:
    """Return a table of which some rows are left out, as ``notes`` say.

    Args:
        description: Its description.
        table: The table.
        found: Its columns.
        kept: Whether a row stays.
        which: Which rows do not, for the message.
        notes: What the table says of itself besides.

    Raises:
        DataError: There are some, and the table is not read into memory.
    """
    import polars as pl

    with readable(table.path):
        rows = int(table.frame.select(kept.sum().cast(pl.Int64)).collect(engine="streaming").item())
    every = (*table.notes, *notes)
    if rows == table.rows:
        return replace(table, notes=every)
    if large(table, found):
        raise DataError(
            f"{table.path} is too large to be read into memory, so leave out the {table.rows - rows:,} rows {which}"
            f" yourself (see {description.path})"
        )
    with readable(table.path):
        frame = table.frame.filter(kept).collect().lazy()
    return replace(table, frame=frame, rows=rows, notes=every)
