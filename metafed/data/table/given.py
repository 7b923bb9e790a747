"""Rows that are given in Python: frames of polars or pandas, or arrays. They enter where those of a file do.

They are called by a hash of what they hold, ``frame-…``: the same rows under the same description have the same name in
every process that has them.
"""

import hashlib
import io
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metafed.core import session
from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.data.table import pictures
from metafed.data.table.description import Description

if TYPE_CHECKING:
    import polars as pl

FRAME = "frame-"
"""What the name of given rows begins with, where a file's path would stand."""
DATE = re.compile(r"\s*\d{1,4}[-/.]\d")
"""How a date may begin; most texts are no dates, and need not be looked at."""
PIECE = 100_000
"""Rows that are hashed at a time."""
OF_A_FILE = {"separator", "quote", "nothing"}
"""Keys of a description that say how a CSV file is read."""
RESOLUTIONS = ("D", "ms", "us", "ns")
"""Those of NumPy's times that Polars takes as they are."""
NUMBERS, TIMES = "biuf", "M"
"""Kinds of NumPy's types that Polars takes as they are."""


class Given(NamedTuple):
    """Rows in memory.

    Attributes:
        description: What they mean.
        frame: They.
        signals: Shapes of a row's array, of columns with arrays of several dimensions.
    """

    description: Description
    frame: "pl.DataFrame"
    signals: Mapping[str, tuple[int, ...]]


def held(name: str) -> Given | None:
    """Return given rows by their name; None for what is no such name.

    Raises:
        DataError: This process does not have them.
    """
    return found(name) if name.startswith(FRAME) else None


def found(name: str) -> Given:
    """Return given rows by their name.

    Raises:
        DataError: This process does not have them.
    """
    try:
        rows = session.found(name)
    except KeyError:
        raise DataError(
            f"{name}: these rows were given in Python, and this process does not have them: make the family again, of"
            " the same rows, by Family.from_frame or another of its kind; or save them in a file and describe that"
            " (docs/your-own-data.md)"
        ) from None
    assert isinstance(rows, Given), "no class of a session is called so"
    return rows


def keep(
    family: str, by: str, frame: "pl.DataFrame", signals: Mapping[str, tuple[int, ...]], keys: Mapping[str, Any]
) -> str:
    """Keep rows for this process to find, and return their name.

    Args:
        family: The family's name.
        by: The call that gave them, for messages.
        frame: They.
        signals: As in ``Given``.
        keys: What they mean: the keys of a description but for ``data``.

    Raises:
        DataError: A key is not allowed, or a column cannot be used.
    """
    if idle := sorted(keys.keys() & OF_A_FILE):
        raise DataError(f"{by}: {idle[0]} says how a text file is read, and these rows are in memory: leave it out")
    called = f"the table of {family!r}"
    name = f"{FRAME}{digest(frame, [by, sorted(signals.items()), sorted(keys.items(), key=str)])[:16]}"
    description = Description.of_given({"data": name, **keys}, called, by)
    frame = dated(description, frame)
    check_usable(description, frame)
    session.remember(name, Given(description, frame, signals))
    return name


def digest(frame: "pl.DataFrame", about: object) -> str:
    """Hash a frame's columns, types and cells, and what is said about them."""
    whole = hashlib.sha256(f"{about!r}{frame.schema!r}".encode())
    for piece in frame.iter_slices(PIECE):
        text = io.BytesIO()
        piece.rechunk().write_ipc_stream(text)
        whole.update(text.getbuffer())
    return whole.hexdigest()


def dated(description: Description, frame: "pl.DataFrame") -> "pl.DataFrame":
    """Read texts that are all dates as dates, as in a CSV file: rows that were read from one are then what it is."""
    import polars as pl

    found = []
    for name, kind in frame.schema.items():
        if kind != pl.String or name in description.as_text or not description.means(name):
            continue
        # the first text that there is, without a copy of the others
        first = frame[name][frame[name].is_not_null().arg_max() or 0] if len(frame) else None
        if first is not None and DATE.match(first):
            texts = frame[name].drop_nulls().unique(maintain_order=True)
            written = texts.to_frame().write_csv().encode()
            # polars' own reader says what a date is
            dates = pl.read_csv(written, glob=False, try_parse_dates=True, infer_schema_length=None).to_series()
            found += [frame[name].replace_strict(texts, dates, default=None)] if dates.dtype.is_temporal() else []
    return frame.with_columns(found)


def check_usable(description: Description, frame: "pl.DataFrame") -> None:
    """Refuse columns that nothing can be made of, where they are used.

    Raises:
        DataError: There is one; the message says what to do.
    """
    import polars as pl

    for name, kind in frame.schema.items() if len(frame) else ():
        if not description.means(name):
            continue
        where = f"{description.file}: column {name!r}"
        if kind == pl.Null or frame[name].null_count() == len(frame):
            raise DataError(f"{where} has no value in any row: fill it, or leave it out of {description.path}")
        if isinstance(kind, pl.Struct) and not pictures.holds(kind, declared=False):
            parts = ", ".join(field.name for field in kind.fields)
            raise DataError(f"{where} holds structs of {parts}: make columns of them, frame.unnest({name!r})")
        if kind == pl.Object:
            raise DataError(f"{where} holds {kind} values: write numbers or texts, or an array of numbers a row")


