"""Tables of a user's own: CSV, Parquet or NumPy arrays, of which the rows of one client are read at a time.

A table of moderate size is read once and kept. Of a large Parquet file only the rows that are asked for are
read: polars skips the row groups and pages that hold none of them.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.data.files.bounds import REMEDY, UNREADABLE, check_archive, check_array, check_rows, readable
from metafed.data.files.forms import KNOWN, form_of
from metafed.data.files.probe import check_parquet
from metafed.data.table import given, pictures, sequences
from metafed.data.table.complaints import missing
from metafed.data.table.delimited import check_lines, read_csv
from metafed.data.table.description import Cell, Description, pattern
from metafed.data.table.pseudonyms import pseudonym

if TYPE_CHECKING:
    import polars as pl

LARGE = 10**7
"""Cells (rows times columns that are used) of a Parquet file from which on it is not kept in memory."""
LARGE_CSV = 10**8
"""Bytes of a CSV file from which on a Parquet copy is made of it."""
TEXT = (".csv", ".tsv")

Content = Literal["number", "integer", "bool", "text", "time", "image", "sequence", "lists of several lengths", "other"]
Values = Mapping[str, Any]
"""By column: numbers ``(n,)`` or ``(n, width)`` as float64 with NaN for nothing, else a list of texts or None."""


class Kept(NamedTuple):
    """What a column holds.

    Attributes:
        content: Numbers, texts and so on.
        width: Numbers a row; of a sequence those of its steps, padded to the longest, and its length.
        nested: Whether a row has an array or a list of numbers.
        shape: Of a row's array, where it has several dimensions: its numbers are then one signal, such as an image.
            Of a sequence steps and numbers of a step.
    """

    content: Content
    width: int = 1
    nested: bool = False
    shape: tuple[int, ...] = ()

    @property
    def useless(self) -> bool:
        """Whether nothing can be made of it."""
        return self.content in ("other", "lists of several lengths")

    @property
    def signal(self) -> bool:
        """Whether a row's numbers are one signal."""
        return bool(self.shape)


@dataclass(frozen=True)
class Table:
    """A file's columns.

    Attributes:
        path: The file.
        frame: Its rows, not read yet where it is large.
        columns: What each column holds.
        rows: How many rows there are.
        notes: How some of its cells were read.
        salt: What names of clients are hashed with; None where they stay.
    """

    path: Path
    frame: "pl.LazyFrame"
    columns: Mapping[str, Kept]
    rows: int
    notes: tuple[str, ...] = ()
    salt: bytes | None = None

    def called(self, name: str) -> str:
        """Return what records and messages call the client ``name``."""
        return name if self.salt is None else pseudonym(self.salt, name)

    def read(self, frame: "pl.LazyFrame", names: Sequence[str], as_text: Container[str] = ()) -> Values:
        """Collect columns of ``frame``, which has rows of this table; some of them as text, whatever they hold.

        Raises:
            DataError: The file is damaged.
        """
        import polars as pl

        with readable(self.path):
            found = frame.select(pl.col(list(names))).collect()
            return {name: self._values(found[name], name in as_text) for name in names}

    def _values(self, column: "pl.Series", as_text: bool) -> Any:
        import polars as pl

        content, width, nested, shape = self.columns[column.name]
        if content == "image":
            return pictures.values(column, shape, self.path)
        if content == "sequence":
            return sequences.values(column, shape)
        if as_text or content == "text":
            return column.cast(pl.String).to_list()
        if content == "time":
            column = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
            unit = getattr(column.dtype, "time_unit", None)  # of moments and durations; times have ns
            seconds = column.to_physical().cast(pl.Float64) / {"ms": 1e3, "us": 1e6}.get(unit or "", 1e9)
            return seconds.to_numpy()
        if not nested:
            return column.cast(pl.Float64).to_numpy()
        return column.cast(pl.Array(pl.Float64, width)).to_numpy().reshape(len(column), width)

    def has(self, description: Description, role: str, name: str) -> Kept:
        """Return what column ``name`` holds.

        Raises:
            DataError: There is none; the message suggests a near miss.
        """
        if name not in self.columns:
            some = [*self.columns][:20]
            rest = f" and {len(self.columns) - 20} more" if len(self.columns) > 20 else ""
            raise DataError(
                f"{self.path} has no column {name!r}, the {role} in {description.path}{near(name, self.columns)}"
                f" (it has {', '.join(some)}{rest})"
            )
        return self.columns[name]

    def matching(self, description: Description, name: str) -> list[str]:
        """Return the columns that a feature's name or pattern means; a pattern leaves the other roles out.

        Raises:
            DataError: There is none.
        """
        if name in self.columns or not pattern(name):
            self.has(description, "feature", name)
            return [name]
        named = description.named
        found = [column for column in self.columns if fnmatchcase(column, name) and column not in named]
        if not found:
            raise DataError(f"{self.path} has no column like {name!r}, the features in {description.path}")
        return found


