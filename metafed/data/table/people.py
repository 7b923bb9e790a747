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
        frame: All rows; those of a client are successive, unless ``order`` says where they are.
        client: The column of ``frame`` that names the client.
        names: The clients' names ``(C,)``.
        groups: Their groups ``(C,)``.
        start: The number of each one's first row, in ``order`` where there is one ``(C,)``.
        length: How many rows each one has ``(C,)``.
        skipped: Names of those with too few rows.
        rule: Which rule skipped them.
        notes: How rows were dealt, where a copy lies.
        salt: What names are hashed with; None where they stay.
        order: Of rows in memory that lie scattered, their numbers client by client ``(n,)``.
    """

    frame: "pl.LazyFrame"
    client: str
    names: "pl.Series"
    groups: "pl.Series"
    start: np.ndarray
    length: np.ndarray
    skipped: tuple[str, ...]
    rule: str
    notes: tuple[str, ...]
    salt: bytes | None = None
    order: "pl.Series | None" = None

    def rows(self, client: int) -> "pl.LazyFrame":
        """Return the rows of one client."""
        first, length = int(self.start[client]), int(self.length[client])
        if self.order is None:
            return self.frame.slice(first, length)
        # the frame is in memory: of it nothing is copied but these rows
        return self.frame.collect()[self.order.slice(first, length)].lazy()


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
        frame, client, dealt, about = _partition(description, table, found)
        return _named(description, table, found, frame, client, shots, about, order=dealt)
    client = description.client
    frame = table.frame
    if not large(table, found):
        with readable(table.path):
            frame = frame.select(found.used).collect().lazy()
        order: pl.Series | None = None
        if not _together(table, frame, client):
            # a sorted copy would take as much memory again as the rows
            order = frame.select(pl.arg_sort_by(client, maintain_order=True)).collect().to_series()
        return _named(description, table, found, frame, client, shots, hashed=hashed, order=order)
    if table.path.suffix == ".parquet" and _together(table, frame, client):
        return _named(description, table, found, frame, client, shots, hashed=hashed)
    copy = sorted_copy(table.path, frame, client, found.used, table.rows)
    frame = pl.scan_parquet(copy, glob=False)
    about = (f"read from a copy sorted by {client!r}: {copy}",)
    return _named(description, table, found, frame, client, shots, about, hashed)


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


def _together(table: Table, frame: "pl.LazyFrame", client: str) -> bool:
    """Say whether the rows of every client are successive."""
    import polars as pl

    row = pl.col("row")
    spans = frame.select(pl.col(client).alias("client")).with_row_index("row").group_by("client")
    with readable(table.path):
        gaps = spans.agg(gap=row.max() - row.min() + 1 - pl.len()).select(pl.col("gap").max())
        return int(gaps.collect(engine="streaming").item()) == 0


def _who(
    description: Description,
    table: Table,
    found: Roles,
    frame: "pl.LazyFrame",
    client: str,
    shots: Shots,
    order: "pl.Series | None",
) -> "pl.DataFrame":
    """Return a row a client, by name: its rows, the first of them, its units to be split, its group, its texts."""
    import polars as pl

    group, block, evaluation = _group(description, found), description.block, description.evaluation
    dealt = description.partition is not None
    columns = [pl.col(client).alias("client")]
    columns += [_joined(group).alias("group")] if group else []
    columns += [pl.col(block).alias("block")] if block else []
    columns += [pl.col(description.targets[0]).cast(pl.String).alias("class")] if shots.per_class else []
    columns += [pl.col(evaluation).cast(pl.Float64).alias("evaluation")] if evaluation else []
    texts = [name for name in found.used if table.columns[name].content == "text"]
    if texts:
        columns += [pl.sum_horizontal(pl.col(name).cast(pl.String).str.len_bytes() for name in texts).alias("texts")]
    rows = frame.select(columns)
    rows = rows.with_row_index("row") if order is None else rows.with_columns(_inverse(order).alias("row"))
    about = [pl.len().alias("rows"), pl.col("row").min().alias("start")]
    about += [pl.col("texts").cast(pl.UInt64).sum()] if texts else []
    if group:
        groups = pl.col("group")
        about += [groups.drop_nulls().mode().sort().first()] if dealt else []
    if group and not dealt:
        torn = (groups.min() != groups.max()).fill_null(value=False)
        about += [groups.drop_nulls().first(), torn.alias("torn")]
    each = rows.group_by("client").agg(about)
    if block or evaluation or shots.per_class:
        unit = pl.col("block").n_unique() if block else pl.len()
        if evaluation:
            # the side of fewer rows decides
            unit = 2 * pl.min_horizontal((pl.col("evaluation") == 1).sum(), (pl.col("evaluation") != 1).sum())
        units = rows.group_by("client", *(["class"] if shots.per_class else [])).agg(unit.alias("units"))
        each = each.join(units.group_by("client").agg(pl.col("units").min()), on="client")
    else:
        each = each.with_columns(pl.col("rows").alias("units"))
    if not group:
        each = each.with_columns(pl.lit(ALL).alias("group"))
    if dealt or not group:
        each = each.with_columns(pl.lit(value=False).alias("torn"))
    with readable(table.path):
        # names are made of what is grouped by only now: texts take more room
        named = each.with_columns(pl.col("client").cast(pl.String))
        # clients of a partition are numbers: 2 is before 10
        return named.sort("start" if dealt else "client").collect(engine="streaming")


def _inverse(order: "pl.Series") -> "pl.Series":
    """Return the place of each row in an order ``(n,)``."""
    import polars as pl

    place = np.empty(len(order), np.uint32)
    place[order.to_numpy()] = np.arange(len(order), dtype=np.uint32)
    return pl.Series(place)


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
    frame: "pl.LazyFrame",
    client: str,
    shots: Shots,
    notes: tuple[str, ...] = (),
    hashed: int | None = None,
    order: "pl.Series | None" = None,
) -> People:
    """Keep the clients with rows enough.

    Raises:
        DataError: There is none, a row has no client, a client has two groups, or more rows than can be held in
            memory.
    """
    import polars as pl

    who, salt = _who(description, table, found, frame, client, shots, order), None
    if nameless := int(who.filter(pl.col("client").is_null())["rows"].sum()):
        raise DataError(
            f"{table.path}: column {client!r} has no value in {nameless:,} of {table.rows:,} rows: leave these rows"
            " out, or fill them"
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
        frame=frame,
        client=client,
        names=enough["client"],
        groups=enough["group"].fill_null(NONE),
        start=enough["start"].to_numpy().astype(np.int64),
        length=enough["rows"].to_numpy().astype(np.int64),
        skipped=tuple(who.filter(pl.col("units") < MINIMUM)["client"]),
        rule=f"fewer than {what}{of_class}",
        notes=notes,
        salt=salt,
        order=order,
    )


def _partition(
    description: Description, table: Table, found: Roles
) -> tuple["pl.LazyFrame", str, "pl.Series", tuple[str, ...]]:
    """Share out the rows of a table to clients; it is read whole.

    Returns:
        The rows; the column that names the client; the rows' numbers client by client; and notes.

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
    order = pl.Series(np.argsort(owner, kind="stable"), dtype=pl.get_index_type())
    return frame.with_columns(pl.Series(client, owner)).lazy(), client, order, tuple(notes)


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
