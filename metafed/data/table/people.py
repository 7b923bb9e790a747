"""The clients of a user's table: who has how many rows, and where they lie."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metafed.core.episodes import MINIMUM, Shots
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.files.bounds import check_people, check_whole, readable
from metafed.data.files.copies import sorted_copy
from metafed.data.table import tables
from metafed.data.table.description import Description
from metafed.data.table.index import Index, indexed, together
from metafed.data.table.labels import listed
from metafed.data.table.pseudonyms import pseudonym, salt_of
from metafed.data.table.roles import Roles
from metafed.data.table.tables import Table

if TYPE_CHECKING:
    import polars as pl

JOINT = " / "
"""What stands between the values of several columns of a group."""
ALL, NONE = "all", "none"
"""The group of every client where the description names none, and of clients without a value where it names one."""


@dataclass(frozen=True)
class People:
    """Clients with rows enough, in the order of their names.

    Attributes:
        index: Leads to their rows.
        names: The clients' names ``(C,)``.
        groups: Their groups ``(C,)``.
        start: The number of each one's first row in the index ``(C,)``.
        length: How many rows each one has ``(C,)``.
        skipped: Names of those with too few rows.
        rule: Which rule skipped them.
        notes: How rows were dealt, where a copy lies.
        salt: What names are hashed with; None where they stay.
    """

    index: Index
    names: "pl.Series"
    groups: "pl.Series"
    start: np.ndarray
    length: np.ndarray
    skipped: tuple[str, ...]
    rule: str
    notes: tuple[str, ...]
    salt: bytes | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """A note on those with too few rows, if there are any."""
        number, everyone = len(self.skipped), len(self.names) + len(self.skipped)
        note = f"{number:,} of {everyone:,} clients skipped, with {self.rule}: {listed(self.skipped)}"
        return (note,) if number else ()

    def rows(self, client: int) -> "pl.LazyFrame":
        """Return the rows of one client."""
        return self.index.rows(int(self.start[client]), int(self.length[client]))


def people(description: Description, table: Table, found: Roles, shots: Shots, hashed: int | None = None) -> People:
    """Find the clients.

    A table of moderate size is read here, and stays as it is: an index leads to rows of a client that lie scattered. A
    large Parquet file with successive rows of every client stays where it is; else it is copied once, sorted, as a
    large CSV file is.

    Args:
        description: Names the columns, or the partition.
        table: The file.
        found: Its columns.
        shots: Says whether every class needs rows enough.
        hashed: The seed of a run that hashes the names of clients; None where they stay.

    Raises:
        DataError: The file is damaged, no client has rows enough, or a client has two groups.
    """
    import polars as pl

    if description.client is None:
        index, notes = _partition(description, table, found)
        return _named(description, table, found, index, shots, notes)
    client, notes = description.client, tuple[str, ...]()
    with readable(table.path):
        if not large(table, found):
            index = indexed(table.frame.select(found.used).collect(), client)
        elif table.path.suffix == ".parquet" and together(table.frame, client):
            index = Index(table.frame, client)
        else:
            copy = sorted_copy(table.path, table.frame, client, found.used, table.rows)
            index = Index(pl.scan_parquet(copy, glob=False), client)
            notes = (f"read from a copy sorted by {client!r}: {copy}",)
    return _named(description, table, found, index, shots, notes, hashed)


def _width(table: Table, found: Roles) -> int:
    """Return how many numbers and texts of a row are used."""
    return sum(table.columns[name].width for name in found.used)


def large(table: Table, found: Roles) -> bool:
    """Say whether a table is not to be kept in memory; an archive's arrays are, since it cannot be read in part."""
    if table.path.suffix in ("", ".npz"):  # data given in Python have no suffix
        return False
    if table.path.suffix == ".parquet":
        return table.rows * _width(table, found) > tables.LARGE
    return table.path.stat().st_size > tables.LARGE_CSV