def opened(description: Description) -> Table:
    """Open the data file of a description; a CSV file's and an archive's columns are read.

    Raises:
        DataError: It is missing, damaged, too large or of no kind that is known.
    """
    import polars as pl

    path = description.file
    if description.given:
        data = given.found(description.data)
        return _table(description, data.frame.lazy(), data.signals, set(), ())
    form = form_of(path)
    if path.is_dir() and form is None and (path.suffix != ".parquet" or not description.files):
        raise DataError(
            f"{path} is a folder, not a file (data = {description.data!r} in {description.path}): of folders those are"
            " read whose name ends in .parquet, with .parquet files in them and not in folders further down, and"
            f" those with files in a published form: {KNOWN}"
        )
    if not path.exists():
        raise DataError(f"{missing(path)} (data = {description.data!r} in {description.path})")
    if not path.is_dir() and not path.is_file():
        raise DataError(
            f"{path} is a pipe or a device (data = {description.data!r} in {description.path}); name a file"
        )
    signals, others, notes = dict[str, tuple[int, ...]](), set[str](), tuple[str, ...]()
    for key in ("separator", "quote", "nothing"):
        if getattr(description, key) is not None and path.suffix not in TEXT:
            raise DataError(f"{description.path}: {key} is for CSV files, not for {path.name}")
    if form is not None:
        content = form.read(path)
        rows, signals = (content, {}) if isinstance(content, pl.DataFrame) else given.columns(path, content)
        frame = rows.lazy()
    elif path.suffix == ".npz":
        frame, signals, others = _arrays(description)
    elif path.suffix == ".parquet":
        for part in description.files:
            check_parquet(part)
        frame = pl.scan_parquet(list(description.files), glob=False)
    elif path.suffix in TEXT:
        frame, notes = read_csv(description, path.stat().st_size > LARGE_CSV)
    else:
        raise DataError(f"{description.path}: data = {description.data!r} is no .csv, .tsv, .parquet or .npz file")
    return _table(description, frame, signals, others, notes)


def _table(
    description: Description,
    frame: "pl.LazyFrame",
    signals: Mapping[str, tuple[int, ...]],
    others: Iterable[str],
    notes: tuple[str, ...],
) -> Table:
    """Return the table of a frame, wherever that comes from, with what each of its columns holds."""
    import polars as pl

    path = description.file
    if description.date_format is not None:
        frame = _dated(description, frame)
    with readable(path):
        frame = _single(description, frame)
        schema = frame.collect_schema()
        rows = int(frame.select(pl.len()).collect().item())
        check_rows(path, rows)
        columns = {
            name: (_declared(description, frame, name, dtype) if description.means(name) else None)
            or _kept(frame, name, dtype, signals.get(name, ()), used=description.means(name))
            for name, dtype in schema.items()
        }
        columns |= dict.fromkeys(others, Kept("other"))
    if path.suffix in TEXT:
        check_lines(description, rows)
    if not rows:
        raise DataError(f"{path} has no rows")
    return Table(path, frame, columns, rows, notes)


