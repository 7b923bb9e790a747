"""What can be wrong with a user's table, looked for in all its rows before a run; nothing is kept in memory."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.data.files.bounds import readable
from metafed.data.files.pictures import check_shape
from metafed.data.table import pictures, sequences
from metafed.data.table.description import Description
from metafed.data.table.roles import Roles
from metafed.data.table.tables import Kept, Table, opened

if TYPE_CHECKING:
    import polars as pl

NUMERIC = 0.5
"""Share of numbers among the values of a text column from which on the others are taken for slips of the pen."""


def check_cells(description: Description, table: Table, found: Roles) -> None:
    """Look for empty cells, for numbers that are not finite, and for numbers spoilt by a few texts.

    Raises:
        DataError: There are some; the message names the column, how many, and one client that has them.
    """
    import polars as pl

    faults = {}
    for name in description.named:
        if name not in (*description.groups, *description.attributes):
            bad = pl.col(name).is_null() if name in found.texts else _bad(name, table.columns[name], lenient=False)
            faults[name] = (bad, "no value", ": leave these rows out, or fill them")
    if description.evaluation is not None:
        sound = pl.col(description.evaluation).cast(pl.Float64).is_in([0.0, 1.0]).fill_null(value=False)
        faults[description.evaluation] = (~sound, "neither 1 nor 0", "")
    lenient = description.missing == "mean"
    remedy = "repair them" + ("" if lenient else f', or write missing = "mean" in {description.path}')
    for used in found.inputs:
        name, cell, kept = used.feature.name, used.cell, used.kept
        if kept.content == "image":
            try:
                check_pictures(table, name, description.client)
            except DataError:
                # once more in the order in which the rows were given, for the number of the row
                check_pictures(replace(opened(description), salt=table.salt), name, description.client)
                raise
        elif cell == "number":
            what = f"not {kept.width} finite number{'s'[: kept.width - 1]}" if kept.nested else "no finite number"
            what = "a number that is not finite" if kept.content == "sequence" else what
            # within a sequence there is no mean to be taken for a missing number
            hint = ": repair them" if kept.content == "sequence" else f": {remedy}"
            faults[name] = (_bad(name, kept, lenient), what, hint)
    for name, (fault, what, hint) in faults.items():
        with readable(table.path):
            # a column at a time: of a large file all at once take several times the memory
            count = table.frame.select(fault.sum()).collect(engine="streaming").item()
        if count:
            text = f"{table.path}: column {name!r} has {what} in {count:,} of {table.rows:,} rows"
            raise DataError(text + _whose(description, table, fault) + hint)
    for used in found.inputs:
        if used.cell == "category" and used.feature.cell is None:
            _check_spoilt(description, table, used.feature.name, 1.0)
    if description.kind is None and len(description.targets) == 1:
        _check_spoilt(description, table, description.targets[0], 1.0 - 1e-12)


def _bad(name: str, kept: Kept, lenient: bool) -> "pl.Expr":
    """Return whether a cell is empty or not finite; ``lenient``: whether it is infinite."""
    import polars as pl

    def sound(value: "pl.Expr") -> "pl.Expr":
        missing = value.is_null() | value.is_nan()
        return value.is_finite().fill_null(value=False) | (missing.fill_null(value=True) & lenient)

    column = pl.col(name)
    if kept.content == "sequence":
        return ~sequences.sound(name, kept.shape[1]).fill_null(value=False)
    if kept.content not in ("number", "integer", "bool"):
        return column.is_null() & (not lenient)
    if kept.width == 1 and not kept.nested:
        return ~sound(column.cast(pl.Float64))
    numbers = column.cast(pl.List(pl.Float64))
    whole = numbers.list.eval(sound(pl.element())).list.all() & (numbers.list.len() == kept.width)
    return ~whole.fill_null(value=False)


def _whose(description: Description, table: Table, bad: "pl.Expr") -> str:
    """Name one client that has such a row."""
    import polars as pl

    if description.client is None:
        return ""
    with readable(table.path):
        first = table.frame.filter(bad).select(pl.col(description.client).cast(pl.String)).head(1).collect()
    return "" if first.item() is None else f" (such as one of client {table.called(first.item())!r})"


def _check_spoilt(description: Description, table: Table, name: str, most: float) -> None:
    """Look for numbers among texts.

    Raises:
        DataError: Their share is above ``NUMERIC`` and at most ``most``.
    """
    import polars as pl

    if table.columns[name].content != "text":
        return
    column = pl.col(name).cast(pl.String)
    # a decimal comma makes a text of a number
    number = column.str.strip_chars().str.replace_all(",", ".", literal=True).cast(pl.Float64, strict=False)
    text = number.is_null() & column.is_not_null()
    with readable(table.path):
        share, other = (
            table.frame.select(1 - text.sum() / column.is_not_null().sum(), column.filter(text).first().alias("first"))
            .collect()
            .row(0)
        )
    if share is not None and NUMERIC < share <= most:
        spoilt = f"numbers and texts, such as {other!r}" if other is not None else "numbers, written as texts"
        raise DataError(
            f"{table.path}: column {name!r} holds {spoilt}: repair it (an empty cell is a missing number), or say in"
            f" {description.path} what it is: "
            + (f'[features] {name} = "category"' if name not in description.targets else "kind = …")
        )


def check_pictures(table: Table, name: str, client: str | None) -> None:
    """Look at the head of every image.

    Args:
        table: The rows.
        name: The column.
        client: The column of the client, for messages.

    Raises:
        DataError: One is missing, is none, or has another shape; the message names its row.
    """
    import polars as pl

    start, path, shape = 0, table.path, table.columns[name].shape
    while True:
        with readable(path):
            names = [pl.col(client).cast(pl.String).alias("whose")] if client else []
            piece = table.frame.slice(start, pictures.PIECE).select(name, *names).collect()
        if not len(piece):
            return
        for row, cell in enumerate(piece[name].to_list(), start):
            whose = f" (client {table.called(piece['whose'][row - start])!r})" if client else ""
            where = f"{path}: column {name!r}, row {row}{whose}"
            if (picture := pictures.picture_of(cell, path)) is None:
                raise DataError(f"{where} has no image: leave the row out")
            check_shape(picture, shape, where)
        start += len(piece)


def check_image(description: Description, widths: Sequence[tuple[str, int]], shape: tuple[int, ...]) -> None:
    """Compare the described shape of an image with the columns that have it, and with the shape of its arrays.

    Args:
        description: Says the shape.
        widths: Name and width of each column.
        shape: Of an array, where the file tells it.

    Raises:
        DataError: They differ.
    """
    if description.image is None:
        return
    channels, height, width = description.image
    if len(widths) > 1 or widths[0][1] != channels * height * width:
        found = ", ".join(f"{name} {count}" for name, count in widths)
        raise DataError(
            f"{description.path}: image = {description.image} is {channels * height * width} numbers of one column,"
            f" but the features are: {found}"
        )
    # where axes of length 1 stand does not change an image
    if shape and [axis for axis in shape if axis > 1] != [axis for axis in description.image if axis > 1]:
        name = widths[0][0]
        ways = [order for order in permutations(range(len(shape))) if [shape[k] for k in order] == description.image]
        turned = [f"{name}.transpose(0, {', '.join(str(k + 1) for k in ways[0])})"] if ways else []
        as_stored = [f"write image = {list(shape)}"] if len(shape) == 3 and shape[0] == channels else []
        remedies = [f"write {each} to the file" for each in turned] + as_stored
        raise DataError(
            f"{description.file}: the arrays {name!r} have the shape {list(shape)} a row, but image ="
            f" {description.image}, channels, height and width, in {description.path}: "
            + (" or ".join(remedies) or "bring them into that order by numpy.transpose")
        )


def stated_classes(description: Description) -> tuple[str, ...]:
    """Return the classes that the description lists, as texts."""
    return tuple(str(c).lower() if isinstance(c, bool) else str(c) for c in description.classes or ())


def classes_of(description: Description, table: Table) -> tuple[str, ...]:
    """Return the classes, as texts: as listed, or all labels that the data have, in order.

    Raises:
        DataError: The data have fewer than two.
    """
    import polars as pl

    if description.classes is not None:
        return stated_classes(description)
    name = description.targets[0]
    if description.anonymous:
        own = table.frame.group_by(pl.col(str(description.client)).alias("client")).agg(pl.col(name).n_unique())
        with readable(table.path):
            most = int(own.select(pl.col(name).max()).collect(engine="streaming").item() or 0)
        if most < 2:
            raise DataError(f"{table.path}: no client has two labels in column {name!r}, the target")
        return tuple(map(str, range(most)))
    columns = [pl.col(each).cast(table.frame.collect_schema()[name], strict=False) for each in description.cleans]
    with readable(table.path):
        found = [table.frame.select(pl.col(name).unique()), *(table.frame.select(each.unique()) for each in columns)]
        labels = pl.concat([each.collect(engine="streaming").to_series().drop_nulls().alias(name) for each in found])
        labels = labels.unique()
    if len(labels) < 2:
        raise DataError(f"{table.path}: column {name!r}, the target, has one class only: {labels.to_list()}")
    return tuple(labels.sort().cast(pl.String))


def check_labels(description: Description, table: Table, classes: Sequence[str]) -> None:
    """Look for labels that are none of the classes.

    Raises:
        DataError: There is one; the message names it.
    """
    if description.anonymous:
        return
    for name in [*description.targets, *description.cleans]:
        _check_known(description, table, classes, name)


def _check_known(description: Description, table: Table, classes: Sequence[str], name: str) -> None:
    import polars as pl

    owner = pl.lit(None, pl.String) if description.client is None else pl.col(description.client).cast(pl.String)
    label = pl.col(name).cast(pl.String)
    with readable(table.path):
        rows = table.frame.filter(~label.is_in(list(classes))).select(label.alias("label"), owner.alias("owner"))
        found = rows.head(1).collect()
    if len(found):
        strange, whose = found.row(0)
        raise no_class(description, strange, None if whose is None else table.called(whose), classes, name)


def no_class(
    description: Description, label: str | None, owner: str | None, classes: Sequence[str], column: str
) -> DataError:
    """Return the error of a label that is no class."""
    whose = f" (of client {owner!r})" if owner is not None else ""
    if label is None:
        return DataError(f"{description.file}: column {column!r} has no value in a row{whose}")
    return DataError(
        f"{description.file}: column {column!r} has the label {label!r}{whose}, which is none of the classes in"
        f" {description.path}: {', '.join(classes)}{near(label, classes)}"
    )