def polars_of(data: Any, by: str, wanted: Container[str] = ()) -> "tuple[pl.DataFrame, dict[str, tuple[int, ...]]]":
    """Return a frame of polars from one of polars or pandas, or from columns by name; and shapes of its signals.

    Args:
        data: What was given.
        by: The call that gave it, for messages.
        wanted: Columns that are asked for by name.

    Raises:
        DataError: It is none, or a column cannot be read, or one that is wanted is in the index.
    """
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.DataFrame):
        return data, {}
    if isinstance(data, Mapping):
        return columns(Path(by), _inputs(data, by))
    if not (hasattr(data, "columns") and hasattr(data, "iloc")):
        raise DataError(
            f"{by}: got {type(data).__name__}; give a frame of polars or pandas, or a mapping of names to columns"
        )
    names = [str(name) for name in data.columns]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"{by}: {names.count(twice[0])} columns are called {twice[0]!r}: give each a name of its own")
    if asked := [name for name in map(str, data.index.names) if name in wanted and name not in names]:
        raise DataError(f"{by}: {asked[0]!r} is in the frame's index, which is not read: give frame.reset_index()")
    return columns(Path(by), {name: _of_pandas(data.iloc[:, place]) for place, name in enumerate(names)})


def columns(path: Path, arrays: Mapping[str, np.ndarray]) -> "tuple[pl.DataFrame, dict[str, tuple[int, ...]]]":
    """Return arrays ``(n, …)`` as columns, with the shapes of a row's array where it has several dimensions.

    Raises:
        DataError: Their lengths differ, one is no column, or an array of objects holds values of several types.
    """
    import polars as pl

    made, signals = {}, {}
    for name, given_array in arrays.items():
        array = given_array
        if array.ndim == 0:
            raise DataError(f"{path}: column {name!r} is one value, {brief(array.item(), 40)}, not one for each row")
        if array.dtype.kind in "Mm" and np.datetime_data(array.dtype)[0] not in RESOLUTIONS:
            array = array.astype(f"{array.dtype.kind}8[us]")
        if array.dtype == object:
            made[name] = _listed(path, name, array.tolist())
            continue
        if array.ndim > 2:
            signals[name] = array.shape[1:]
        # a column of an array of one column is a column like any other
        one = array.ndim == 1 or array.shape[1:] == (1,)
        made[name] = pl.Series(name, np.ascontiguousarray(array.reshape(len(array), *(() if one else (-1,)))))
    lengths = {name: len(column) for name, column in made.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{path}: arrays differ in length: {', '.join(f'{n} {k}' for n, k in lengths.items())}")
    return pl.DataFrame(list(made.values())), signals


def _array(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a tensor
        values = values.detach().cpu().numpy()
    if isinstance(values, np.ma.MaskedArray):
        if not np.ma.is_masked(values):
            return np.asarray(values.data)
        # what is masked is missing, whatever number stands behind the mask
        if values.dtype.kind not in NUMBERS:
            return _objects(values.tolist())
        return np.where(np.ma.getmaskarray(values), np.nan, values.data.astype(np.float64))
    if isinstance(values, np.ndarray):
        return values
    try:
        found = np.asarray(values)
    except ValueError:  # lists of several lengths
        return _objects(list(values))
    # of texts, and of texts and numbers: what each value is must not be lost
    return found if found.dtype.kind in NUMBERS or found.ndim == 0 else _objects(list(values))


def _objects(values: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    for row, value in enumerate(values):  # a list among them is one value
        found[row] = value
    return found


def _of_pandas(column: Any) -> np.ndarray:
    """Return a column of pandas; what is missing is None or NaN, and moments are in UTC."""
    kind = getattr(column.dtype, "kind", "O")
    if getattr(column.dtype, "tz", None) is not None:
        column, kind = column.dt.tz_convert("UTC").dt.tz_localize(None), TIMES
    if isinstance(column.dtype, np.dtype) and kind in NUMBERS + TIMES:
        return np.asarray(column.to_numpy())
    missing = column.isna().tolist()
    return _objects([None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)])


def _listed(path: Path, name: str, values: Sequence[Any]) -> "pl.Series":
    """Return a column of Python's values.

    Raises:
        DataError: They are of several types, or too large.
    """
    import polars as pl

    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        firsts: dict[str, tuple[int, Any]] = {}
        for row, value in enumerate(values):
            if value is not None:
                firsts.setdefault(type(value).__name__, (row, value))
        shown = ", ".join(f"{kind} in row {row} ({brief(value, 40)})" for kind, (row, value) in firsts.items())
        what = "values of several types" if len(firsts) > 1 else "values that are too large or no numbers or texts"
        raise DataError(f"{path}: column {name!r} holds {what}: {shown}; make them of one type") from None


def of_arrays(arrays: Any, by: str) -> "tuple[pl.DataFrame, dict[str, tuple[int, ...]], dict[str, Any]]":
    """Return rows, shapes of signals and roles of columns, of ``{client: (x, y)}`` or ``(x, y[, client])``.

    Raises:
        DataError: They do not fit together.
    """
    if isinstance(arrays, Mapping):
        x, y, client = _joined(arrays, by)
    elif isinstance(arrays, tuple) and len(arrays) in (2, 3):
        x, y, client = (*arrays, None)[:3]
    else:
        raise DataError(f"{by}: got {type(arrays).__name__}; give {{client: (x, y)}}, or (x, y, client)")
    inputs = _inputs(x, by)
    own = {"y": _array(y)} | ({} if client is None else {"client": _array(client)})
    if both := sorted(inputs.keys() & {"y", "client"}):
        raise DataError(f"{by}: x has a column {both[0]!r}, as the target or the client is called: rename it")
    frame, signals = columns(Path(by), {**inputs, **own})
    return frame, signals, {"target": "y", "features": list(inputs), **({} if client is None else {"client": "client"})}


def _inputs(x: Any, by: str) -> dict[str, np.ndarray]:
    """Return the columns of x by name: of a mapping, of a frame of polars or pandas, or those of one array."""
    if isinstance(x, Mapping):
        named = [(str(name), _array(values)) for name, values in x.items()]
    elif hasattr(x, "iloc"):
        named = [(str(name), _of_pandas(x.iloc[:, place])) for place, name in enumerate(x.columns)]
    elif hasattr(x, "get_columns"):
        named = [(column.name, _array(column.to_numpy())) for column in x.get_columns()]
    else:
        named = [("x", _array(x))]
    found = dict(named)
    if len(found) < len(named):
        raise DataError(f"{by}: two columns of x have one name: {', '.join(name for name, _ in named)}")
    return found


def _joined(arrays: Mapping[Any, Any], by: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the rows of all clients one after the other, with the client of each row."""
    if not arrays:
        raise DataError(f"{by}: there are no clients")
    pairs: dict[str, tuple[dict[str, np.ndarray], np.ndarray]] = {}
    for client, own in arrays.items():
        if not (isinstance(own, tuple | list) and len(own) == 2):
            raise DataError(f"{by}: client {client!r} has {type(own).__name__}; give (x, y)")
        if str(client) in pairs:
            raise DataError(f"{by}: two clients are called {str(client)!r}: give each a name of its own")
        pairs[str(client)] = x, y = _inputs(own[0], by), _array(own[1])
        if single := [name for name, values in {**x, "y": y}.items() if values.ndim == 0]:
            raise DataError(
                f"{by}: client {client!r} has one value as {single[0]}, not one for each row; x is (rows, …) and y"
                " (rows,): write [x] and [y] for one row"
            )
    (first, (names, _)), *others = pairs.items()
    for client, (x, y) in pairs.items():
        lengths = {name: len(values) for name, values in {**x, "y": y}.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{by}: client {client!r} has {', '.join(f'{k} rows of {n}' for n, k in lengths.items())}")
    for client, (x, _) in others:
        shapes = [{name: values.shape[1:] for name, values in own.items()} for own in (names, x)]
        if shapes[0] != shapes[1]:
            raise DataError(f"{by}: rows of client {first!r} have the shapes {shapes[0]}, of {client!r} {shapes[1]}")
    x = {name: np.concatenate([own[name] for own, _ in pairs.values()]) for name in names}
    sizes = [len(y) for _, y in pairs.values()]
    return x, np.concatenate([y for _, y in pairs.values()]), np.repeat(_objects(list(pairs)), sizes)


def items(dataset: Any, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all x and y of a data set whose items are ``(x, y)``.

    Raises:
        DataError: An item cannot be read, or differs in shape; the message says which.
    """
    xs: list[np.ndarray] = []
    ys: list[Any] = []
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise DataError(
            f"{by}: {type(dataset).__name__} has no length or cannot be indexed; give a data set with len and [], or"
            " collect its items, list(dataset)"
        )
    for number in range(len(dataset)):
        try:
            item = dataset[number]
            if isinstance(item, Mapping):  # it would be unpacked to its keys
                raise TypeError(f"it is a mapping of {', '.join(map(str, item))}, and (x, y) is read")
            x, y = item
            xs.append(np.asarray(_array(x)))
        except Exception as error:
            raise DataError(
                f"{by}: item {number} of the data set cannot be read: {type(error).__name__}: {brief(error)}; repair"
                " it, or leave it out by torch.utils.data.Subset"
            ) from None
        if xs[-1].shape != xs[0].shape:
            raise DataError(
                f"{by}: item {number} has the shape {list(xs[-1].shape)}, item 0 {list(xs[0].shape)}: bring all to one"
                " shape, images by a transform such as Resize and RGB"
            )
        ys.append(y.item() if hasattr(y, "item") and np.ndim(y) == 0 else _array(y) if np.ndim(y) else y)
    if not xs:
        raise DataError(f"{by}: the data set has no items")
    whole = np.stack(xs)
    return whole, np.stack(ys) if np.ndim(ys[0]) else _array(ys)