def _single(description: Description, frame: "pl.LazyFrame") -> "pl.LazyFrame":
    """Make cells of arrays and lists of one number, and empty cells of NaN, where it would be a name or a class."""
    import polars as pl

    schema = {name: kind for name, kind in frame.collect_schema().items() if description.means(name)}
    first = {
        name: pl.col(name).arr.first()
        for name, kind in schema.items()
        if isinstance(kind, pl.Array) and kind.shape == (1,)
    }
    sequence = [used.name for used in description.inputs if used.cell == "sequence"]
    for name, kind in schema.items():
        if kind != pl.List or any(fnmatchcase(name, each) for each in sequence):
            continue
        sizes = frame.select(pl.col(name).list.len().unique().drop_nulls()).collect(engine="streaming").to_series()
        first |= {name: pl.col(name).list.first()} if sizes.to_list() == [1] else {}
    frame = frame.with_columns(first.values()) if first else frame
    written = [*description.named, *(used.name for used in description.inputs if used.cell in ("category", "text"))]
    floats = [name for name, kind in frame.collect_schema().items() if kind.is_float()]
    named = [name for name in floats if any(fnmatchcase(name, role) for role in written)]
    return frame.with_columns(pl.col(named).fill_nan(None)) if named else frame


def _dated(description: Description, frame: "pl.LazyFrame") -> "pl.LazyFrame":
    """Read the texts of the time as the description says that dates are written.

    Raises:
        DataError: They are no texts, or one is written otherwise.
    """
    import polars as pl

    time, path = str(description.time), description.file
    with readable(path):
        kind = frame.collect_schema().get(time)
        if kind is None:
            return frame  # who looks for the column says so
        if kind != pl.String:
            raise DataError(
                f"{path}: column {time!r}, the time, holds no texts: leave date-format out of {description.path}"
            )
        read = pl.col(time).str.to_datetime(description.date_format, strict=False)
        wrong = frame.filter(pl.col(time).is_not_null() & read.is_null()).select(time).head(1).collect()
    if len(wrong):
        raise DataError(
            f"{path}: column {time!r}, the time, holds {wrong.item()!r}, which is not written as date-format ="
            f" {json.dumps(description.date_format)} in {description.path} says"
        )
    return frame.with_columns(read)


def _declared(description: Description, frame: "pl.LazyFrame", name: str, dtype: "pl.DataType") -> Kept | None:
    """Return what a column of images or of sequences holds; None of another."""
    cells: set[Cell | None] = {used.cell for used in description.inputs if fnmatchcase(name, used.name)}
    if pictures.holds(dtype, declared="image" in cells):
        size = pictures.shape(frame, name, description.file)
        return Kept("image", int(np.prod(size)), True, size)
    if "sequence" in cells:
        steps, numbers = sequences.shape(frame, name, dtype, description.file)
        return Kept("sequence", steps * numbers + 1, True, (steps, numbers))
    return None


def _kept(frame: "pl.LazyFrame", name: str, dtype: "pl.DataType", shape: tuple[int, ...], used: bool) -> Kept:
    import polars as pl

    if isinstance(dtype, pl.Array | pl.List):
        inner = dtype.inner
        if not isinstance(inner, pl.DataType) or not inner.is_numeric():
            return Kept("other", nested=isinstance(inner, pl.Array | pl.List))
        if isinstance(dtype, pl.Array):
            return Kept("number", int(np.prod(dtype.shape)), True, shape)
        lengths = pl.col(name).drop_nulls().list.len()
        if used and frame.select(lengths.n_unique()).collect(engine="streaming").item() > 1:
            return Kept("lists of several lengths", nested=True)
        first = frame.select(lengths.first()).collect().item()
        return Kept("number", int(first or 1), True)
    if dtype.is_integer():
        return Kept("integer")
    if dtype.is_numeric():
        return Kept("number")
    if dtype == pl.Boolean:
        return Kept("bool")
    if dtype.is_temporal():
        return Kept("time")
    return Kept("text" if dtype in (pl.String, pl.Categorical, pl.Enum) else "other")


def _arrays(description: Description) -> tuple["pl.LazyFrame", dict[str, tuple[int, ...]], set[str]]:
    """Read an archive's arrays as columns, with the shapes of those that are signals, and names of those of no use."""
    path = description.file
    arrays, others = {}, set()
    try:
        with np.load(path, allow_pickle=False) as archive:
            used = {name for name in archive.files if description.means(name)}
            check_archive(path, archive.zip, used, REMEDY)
            for name in archive.files:
                array = archive[name] if name in used else np.array(0)
                check_array(path, name, array)
                if array.ndim == 0:
                    others.add(name)
                    continue
                arrays[name] = array
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{path} is damaged: {error}") from error
    frame, signals = given.columns(path, arrays)
    return frame.lazy(), signals, others
