"""CSV files: what their marks, empty cells and dates mean is settled by the description, or said; nothing is guessed.

Polars reads any text somehow: a stray quotation mark takes lines into one cell, a name NA is no value, 01/05/2024 is
the first of May, and of two columns of one name the second gets another. What differs from what is written
is an error here that names the key that settles it.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.core.errors import DataError
from metafed.core.reading import UTF_16
from metafed.data.files.bounds import check_plain, readable
from metafed.data.table.description import Description

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = ",;\t|"
NOTHING = ["NA", "N/A", "NaN", "nan"]
"""What an empty cell of a column of numbers may be written as. In a column of texts they are texts like any other."""
IN_ORDER = r"^\s*(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}:\d{2})"
"""Dates and times of day from the largest unit to the smallest: they are read in one way only."""
PIECE = 2**20


def read_csv(description: Description, large: bool) -> tuple["pl.LazyFrame", tuple[str, ...]]:
    """Return the rows of a CSV file, in memory unless it is ``large``, and what is to be said of them.

    Raises:
        DataError: It is damaged, or may mean several things.
    """
    import polars as pl

    path = description.file
    separator = description.separator or ("\t" if path.suffix == ".tsv" else ",")
    mark = '"' if description.quote is None else description.quote or None
    with readable(path):
        check_plain(path)
        _check_text(path)
        _check_header(description, separator, mark)
    # a client's name stays as it is written, and so does a category's value: 007 is not 7
    types: dict[str, type[pl.DataType]] = dict.fromkeys(description.as_text, pl.String)
    types |= dict.fromkeys(description.as_number, pl.Float64)
    how: dict[str, Any] = {"separator": separator, "quote_char": mark}
    nothing = NOTHING if description.nothing is None else description.nothing
    with readable(path):
        frame = pl.scan_csv(
            path,
            glob=False,
            **how,
            infer_schema_length=None,
            try_parse_dates=True,
            schema_overrides=types,
            null_values=nothing,
        )
        schema = frame.collect_schema()
        # all columns of it, since polars overlooks lines that are too long where it need not read to their ends
        frame = frame if large else frame.collect().lazy()
        written = pl.scan_csv(path, glob=False, **how, schema=dict.fromkeys(schema, pl.String))
        time = description.time
        if time is not None and time in schema and schema[time].is_temporal():
            _check_order(description, time, written)
        texts = [name for name, kind in schema.items() if kind == pl.String and description.means(name)]
        texts = [name for name in texts if name != time]
        found = {} if description.nothing is not None else _marked(written, texts)
        if found:
            as_written = written.select(list(found))
            if large:
                # two scans of one file share what polars finds out of it, but for a schema that is given
                typed = pl.scan_csv(path, glob=False, **how, try_parse_dates=True, schema=schema, null_values=nothing)
                others = typed.select([name for name in schema if name not in found])
                frame = pl.concat([others, as_written], how="horizontal").select(list(schema))
            else:
                frame = frame.with_columns(as_written.collect())
    return frame, tuple(
        f"{name!r} has {count:,} cells {sign!r}, a text like any other; nothing = {json.dumps([sign])} makes them empty"
        for name, (sign, count) in found.items()
    )


def check_lines(description: Description, rows: int) -> None:
    """Compare a file's rows with its lines: a stray quotation mark takes all lines up to the next one into one cell.

    Raises:
        DataError: There are fewer rows than lines, and the description does not say that cells hold line breaks.
    """
    path = description.file
    if description.quote:
        return
    with readable(path):
        lines = _lines(path) - 1
    if rows < lines:
        raise DataError(
            f"{path} has {lines:,} lines below its header, but {rows:,} rows: quotation marks make one row of several"
            f' lines; say in {description.path} quote = "" if marks are marks like others, or quote = \'"\' if cells'
            " hold line breaks"
        )


def _check_text(path: Path) -> None:
    with path.open("rb") as file:
        first = file.read(PIECE)
    if first.startswith(UTF_16):
        raise DataError(f"{path} is UTF-16: save it as UTF-8")
    if b"\r" in first and b"\n" not in first:
        raise DataError(f"{path}: its lines end with \\r alone, as on old Macs: save it with line ends \\n or \\r\\n")


def _check_header(description: Description, separator: str, mark: str | None) -> None:
    path = description.file
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline()
        if separator not in header and (others := [sign for sign in SEPARATORS if sign in header]):
            raise DataError(
                f"{path}: its columns are separated by {others[0]!r}, not by {separator!r}: say separator ="
                f" {json.dumps(others[0])} in {description.path}"
            )
        file.seek(0)
        marks: dict[str, Any] = {"quotechar": mark} if mark else {"quoting": csv.QUOTE_NONE}
        try:
            names = next(csv.reader(file, delimiter=separator, **marks), [])
        except csv.Error:
            return  # polars says what is wrong with it
    # columns without a name are no columns that are named twice: spreadsheets write them to the right of a table
    if twice := [name for name in dict.fromkeys(names) if name and names.count(name) > 1]:
        raise DataError(
            f"{path} has {names.count(twice[0])} columns {twice[0]!r}: give each a name of its own in the first line"
        )


def _check_order(description: Description, time: str, written: "pl.LazyFrame") -> None:
    """Look for dates that begin with a day or a month.

    Raises:
        DataError: There is one: the same text means several days.
    """
    import polars as pl

    column = pl.col(time)
    strange = column.is_not_null() & ~column.is_in(description.nothing or NOTHING) & ~column.str.contains(IN_ORDER)
    found = written.filter(strange).select(time).head(1).collect()
    if len(found):
        raise DataError(
            f"{description.file}: column {time!r}, the time, holds {found.item()!r}: which number is the"
            f' month is not clear; say in {description.path} how dates are written, date-format = "%d/%m/%Y" or'
            ' "%m/%d/%Y", or write them as 2024-12-31'
        )


def _marked(written: "pl.LazyFrame", texts: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the columns that hold a text of ``NOTHING``, with the one that is most frequent, and how often it is."""
    import polars as pl

    if not texts:
        return {}
    counts = [(pl.col(name) == sign).sum().alias(f"{sign} {name}") for name in texts for sign in NOTHING]
    found = written.select(counts).collect(engine="streaming").row(0, named=True)
    best = {name: max(NOTHING, key=lambda sign: int(found[f"{sign} {name}"])) for name in texts}
    return {name: (sign, found[f"{sign} {name}"]) for name, sign in best.items() if found[f"{sign} {name}"]}


def _lines(path: Path) -> int:
    """Count the lines of a file that are not empty."""
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            signs = np.frombuffer(last + piece.replace(b"\r", b""), np.uint8)
            count += int(((signs[:-1] == 10) & (signs[1:] != 10)).sum())
            last = signs[-1:].tobytes()
    return count