def _who(description: Description, table: Table, found: Roles, index: Index, shots: Shots) -> "pl.DataFrame":
    """Return a row a client, by name: its rows, the first of them, its units to be split, its group, its texts."""
    import polars as pl

    group, block, evaluation = _group(description, found), description.block, description.evaluation
    dealt = description.partition is not None
    columns = [pl.col(index.client).alias("client")]
    columns += [_joined(group).alias("group")] if group else []
    columns += [pl.col(block).alias("block")] if block else []
    columns += [pl.col(description.targets[0]).cast(pl.String).alias("class")] if shots.per_class else []
    columns += [pl.col(evaluation).cast(pl.Float64).alias("evaluation")] if evaluation else []
    texts = [name for name in found.used if table.columns[name].content == "text"]
    if texts:
        columns += [pl.sum_horizontal(pl.col(name).cast(pl.String).str.len_bytes() for name in texts).alias("texts")]
    about = [pl.len().alias("rows"), pl.col("row").min().alias("start")]
    about += [pl.col("texts").cast(pl.UInt64).sum()] if texts else []
    groups = pl.col("group")
    if group:
        about += [(groups.drop_nulls().mode().sort() if dealt else groups.drop_nulls()).first()]
    if group and not dealt:
        about += [(groups.min() != groups.max()).fill_null(value=False).alias("torn")]
    unit = pl.col("block").n_unique() if block else pl.len()
    if evaluation:
        # the side of fewer rows decides
        unit = 2 * pl.min_horizontal((pl.col("evaluation") == 1).sum(), (pl.col("evaluation") != 1).sum())

    def each(rows: "pl.LazyFrame", first: int) -> "pl.DataFrame":
        rows = rows.select(columns).with_row_index("row", first)
        own = rows.group_by("client").agg(about)
        if block or evaluation or shots.per_class:
            units = rows.group_by("client", *(["class"] if shots.per_class else [])).agg(unit.alias("units"))
            own = own.join(units.group_by("client").agg(pl.col("units").min()), on="client")
        else:
            own = own.with_columns(pl.col("rows").alias("units"))
        return own.collect(engine="streaming")

    used = dict.fromkeys(name for column in columns for name in column.meta.root_names())
    with readable(table.path):
        who = pl.concat([each(rows, first) for first, rows in index.pieces(list(used))])
    if not group:
        who = who.with_columns(pl.lit(ALL).alias("group"))
    if dealt or not group:
        who = who.with_columns(pl.lit(value=False).alias("torn"))
    # names are made of what is grouped by only now: texts take more room
    named = pl.col("client").cast(pl.String)
    # clients of a partition are numbers: 2 is before 10
    return who.sort("client").with_columns(named) if dealt else who.with_columns(named).sort("client")


def _joined(names: list[str]) -> "pl.Expr":
    """Return the group of a row: its values of the columns, one after the other."""
    import polars as pl

    texts = [pl.col(name).cast(pl.String) for name in names]
    return texts[0] if len(texts) == 1 else pl.concat_str([text.fill_null(NONE) for text in texts], separator=JOINT)


def _group(description: Description, found: Roles) -> list[str]:
    """Return the columns of the group: that of the label under a partition that goes by it, if no other is named."""
    target, partition = description.targets[0], description.partition
    if not description.groups and partition is not None and partition.goes_by != "nothing" and target in found.texts:
        return [target]
    return description.groups


