"""What each column of a user's table is for: decided by the description and by what the column holds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.bounds import readable
from metafed.data.table.description import Cell, Description, Feature
from metafed.data.table.tables import Kept, Table
from metafed.tasks.task import Kind

IMAGES = "bytes of PNG or JPEG files are read, or their paths"
SEQUENCES = "lists of numbers are read, or lists of lists of equally many numbers"
MOST_CLASSES = 20
"""Distinct integers in a target up to which they are taken for classes, if nothing is said."""


class Input(NamedTuple):
    """One column that the model sees: a feature with a name of its own and with its cell decided."""

    feature: Feature
    cell: Cell
    kept: Kept


class Roles(NamedTuple):
    """The columns of a table, by what they are for.

    Attributes:
        inputs: What the model sees.
        texts: Columns that are read as texts: categories, texts, and the target of a classification.
        used: All columns that are used.
    """

    inputs: tuple[Input, ...]
    texts: frozenset[str]
    used: list[str]


def roles(description: Description, table: Table, kind: Kind) -> Roles:
    """Find every column that the description names.

    Raises:
        DataError: A column is missing, or holds what its role has no use for.
    """
    named = [("client", description.client), ("block", description.block)]
    named += [*(("group", name) for name in description.groups), *(("attribute", n) for n in description.attributes)]
    for role, name in named:
        if name is not None and table.has(description, role, name).useless:
            raise DataError(f"{table.path}: column {name!r}, the {role}, holds neither texts nor numbers")
    time = description.time and table.has(description, "time", description.time)
    if time and (time.content not in ("time", "number", "integer") or time.nested):
        raise DataError(
            f"{table.path}: column {description.time!r}, the time, holds {time.content}"
            f"{_such(table, description.time)}: write dates as 2024-12-31 or 2024-12-31T23:59:59, or number the rows,"
            f' or say in {description.path} how dates are written, such as date-format = "%m/%d/%Y"'
        )
    evaluation = description.evaluation and table.has(description, "evaluation", description.evaluation)
    if evaluation and evaluation.content not in ("bool", "integer"):
        raise DataError(
            f"{table.path}: column {description.evaluation!r}, which tells evaluation rows, holds {evaluation.content}:"
            " write true and false, or 1 and 0"
        )
    weight = description.weight and table.has(description, "weight", description.weight)
    if weight and (weight.content not in ("number", "integer") or weight.nested):
        raise DataError(
            f"{table.path}: column {description.weight!r}, the weight, holds"
            f" {'lists' if weight.nested else weight.content}{_such(table, description.weight)}: a weight is a number"
        )
    for name in [*description.targets, *description.cleans]:
        kept = table.has(description, "target", name)
        if kept.useless or kept.content == "time" or (kind == "regression" and kept.content == "text"):
            raise DataError(
                f"{table.path}: column {name!r}, the target, holds {kept.content}, which is nothing for {kind}"
                f" (kind = … in {description.path})"
            )
        if description.scale is not None and kept.width > 1:
            raise DataError(
                f"{table.path}: column {name!r}, the target, has {kept.width} numbers a row: scale in"
                f" {description.path} is that of one"
            )
        if kind == "classification" and kept.width > 1:
            raise DataError(f"{table.path}: column {name!r}, the target, has {kept.width} numbers a row: no class")
    inputs = _inputs(description, table)
    texts = frozenset(
        [i.feature.name for i in inputs if i.cell != "number"]
        + [*description.targets, *description.cleans] * (kind == "classification")
    )
    used = dict.fromkeys([*description.named, *(i.feature.name for i in inputs)])
    return Roles(inputs, texts, list(used))


def _such(table: Table, name: str | None) -> str:
    """Return a first value of a column of texts: one that is no number, if there is one."""
    import polars as pl

    if table.columns[str(name)].content != "text":
        return ""
    texts = pl.col(str(name)).cast(pl.String).drop_nulls()
    strange = texts.filter(texts.cast(pl.Float64, strict=False).is_null())
    with readable(table.path):
        first = table.frame.select(pl.coalesce(strange.first(), texts.first())).collect().item()
    return f", such as {first!r}"


def _inputs(description: Description, table: Table) -> tuple[Input, ...]:
    named = {feature.name for feature in description.inputs}
    found: dict[str, Input] = {}
    for feature in description.inputs:
        for name in table.matching(description, feature.name):
            # what is named by itself is not meant by a pattern
            if name == feature.name or name not in named:
                found.setdefault(name, _input(feature._replace(name=name), table))
    return tuple(found.values())


def _input(feature: Feature, table: Table) -> Input:
    kept = table.columns[feature.name]
    usual: dict[str, Cell] = {
        **dict.fromkeys(("number", "integer", "bool", "image", "time"), "number"), "text": "category",
    }  # fmt: skip
    cell = feature.cell or usual.get(kept.content)
    what = f"{table.path}: column {feature.name!r}, a feature, holds {kept.content}"
    if cell is None or kept.useless:
        raise DataError(
            f"{what}, which is neither number, category nor text: make it a list of numbers a row, or leave it out"
            + (f'; of a sequence, [features] {feature.name} = "sequence", {SEQUENCES}' if kept.nested else "")
        )
    if cell in ("image", "sequence") and kept.content != cell:
        raise DataError(f"{what}, no {cell}s: {IMAGES if cell == 'image' else SEQUENCES}")
    if cell == "characters" and kept.content != "text":
        raise DataError(f"{what}, no texts")
    if cell in ("image", "sequence", "embedding"):
        cell = "number"
    if cell == "number" and kept.content == "text":
        raise DataError(f"{what}, not numbers")
    if kept.nested and cell != "number":
        raise DataError(f"{what}, {kept.width} a row, which are no {cell}")
    if feature.scale and kept.width != feature.width:
        wanted = f"the {feature.width} of the image" if feature.width > 1 else "one number with a mean and a unit"
        raise DataError(f"{what}, {kept.width} a row, which are not {wanted}")
    return Input(feature, cell, kept)


FEW_ROWS = 1000
"""Rows by which most targets are told from classes that are written one-hot."""


def one_hot(table: Table, targets: Sequence[str]) -> bool:
    """Say whether each row of several targets, or of arrays, has one 1 and else 0; most are told by the first rows."""
    for frame in (table.frame.head(FEW_ROWS), table.frame):
        with readable(table.path):
            rows = frame.select(targets).collect()
        if not rows.height:
            return False
        cells = [np.array(column.to_list(), dtype=np.float64).reshape(rows.height, -1) for column in rows]
        values = np.concatenate(cells, axis=1)
        if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
            return False
    return True


def inferred_kind(description: Description, table: Table) -> Kind:
    """Say whether a target is one of a few classes or a number, by what its column holds.

    Texts and truth values are classes, and so are at most 20 different integers; real numbers, and several
    targets, are not.

    Raises:
        DataError: There are more integers than that, or targets that are classes one-hot: only the user can say.
    """
    import polars as pl

    kept = [table.has(description, "target", name) for name in description.targets]
    numbers = all(each.content in ("number", "integer", "bool") for each in kept)
    if numbers and sum(each.width for each in kept) > 1 and one_hot(table, description.targets):
        raise DataError(
            f"{table.path}: the target ({', '.join(description.targets)}) has one 1 in each row and else 0, as classes"
            " have that are written one-hot: give one column with the class of each row, such as y.argmax(1); or say in"
            f' {description.path} that these are numbers: kind = "regression"'
        )
    if len(kept) > 1 or kept[0].width > 1 or kept[0].content == "number":
        return "regression"
    if kept[0].content != "integer":
        return "classification"
    name = description.targets[0]
    with readable(table.path):
        count = table.frame.select(pl.col(name).n_unique()).collect().item()
    if count > MOST_CLASSES:
        raise DataError(
            f"{table.path}: column {name!r}, the target, has {count:,} different integers: say in"
            f' {description.path} whether they are classes or numbers: kind = "classification" or "regression"'
        )
    return "classification"
