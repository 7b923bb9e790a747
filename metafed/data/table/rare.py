"""Labels of a few rows, which no split leaves enough of, and what the description says to do with them."""

from dataclasses import replace

from metafed.core.episodes import MINIMUM
from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.table.description import Description
from metafed.data.table.people import large
from metafed.data.table.roles import Roles
from metafed.data.table.tables import Table


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
    if large(table, found):
        raise DataError(
            f"{table.path} is too large to be read into memory, so leave out the {left_out:,} rows of labels with fewer"
            f" than {least} rows yourself (rare in {description.path})"
        )
    names = few["label"].cast(pl.String).to_list()
    note = f"{left_out:,} rows left out, of {len(names):,} labels with fewer than {least} rows: {', '.join(names[:10])}"
    with readable(table.path):
        kept = table.frame.filter(label.is_null() | ~label.is_in(few["label"].to_list()))
        frame = kept.collect().lazy()
    return replace(table, frame=frame, rows=table.rows - left_out, notes=(*table.notes, note))