def _named(
    description: Description,
    table: Table,
    found: Roles,
    index: Index,
    shots: Shots,
    notes: tuple[str, ...],
    hashed: int | None = None,
) -> People:
    """Keep the clients with rows enough.

    Raises:
        DataError: There is none, a row has no client, a client has two groups, or more rows than can be held in
            memory.
    """
    import polars as pl

    who, salt = _who(description, table, found, index, shots), None
    if nameless := int(who.filter(pl.col("client").is_null())["rows"].sum()):
        raise DataError(
            f"{table.path}: column {index.client!r} has no value in {nameless:,} of {table.rows:,} rows: leave these"
            " rows out, or fill them"
        )
    if hashed is not None:
        salt = salt_of(hashed, who["client"])
        secret = salt
        who = who.with_columns(
            pl.col("client").map_elements(lambda name: pseudonym(secret, name), return_dtype=pl.String)
        )
    check_people(table.path, who, _width(table, found))
    torn = who.filter(pl.col("torn"))["client"]
    if len(torn):
        more = f", and so have {len(torn) - 1:,} others" if len(torn) > 1 else ""
        named = ", ".join(map(repr, description.groups))
        raise DataError(
            f"{table.path}: client {torn[0]!r} has several values of {named}, the group{more}; a client has one group"
        )
    what = f"{MINIMUM} rows" if description.block is None else f"{MINIMUM} values of {description.block!r}"
    if description.evaluation is not None:
        half = MINIMUM // 2
        what = f"{half} rows for training and {half} for evaluation, {description.evaluation!r} being 0 and 1"
    of_class = " of each class that they have" if shots.per_class else ""
    enough = who.filter(pl.col("units") >= MINIMUM)
    if not len(enough):
        raise DataError(
            f"{table.path}: no client has {what}{of_class}, which is the least: name another column as client, or share"
            " out the rows by a partition"
        )
    return People(
        index=index,
        names=enough["client"],
        groups=enough["group"].fill_null(NONE),
        start=enough["start"].to_numpy().astype(np.int64),
        length=enough["rows"].to_numpy().astype(np.int64),
        skipped=tuple(who.filter(pl.col("units") < MINIMUM)["client"]),
        rule=f"fewer than {what}{of_class}",
        notes=notes,
        salt=salt,
    )


def _partition(description: Description, table: Table, found: Roles) -> tuple[Index, tuple[str, ...]]:
    """Share out the rows of a table to clients; it is read whole.

    Returns:
        What leads to the rows of each client, and notes.

    Raises:
        DataError: The target cannot be what the partition goes by, or there are too few rows.
    """
    import polars as pl

    how = description.partition
    assert how is not None, "a description has a client or a partition"
    check_whole(table.path, table.rows, _width(table, found))
    labels = _dealt_by(description, table, found)
    try:
        owner = how.deal(labels, stream(how.seed, "own/partition"))
    except ValueError as error:
        raise DataError(f"{table.path}: partition: {error}") from None
    with readable(table.path):
        frame = table.frame.select(found.used).collect()
    client = "client of the partition"
    settings = how.model_dump(exclude={"kind", "clients"})
    notes = [f"artificial clients, {how.about}: {', '.join(f'{name} {value}' for name, value in settings.items())}"]
    if group := _group(description, found):
        notes.append(f"a client's group is its most frequent {', '.join(map(repr, group))}")
    return indexed(frame.with_columns(pl.Series(client, owner, pl.UInt32)), client), tuple(notes)


def _dealt_by(description: Description, table: Table, found: Roles) -> np.ndarray:
    """Return what a partition goes by ``(n,)``: numbers of classes, or the target of a regression.

    Raises:
        DataError: The partition needs classes, or one target.
    """
    name, how = description.targets[0], description.partition
    if how is None or how.goes_by == "nothing":
        return np.zeros(table.rows)
    values = table.read(table.frame, [name], found.texts)[name]
    if name in found.texts:
        return np.unique([str(value) for value in values], return_inverse=True)[1]
    if how.goes_by == "class":
        raise DataError(
            f"{description.path}: partition: {how.kind} goes by classes, but the target, {name!r}, is a number"
        )
    if len(description.targets) > 1 or table.columns[name].width > 1:
        raise DataError(f"{description.path}: partition: {how.kind} sorts by one target, but there are several")
    return np.asarray(values)
